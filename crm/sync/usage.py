"""How often keys ask, by day (UTC): what was added up of ended minutes, and the minute that is being counted.

Days are kept for a year. That is all that is known: which addresses a key asks is in no table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum

from crm.core.charts import Chart, Row, chart
from crm.sync.models import ApiKey, KeyDay, KeyUse

SHOWN, WEEK = 30, 7
KEPT = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Day:
    """What a key asked on one day: how often, and how often of these it was told to wait (429)."""

    day: date
    requests: int = 0
    refused: int = 0


def days_of(key: ApiKey, *, at: datetime, days: int = SHOWN) -> list[Day]:
    """The last days, the oldest first, also those on which it asked nothing."""
    today = at.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    found = {one.day: [one.requests, one.refused] for one in KeyDay.objects.filter(api_key=key, day__gte=first)}
    use = KeyUse.objects.filter(subject=f"key:{key.pk}").first()
    if use is not None:
        day = found.setdefault(use.began_at.astimezone(UTC).date(), [0, 0])
        day[0] += use.count
        day[1] += max(0, use.count - key.per_minute)
    asked = (first + timedelta(days=n) for n in range(days))
    return [Day(day, *found.get(day, (0, 0))) for day in asked]


def week_of(keys: Collection[ApiKey], *, at: datetime) -> dict[int, int]:
    """How often each of these keys asked in the last seven days."""
    first = at.astimezone(UTC).date() - timedelta(days=WEEK - 1)
    ids = [key.pk for key in keys]
    added = KeyDay.objects.filter(api_key__in=ids, day__gte=first).order_by().values_list("api_key")
    found = {pk: int(count or 0) for pk, count in added.annotate(Sum("requests"))}
    for use in KeyUse.objects.filter(subject__in=[f"key:{pk}" for pk in ids]):
        if use.began_at.astimezone(UTC).date() >= first:
            pk = int(use.subject.partition(":")[2])
            found[pk] = found.get(pk, 0) + use.count
    return found


def chart_of(days: Sequence[Day]) -> Chart:
    """A bar for each day: what was answered, and upon it what was told to wait."""
    rows = [
        Row(
            f"{one.day:%b} {one.day.day}",
            "",
            f"{one.day:%b} {one.day.day}: {one.requests:,} requests, {one.refused:,} of them told to wait",
            (("good", one.requests - one.refused), ("bad", one.refused)),
        )
        for one in days
    ]
    total = sum(one.requests for one in days)
    return chart(rows, says=f"Requests in the last {len(days)} days: {total:,}.")


def forget_days(*, at: datetime) -> int:
    """Remove days that are older than a year; how many there were."""
    removed, _ = KeyDay.objects.filter(day__lt=(at - KEPT).astimezone(UTC).date()).delete()
    return removed
