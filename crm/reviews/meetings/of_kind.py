"""The meetings of one kind, for the page of that review: begin one, join what runs, read what was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.core.permissions import may
from crm.people.models import User
from crm.reviews.meetings.counts import Counts, counts_of_each
from crm.reviews.meetings.kinds import KINDS, Scope, key_of, scopes_told
from crm.reviews.meetings.minutes import duration_words
from crm.reviews.models import Meeting

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One meeting in a list: what it goes through in words, how long it took, what became of its agenda."""

    meeting: Meeting
    words: str
    duration: str
    counts: Counts


def meetings_of(kind: str, scope: Scope, *, user: User, at: datetime) -> dict[str, Any]:
    """What `reviews/meetings_of_kind.html` shows, as its `meetings`: three queries, however many were held.

    `scope` is what a meeting that is begun here goes through, as the kind reads it (`read_scope`).
    """
    review = KINDS[kind]
    everything = Meeting.objects.filter(kind=kind)
    running = list(everything.running().select_related("holder"))
    held = list(everything.held()[:SHOWN])
    return {
        "kind": kind,
        "label": Meeting.Kind(kind).label,
        "scope": dict(scope),
        "scope_words": review.scope_words(scope),
        "running": _rows(running, at),
        "runs_here": any(one.scope_key == key_of(scope) for one in running),
        "may_start": may(user, "start", Meeting),
        "held": _rows(held, at),
    }


def _rows(meetings: Sequence[Meeting], at: datetime) -> list[Row]:
    counts, words = counts_of_each(meetings), scopes_told(meetings)
    return [Row(one, words[one.pk], duration_words(one, at=at), counts[one.pk]) for one in meetings]
