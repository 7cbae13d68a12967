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

from django.db import connection
from django.db.models import Min

from contracts.models import Opportunity
from crm import handbook
from crm.enquiries.attainment_asked import midnight
from crm.reviews import periods
from crm.reviews.forecast.asked import Asked, quarter_now
from crm.reviews.forecast.figures import Figures, figures_by_owner
from crm.reviews.forecast.snapshots import weeks_of

QUARTERS, MOST_QUARTERS = 4, 8
# How a forecast is read: by what its owners commit to, by all that may come, and by what the stages say.
READINGS = {"commit": "Won and commit", "best_case": "With best case", "weighted": "Won and weighted"}
KEPT, HISTORY = "kept", "history"
# Whatever a close date was at any time is there now, in a change of it, in a last image, or kept by another system.
EVER = """
    SELECT id FROM contracts_opportunity WHERE close_on BETWEEN %(first)s::date AND %(last)s::date
    UNION
    SELECT record_id FROM history_change
    WHERE object = 'opportunity' AND CASE op
        WHEN 'U' THEN what -> 'close_on' ->> 0 BETWEEN %(first)s AND %(last)s
                      OR what -> 'close_on' ->> 1 BETWEEN %(first)s AND %(last)s
        WHEN 'D' THEN what ->> 'close_on' BETWEEN %(first)s AND %(last)s
    END
    UNION
    SELECT record_id FROM history_priorchange
    WHERE object = 'opportunity' AND (field = 'CloseDate' OR more ? 'CloseDate')
"""


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
    found = []
    for back in range(1, quarters + 1):
        one = replace(asked, quarter=periods.next_quarter(quarter_now(at), -back), part="", lack="")
        if oldest is None or one.last < book.today(oldest):
            break
        found.append(tried(one, at=at, oldest=oldest))
    return Backtest(asked, book.company.currency, found)


def tried(asked: Asked, *, at: datetime, oldest: datetime) -> Tried:
    """One quarter that is over."""
    won = figures_by_owner(replace(asked, part="won"), at=at)
    kept = weeks_of(asked)
    mondays = periods.mondays(asked.first, asked.last)
    untold = any(day not in kept and midnight(day) >= oldest for day in mondays)
    ids = ever_closing(asked) if untold else []
    weeks = []
    for number, monday in enumerate(mondays, 1):
        if monday in kept:
            sums = kept[monday]
            closing = sums["won"] + sums["commit"]
            forecast = {
                "commit": closing,
                "best_case": closing + sums["best_case"],
                "weighted": sums["won"] + sums["weighted"],
            }
            weeks.append(Week(number, monday, KEPT, forecast))
        elif midnight(monday) >= oldest:
            then = total(figures_by_owner(asked, at=midnight(monday), was=True, ids=ids))
            readings = {"commit": then.closing, "best_case": then.best, "weighted": then.expected}
            weeks.append(Week(number, monday, HISTORY, readings))
    return Tried(asked, total(won)["won"].worth, weeks)


def ever_closing(asked: Asked) -> list[int]:
    """The opportunities that ever had a close date in the quarter: history is read of these alone."""
    with connection.cursor() as cursor:
        cursor.execute(EVER, {"first": asked.first.isoformat(), "last": asked.last.isoformat()})
        return [pk for (pk,) in cursor]


def total(owners: Mapping[int | None, Figures]) -> Figures:
    """The figures of all of them."""
    found = Figures()
    for one in owners.values():
        found.add(one)
    return found
