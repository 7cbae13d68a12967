"""The figures of a quarter's forecast, by owner: what the page, the API, the file and the snapshots ask (C8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from crm import handbook
from crm.enquiries.attainment import positional
from crm.people.models import User
from crm.reviews import periods
from crm.reviews.forecast.asked import LATE, OPEN_PARTS, PARTS, Asked
from crm.reviews.forecast.standing import standing, standing_each
from crm.reviews.models import Quota
from crm.reviews.pipeline.valued import Statement

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
# Kept apart by currency where there is no rate. What is open is added to a key of its own, as it is in snapshots.
SUMS = """
    SELECT {number}, owner_id, part, late, CASE WHEN amount <> 0 AND worth IS NULL THEN currency END AS apart,
           count(*), count(*) FILTER (WHERE amount IS NULL), COALESCE(sum(worth), 0), COALESCE(sum(weighted), 0),
           COALESCE(sum(amount), 0), COALESCE(sum(round(amount * probability / 100, 2)), 0)
    FROM ({standing}) one GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(slots=True)
class Sum:
    """What some opportunities come to: `worth` in the company's currency, `count` of all of them, `without` of those
    that have no amount; `apart` are the amounts without a rate, by currency, and never added."""

    worth: Decimal = ZERO
    count: int = 0
    without: int = 0
    apart: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: Sum) -> None:
        """Take these in."""
        self.worth += other.worth
        self.count += other.count
        self.without += other.without
        for currency, amount in other.apart.items():
            self.apart[currency] = self.apart.get(currency, ZERO) + amount


@dataclass(slots=True)
class Figures:
    """The forecast of somebody, a team or all: a sum for each part, what is open weighted, and the quota.

    Past due is part of what is open while the quarter runs, and nothing of it afterwards.

    `quota` is None where nobody set one; `quota_apart` are quotas in a currency without a rate, never added.
    """

    parts: dict[str, Sum] = field(default_factory=lambda: {part: Sum() for part in PARTS})
    weighted: Sum = field(default_factory=Sum)
    quota: Decimal | None = None
    quota_apart: dict[str, Decimal] = field(default_factory=dict)

    def __getitem__(self, part: str) -> Sum:
        return self.parts[part]

    @property
    def in_quarter(self) -> bool:
        """Whether anything of the quarter is in it, be it a quota."""
        counts = any(self.parts[part].count for part in ("won", *OPEN_PARTS, LATE))
        return counts or self.quota is not None or bool(self.quota_apart)

    @property
    def open(self) -> Sum:
        """What is open in any category."""
        return added(self.parts[part] for part in OPEN_PARTS)

    @property
    def closing(self) -> Decimal:
        """Won and commit: what is forecast to come in."""
        return self.parts["won"].worth + self.parts["commit"].worth

    @property
    def best(self) -> Decimal:
        """Won, commit and best case: what may come in if all goes well."""
        return self.closing + self.parts["best_case"].worth

    @property
    def expected(self) -> Decimal:
        """Won, and what is open weighted."""
        return self.parts["won"].worth + self.weighted.worth

    @property
    def missing(self) -> Decimal | None:
        """What is still to be won for the quota; nothing once it is met; None without one."""
        return None if self.quota is None else max(ZERO, self.quota - self.parts["won"].worth)

    @property
    def attained(self) -> int | None:
        """The won part of the quota, in percent; None without one, or where it is nothing."""
        return percent(self.parts["won"].worth, self.quota) if self.quota else None

    @property
    def coverage(self) -> int | None:
        """What is open and not omitted in percent of what is missing; None where nothing is, or without a quota."""
        if not self.missing:
            return None
        return percent(sum((self.parts[part].worth for part in OPEN_PARTS if part != "omitted"), ZERO), self.missing)

    def add(self, other: Figures) -> None:
        """Take these in."""
        for part, one in other.parts.items():
            self.parts[part].add(one)
        self.weighted.add(other.weighted)
        if other.quota is not None:
            self.quota = (self.quota or ZERO) + other.quota
        for currency, amount in other.quota_apart.items():
            self.quota_apart[currency] = self.quota_apart.get(currency, ZERO) + amount


@dataclass(slots=True)
class Forecast:
    """The forecast of a quarter: by owner (None is nobody), by the owner's team now, and in total; `over`: it has
    ended.

    `misplaced`: how many quotas begin on which days of these months though no quarter begins there, as when the fiscal
    year was another one. They are in no forecast.
    """

    asked: Asked
    currency: str
    over: bool
    owners: dict[int | None, Figures] = field(default_factory=dict)
    teams: dict[int | None, Figures] = field(default_factory=dict)
    total: Figures = field(default_factory=Figures)
    names: dict[int | None, str] = field(default_factory=dict)
    team_of: dict[int | None, int | None] = field(default_factory=dict)
    team_names: dict[int | None, str] = field(default_factory=dict)
    misplaced: dict[date, int] = field(default_factory=dict)


