"""The lead pipeline review as a kind of meeting: open leads that need somebody, one after the other (P2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from crm import handbook
from crm.activities.models import NextTouch
from crm.people.models import User
from crm.reviews.lead_review.agenda import REASONS, agenda, figures_of, totals
from crm.reviews.lead_review.card import card_of
from crm.reviews.lead_review.done import ANSWERS, done_between
from crm.reviews.lead_review.form import LeadReviewForm
from crm.reviews.lead_review.scopes import read_scope, scope_words
from crm.reviews.lead_review.writing import answer_lead
from crm.reviews.meetings.kinds import Entry, ReviewKind, Scope, register
from crm.reviews.models import Item, Meeting
from leads.models import Lead


class LeadReview(ReviewKind):
    """Open leads in scope that somebody has to do something about, what is riskiest first."""

    key = str(Meeting.Kind.LEADS)
    model: ClassVar[type[models.Model]] = Lead
    page = "lead_review"
    reasons = REASONS
    answers = ANSWERS
    template = "reviews/lead_review_card.html"

    def read_scope(self, given: Mapping[str, str]) -> Scope:
        """An owner’s, a team’s, of a lead source, or everything."""
        return read_scope(given)

    def scope_words(self, scope: Scope) -> str:
        """Whose leads are gone through."""
        return scope_words(scope)

    def agenda(self, scope: Scope, *, at: datetime) -> Sequence[Entry]:
        """Those that need somebody; the others are counted among the figures."""
        return agenda(scope, at=at)

    def totals(self, scope: Scope, *, at: datetime) -> dict[str, Any]:
        """How many are open, on the agenda and not on it, and what they need."""
        return totals(scope, at=at)

    def form(self, record: Any, *, data: Any = None, at: datetime) -> LeadReviewForm:
        """What happened, what is next, and who has it."""
        return LeadReviewForm(record, data, at=at)

    def write(self, record: Any, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str) -> list[str]:
        """By the services that its own page calls."""
        return answer_lead(record, facts, actor=actor, at=at, via=via)

    def done_since(self, item: Item, record: Any, *, since: datetime) -> list[str]:
        """What the change log, the moves and the touches say was done after this moment."""
        return done_between(record, since=since) if record is not None else []

    def card(self, item: Item, record: Any, *, user: User, at: datetime) -> dict[str, Any]:
        """Its clock, its touches, its path, and what can be done."""
        return card_of(item, record, user=user, at=at)

    def is_gone(self, record: Any | None) -> bool:
        """Closed, converted, deleted or merged: it needs nobody any more."""
        return record is None or not record.is_open

    def gone_words(self, record: Any | None) -> str:
        """How it was closed."""
        return f"It is {record.get_status_display()} now." if record is not None else super().gone_words(record)

    def find(self, ids: Collection[int]) -> dict[int, Any]:
        """With the owner and the queue, whom the card names."""
        return Lead.objects.select_related("owner", "queue").in_bulk(list(ids))

    def stands(self, record: Any, *, at: datetime) -> bool:
        """Whether a next touch stands whose day has not passed."""
        today = handbook.current().today(at)
        return NextTouch.objects.filter(lead=record, due_on__gte=today).exists()

    def figures(self, totals: Mapping[str, Any]) -> Mapping[str, str]:
        """The figures at the start, in words."""
        return figures_of(totals)


LEADS = register(LeadReview())
