"""How often something is heard of, and whether it has fallen silent: plain Python over the times of what it said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

# So many pauses say what is usual, the newest ones; with fewer events than `LEAST` nobody knows.
PAUSES, LEAST = 20, 5
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The last word, and the usual pause between two: the median of the newest ones, a day at least.

    What says something every minute is silent for a night and a weekend: a shorter pause would be no news.
    """

    last: datetime
    pause: timedelta

    def is_over(self, at: datetime, *, times: int) -> bool:
        """Whether by `at` more than so many times the usual pause has passed since the last word."""
        return at - self.last > self.pause * times

    @property
    def usual(self) -> str:
        """The usual pause in words."""
        days = round(self.pause / DAY)
        return "daily" if days <= 1 else f"every {days} days"


def rhythm_of(times: Iterable[datetime | None]) -> Rhythm | None:
    """The rhythm of what happened at these times, in any order; None where they are too few to tell."""
    known = sorted({one for one in times if one is not None}, reverse=True)[: PAUSES + 1]
    if len(known) < LEAST:
        return None
    pauses = [(later - earlier).total_seconds() for later, earlier in pairwise(known)]
    return Rhythm(known[0], max(timedelta(seconds=median(pauses)), DAY))
