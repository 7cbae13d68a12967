"""Today's agenda of a huddle with its figures, as the page, programs and files have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.reviews.huddle.agenda import REASONS, Place, counts_of, places
from crm.reviews.huddle.list_filter import GROUPS, REST, counted
from crm.reviews.huddle.scopes import last_held
from crm.reviews.huddle.totals import totals_of
from crm.reviews.meetings.kinds import Scope
from crm.reviews.models import Meeting

# The words of each reason, the heaviest first, and of what has none in particular.
WORDS: Mapping[str, str] = {**REASONS, REST: GROUPS[REST]}


@dataclass(frozen=True, slots=True)
class Today:
    """What would be gone through now. `totals` are those of `totals_of`; `reasons` count each code of `WORDS`."""

    scope: Scope
    places: Sequence[Place]
    last: Meeting | None
    totals: Mapping[str, Any]
    reasons: Mapping[str, int]


def today(scope: Scope, *, at: datetime) -> Today:
    """The whole agenda at this moment, in its order, and its figures."""
    found, last = places(scope, at=at), last_held(scope, before=at)
    return Today(
        scope,
        found,
        last,
        totals_of(found, scope, last=last, at=at),
        {**counts_of(found), REST: len(counted(found, {"reason": REST}))},
    )
