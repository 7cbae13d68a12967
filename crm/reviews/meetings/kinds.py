"""What a meeting goes through: each kind of review says which records, in which order, and what is asked of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.urls import reverse

from crm.core.display import plain_text
from crm.people.models import User
from crm.reviews.models import Item, Meeting

Scope = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of an agenda: why it is where it is (codes, the heaviest first), and how it is now, by field."""

    record_id: int
    name: str
    owner_id: int | None
    reasons: Sequence[str] = ()
    before: Mapping[str, Any] = field(default_factory=dict)


class ReviewKind:
    """One kind of review. The engine (`meetings.services`) knows nothing about leads or opportunities but this.

    What is asked of a record is drawn within the engine's own form, which has fields of its own beside it: their names
    begin with `item_`. The template gets what `card` returns and besides: `form`, `item`, `record`, `meeting`,
    `writes` (whether who looks holds the minutes: without it offer nothing that writes), `here` (the address that a
    dialog comes back to, as its `next`). It opens no form of its own: links with `data-dialog` load dialogs.
    """

    key: ClassVar[str]
    model: ClassVar[type[models.Model]]
    # The name of its page, which is its tab's key as well: its ritual is the one that opens it.
    page: ClassVar[str]
    # The words of each reason, by code: "The next step is past due."
    reasons: ClassVar[Mapping[str, str]]
    # The words of each answer, by code: "Next step done".
    answers: ClassVar[Mapping[str, str]]
    # Fields whose changes `told` tells already, in words of its own.
    told_fields: ClassVar[Collection[str]] = ()
    # The template of one record, given what `card` returns and the bound or unbound `form`; this one draws its fields.
    template: ClassVar[str] = "reviews/meeting_card.html"

    def read_scope(self, given: Mapping[str, str]) -> Scope:
        """What narrows it, from an address or a form.

        Raises:
            Refused: `missing_facts` with the field that is wrong.
        """
        raise NotImplementedError

    def scope_words(self, scope: Scope) -> str:
        """The scope as people say it; "Everything" for none."""
        raise NotImplementedError

    def agenda(self, scope: Scope, *, at: datetime) -> Sequence[Entry]:
        """Every record in scope, none left out, in the order they are gone through."""
        raise NotImplementedError

    def totals(self, scope: Scope, *, at: datetime) -> dict[str, Any]:
        """The figures at the start, JSON: told at the head of the minutes."""
        raise NotImplementedError

    def form(self, record: Any, *, data: Any = None, at: datetime) -> forms.Form:
        """What is asked of one record in place, its present values as the initial ones."""
        raise NotImplementedError

    def write(self, record: Any, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str) -> list[str]:
        """Do what the form says, by the record's own services, within the engine's transaction.

        Returns:
            The codes of what was done, in order; none when nothing was asked for.

        Raises:
            Refused, Stale: as those services.
        """
        raise NotImplementedError

    def done_since(self, item: Item, record: Any, *, since: datetime) -> list[str]:
        """The codes of what was done with the record since, in dialogs of its own: read off the change log."""
        raise NotImplementedError

    def card(self, item: Item, record: Any, *, user: User, at: datetime) -> dict[str, Any]:
        """What the template shows of one record."""
        raise NotImplementedError

    def is_gone(self, record: Any | None) -> bool:
        """Whether there is nothing more to ask: closed, deleted or merged."""
        raise NotImplementedError

    def gone_words(self, record: Any | None) -> str:
        """Why there is nothing more to ask, in a sentence."""
        return "It was closed meanwhile." if record is not None else "It was deleted or merged meanwhile."

    def find(self, ids: Collection[int]) -> dict[int, Any]:
        """The records of these ids that are still there, with what `card` and `is_gone` look at."""
        return dict(self.model._base_manager.in_bulk(list(ids)))

    def address(self, record: Any) -> str:
        """The page of one record."""
        meta = self.model._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])

    def stands(self, record: Any, *, at: datetime) -> bool:
        """Whether "nothing new" says enough without a note: what was promised stands, and is not past due."""
        return False

    def told(self, items: Sequence[Item]) -> Mapping[int, Sequence[str]]:
        """What the minutes say of items beside their answers, changes and notes, by the item's id: what was promised.

        A few queries for all of them, however many they are.
        """
        return {}

    def figures(self, totals: Mapping[str, Any]) -> Mapping[str, str]:
        """What `totals` returned, as the minutes tell it: label to value, in order."""
        return {
            key.replace("_", " ").capitalize(): plain_text(value)
            for key, value in totals.items()
            if not isinstance(value, dict | list)
        }


KINDS: dict[str, ReviewKind] = {}


def register(kind: ReviewKind) -> ReviewKind:
    """Let meetings go through this kind of review."""
    KINDS[kind.key] = kind
    return kind


def key_of(scope: Scope) -> str:
    """A scope as one word, the same for the same scope: "owner=4&team=2"; empty for everything."""
    return "&".join(f"{name}={scope[name]}" for name in sorted(scope))


def scopes_told(meetings: Iterable[Meeting]) -> dict[int, str]:
    """What each meeting goes through in words, by its id; the same scope is asked about once."""
    words: dict[tuple[str, str], str] = {}
    found = {}
    for one in meetings:
        key = (one.kind, one.scope_key)
        if key not in words:
            words[key] = KINDS[one.kind].scope_words(one.scope)
        found[one.pk] = words[key]
    return found


def last_held(kind: str, scope: Scope, *, before: datetime | None = None) -> Meeting | None:
    """The last meeting of this kind and scope that has minutes, of those that ended before a moment if one is given:
    what was promised in it is asked for in the next."""
    held = Meeting.objects.held().filter(kind=kind, scope_key=key_of(scope))
    return (held if before is None else held.filter(ended_at__lt=before)).first()
