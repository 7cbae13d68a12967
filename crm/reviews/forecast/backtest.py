"""What a forecast was worth: for each quarter that is over, what was forecast in its weeks, against what was won (C8).

Week n of a quarter is the n-th week of the company's calendar with a day in it. What was forecast then is what its
snapshot kept; without one, what history says of the moment that week began, by the handbook of today, which is told.
Nothing is said of weeks before the oldest opportunity was made. The result is what is won in the quarter as it is known
now. An error is the forecast's distance from the result in percent of the result; a quarter that won nothing has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Min

from contracts.models import Opportunity
from crm import handbook
from crm.enquiries.attainment_asked import midnight
from crm.reviews import periods
from crm.reviews.forecast.asked import Asked, quarter_now
from crm.reviews.forecast.figures import Figures, figures_by_owner, figures_each
from crm.reviews.forecast.snapshots import weeks_of

QUARTERS, MOST_QUARTERS = 4, 8
# How a forecast is read: by what its owners commit to, by all that may come, and by what the stages say.
READINGS = {"commit": "Won and commit", "best_case": "With best case", "weighted": "Won and weighted"}
KEPT, HISTORY = "kept", "history"


@dataclass(frozen=True, slots=True)
class Week:
    """What was forecast in a week, by reading; `source` says whether it was kept, or is told by history."""

    number: int
    monday: date
    source: str
    forecast: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Tried:
    """A quarter that is over: what was won in it, and what had been forecast."""

    quarter: Asked
    result: Decimal
    weeks: list[Week] = field(default_factory=list)

    def error(self, week: Week, reading: str) -> int | None:
        """The distance of a forecast from the result in percent of the result, below it negative; None without one."""
        if not self.result:
            return None
        share = (week.forecast[reading] - self.result) * 100 / self.result
        return int(share.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Backtest:
    """The quarters that are over, the newest first."""

    asked: Asked
    currency: str
    quarters: list[Tried]

    @property
    def numbers(self) -> list[int]:
        """The weeks that any quarter has something of."""
        return sorted({week.number for one in self.quarters for week in one.weeks})

    def mean_error(self, number: int, reading: str) -> int | None:
        """The mean of the errors in a week, whatever their sign (MAPE), in percent; None where there is none."""
        found = [abs(error) for error in self.errors(number, reading)]
        return int((Decimal(sum(found)) / len(found)).quantize(Decimal(1), ROUND_HALF_UP)) if found else None

    def errors(self, number: int, reading: str) -> Iterator[int]:
        """The errors of all quarters in a week."""
        for one in self.quarters:
            for week in one.weeks:
                if week.number == number and (error := one.error(week, reading)) is not None:
                    yield error


def backtest(asked: Asked, *, at: datetime, quarters: int = QUARTERS) -> Backtest:
    """The last quarters that are over before a moment, of the owner or team that is asked for."""
    oldest = Opportunity.objects.aggregate(oldest=Min("created_at"))["oldest"]
    book = handbook.current()
    over: list[Asked] = []
    for back in range(1, quarters + 1):
        one = replace(asked, quarter=periods.next_quarter(quarter_now(at), -back), part="", lack="")
        if oldest is None or one.last < book.today(oldest):
            break
        over.append(one)
    kept = {one: weeks_of(one) for one in over}
    untold = sorted(
        ((midnight(day), one) for one in over for day in mondays(one) if day not in kept[one]),
        key=lambda pair: pair[0],
    )
    untold = [(moment, one) for moment, one in untold if oldest and moment >= oldest]
    known = dict(zip(untold, figures_each(asked, untold), strict=True))
    return Backtest(asked, book.company.currency, [tried(one, kept[one], known, at=at) for one in over])


def tried(
    asked: Asked,
    kept: Mapping[date, Mapping[str, Decimal]],
    known: Mapping[tuple[datetime, Asked], Figures],
    *,
    at: datetime,
) -> Tried:
    """One quarter that is over: its weeks that were kept, and those that history knows."""
    won = total(figures_by_owner(replace(asked, part="won"), at=at))["won"].worth
    weeks = []
    for number, monday in enumerate(mondays(asked), 1):
        if sums := kept.get(monday):
            closing = sums["won"] + sums["commit"]
            readings = {
                "commit": closing,
                "best_case": closing + sums["best_case"],
                "weighted": sums["won"] + sums["weighted"],
            }
            weeks.append(Week(number, monday, KEPT, readings))
        elif then := known.get((midnight(monday), asked)):
            readings = {"commit": then.closing, "best_case": then.best, "weighted": then.expected}
            weeks.append(Week(number, monday, HISTORY, readings))
    return Tried(asked, won, weeks)


def mondays(asked: Asked) -> list[date]:
    """The weeks of a quarter, by their first days."""
    return periods.mondays(asked.first, asked.last)


def total(owners: Mapping[int | None, Figures]) -> Figures:
    """The figures of all of them."""
    found = Figures()
    for one in owners.values():
        found.add(one)
    return found
