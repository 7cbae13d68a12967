"""What a meeting goes through: each kind of review says which records, in which order, and what is asked of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db import models

from crm.people.models import User
from crm.reviews.models import Item

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
    """One kind of review. The engine (`meetings.services`) knows nothing about leads or opportunities but this."""

    key: ClassVar[str]
    model: ClassVar[type[models.Model]]
    # The words of each reason, by code: "The next step is past due."
    reasons: ClassVar[Mapping[str, str]]
    # The words of each answer, by code: "Next step done".
    answers: ClassVar[Mapping[str, str]]
    # The template of one record, given what `card` returns and the bound or unbound `form`.
    template: ClassVar[str]

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


KINDS: dict[str, ReviewKind] = {}


def register(kind: ReviewKind) -> ReviewKind:
    """Let meetings go through this kind of review."""
    KINDS[kind.key] = kind
    return kind
