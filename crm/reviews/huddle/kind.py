"""The sales huddle as a kind of review: every open opportunity, and what is done next (P1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from contracts.models import Opportunity
from contracts.stages import find_stage
from crm import handbook
from crm.people.models import User
from crm.reviews.huddle.agenda import REASONS, entry_of, places
from crm.reviews.huddle.card import card_of
from crm.reviews.huddle.done import ANSWERS, done_between
from crm.reviews.huddle.forms import HuddleForm
from crm.reviews.huddle.promises import told_of_items
from crm.reviews.huddle.scopes import last_held, read_scope, scope_words
from crm.reviews.huddle.totals import figures_of, totals_of
from crm.reviews.huddle.writing import answer_opportunity
from crm.reviews.meetings.kinds import Entry, ReviewKind, Scope, register
from crm.reviews.models import Item, Meeting


class Huddle(ReviewKind):
    """Every open opportunity in scope, one after the other."""

    key = str(Meeting.Kind.HUDDLE)
    model: ClassVar[type[models.Model]] = Opportunity
    page = "huddle"
    reasons = REASONS
    answers = ANSWERS
    template = "reviews/huddle_card.html"
    told_fields = ("next_step", "next_step_due")

    def read_scope(self, given: Mapping[str, str]) -> Scope:
        """An owner's, a team's, or everything."""
        return read_scope(given)

    def scope_words(self, scope: Scope) -> str:
        """Whose opportunities are gone through."""
        return scope_words(scope)

    def agenda(self, scope: Scope, *, at: datetime) -> Sequence[Entry]:
        """Every open opportunity in scope, promises that were not kept first."""
        return [entry_of(place) for place in places(scope, at=at)]

    def totals(self, scope: Scope, *, at: datetime) -> dict[str, Any]:
        """How many, how much, how likely, and how promises were kept since last time."""
        return totals_of(places(scope, at=at), scope, last=last_held(scope, before=at), at=at)

    def form(self, record: Any, *, data: Any = None, at: datetime) -> HuddleForm:
        """Whether the promise was kept, what is done next, and what is expected."""
        return HuddleForm(record, data, at=at)

    def write(self, record: Any, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str) -> list[str]:
        """By the services that its own page calls."""
        return answer_opportunity(record, facts, actor=actor, at=at, via=via)

    def done_since(self, item: Item, record: Any, *, since: datetime) -> list[str]:
        """What the change log, the moves and the promises say was done after this moment."""
        return done_between(record, since=since) if record is not None else []

    def card(self, item: Item, record: Any, *, user: User, at: datetime) -> dict[str, Any]:
        """What was promised, what changed, why it is here, and what can be done."""
        return card_of(item, record, user=user, at=at)

    def is_gone(self, record: Any | None) -> bool:
        """Closed, deleted or merged: there is nothing left to promise.

        In a stage that the handbook has no more it is not closed: somebody has to say where it goes.
        """
        return record is None or (not record.is_open and find_stage(record.stage) is not None)

    def gone_words(self, record: Any | None) -> str:
        """How it was closed."""
        return f"It is {record.stage_label} now." if record is not None else super().gone_words(record)

    def find(self, ids: Collection[int]) -> dict[int, Any]:
        """With the owner, the account and the contact, whom the card names."""
        return Opportunity.objects.select_related("owner", "account", "contact").in_bulk(list(ids))

    def stands(self, record: Any, *, at: datetime) -> bool:
        """Whether its next step stands, with a day that has not passed."""
        due = record.next_step_due
        return bool(record.next_step) and due is not None and due >= handbook.current().today(at)

    def told(self, items: Sequence[Item]) -> Mapping[int, Sequence[str]]:
        """What was promised last time and whether it was kept; and what is promised now."""
        return told_of_items(items)

    def figures(self, totals: Mapping[str, Any]) -> Mapping[str, str]:
        """The figures at the start, in words."""
        return figures_of(totals)


HUDDLE = Huddle()
register(HUDDLE)