def added(sums: Iterable[Sum]) -> Sum:
    """Several sums as one."""
    found = Sum()
    for one in sums:
        found.add(one)
    return found


def percent(part: Decimal, whole: Decimal) -> int:
    """A part in percent of a whole that is not nothing, as a whole number."""
    return int((part * 100 / whole).quantize(Decimal(1), ROUND_HALF_UP))


def forecast(asked: Asked, *, at: datetime, was: bool = False) -> Forecast:
    """The forecast of a quarter as it is known at a moment; three queries. `was`: as it was then, by history, beside
    the quotas and teams of now."""
    book = handbook.current()
    found = Forecast(asked, book.company.currency, asked.last < book.today(at))
    found.owners = figures_by_owner(asked, at=at, was=was)
    # Those that begin within this quarter or the one before, on a day on which none begins, reach into this one too.
    quotas = Quota.objects.filter(quarter__gt=periods.next_quarter(asked.quarter, -1), quarter__lte=asked.last)
    for quota in quotas.filter(whose(asked)).order_by("quarter"):
        if quota.quarter != asked.quarter:
            found.misplaced[quota.quarter] = found.misplaced.get(quota.quarter, 0) + 1
            continue
        figures = found.owners.setdefault(quota.owner_id, Figures())
        worth = worth_on(quota.amount, quota.currency, quota.quarter)
        if worth is None:
            figures.quota_apart[quota.currency] = quota.amount
        else:
            figures.quota = worth
    people = User.objects.filter(pk__in=[pk for pk in found.owners if pk]).select_related("team")
    for one in people:
        found.names[one.pk] = str(one) if one.is_active else f"{one} (left)"
        found.team_of[one.pk] = one.team_id
        found.team_names[one.team_id] = one.team.name if one.team else "No team"
    for pk, figures in found.owners.items():
        found.total.add(figures)
        found.teams.setdefault(found.team_of.get(pk), Figures()).add(figures)
    found.names[None] = "Nobody"
    found.team_names[None] = "No team"
    return found


def figures_by_owner(asked: Asked, *, at: datetime, was: bool = False) -> dict[int | None, Figures]:
    """The figures without quotas, as they are known at a moment; `was`: as they were then, by history."""
    return dict(_summed(standing(asked, at, was=was))[1])


def figures_each(asked: Asked, forecasts: Sequence[tuple[datetime, Asked]]) -> list[Figures]:
    """Of each of these forecasts, at moments that rise, the figures of all owners that are asked for, by history; what
    is of no quarter is left out. One query."""
    if not forecasts:
        return []
    found = _summed(standing_each(asked, forecasts), "n")
    made = [Figures() for _ in forecasts]
    for number, owners in found.items():
        for one in owners.values():
            made[number - 1].add(one)
    return made


def _summed(rows: Statement, number: str = "1") -> dict[int, dict[int | None, Figures]]:
    """The sums of these rows of `standing`: by the number of the forecast and owner."""
    statement, params = rows
    found: dict[int, dict[int | None, Figures]] = defaultdict(lambda: defaultdict(Figures))
    with connection.cursor() as cursor:
        cursor.execute(SUMS.format(standing=statement, number=number), params)
        for n, owner, part, late, apart, count, without, worth, weighted, amount, amount_weighted in cursor:
            figures, kept = found[n][owner], bool(apart)
            one = Sum(ZERO if kept else worth, count, without, {apart: amount} if kept else {})
            if part != LATE:
                figures.parts[part].add(one)
            if late:
                figures.parts[LATE].add(one)
            if part in OPEN_PARTS:
                left = {apart: amount_weighted} if kept else {}
                figures.weighted.add(Sum(ZERO if kept else weighted, count, without, left))
    return found


def counted(asked: Asked, *, at: datetime) -> Q:
    """The opportunities that a number counts, as a condition on opportunities: what it opens."""
    statement, params = standing(asked, at)
    # The statement is made of these modules' own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(f"SELECT id FROM ({statement}) one", params)))  # noqa: S611


def whose(asked: Asked, path: str = "owner") -> Q:
    """The condition on records with an owner of whose forecast is asked for."""
    found = Q()
    if asked.owner is not None:
        found &= Q(**{path: asked.owner}) if asked.owner else Q(**{f"{path}__isnull": True})
    if asked.team is not None:
        found &= Q(**{f"{path}__team": asked.team}) if asked.team else Q(**{f"{path}__team__isnull": True})
    return found


def worth_on(amount: Decimal, currency: str, day: date) -> Decimal | None:
    """An amount in the company's currency at the rate of a day, to the cent; None without a rate."""
    company = handbook.current().company
    if currency == company.currency:
        return amount
    since = [one for one in company.rates if one.currency == currency and one.since <= day]
    rate = max(since, key=lambda one: one.since, default=None)
    return None if rate is None else (amount * Decimal(str(rate.rate))).quantize(CENT, ROUND_HALF_UP)
