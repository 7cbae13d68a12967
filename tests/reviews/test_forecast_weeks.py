"""Forecasts kept by the week, and held against what was won in the end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from contracts.models import Opportunity
from crm.core.acting import acting
from crm.core.door import create, move
from crm.handbook.models import HandbookVersion
from crm.people.models import User
from crm.reviews import tasks
from crm.reviews.forecast.asked import Asked
from crm.reviews.forecast.backtest import HISTORY, KEPT, READINGS, backtest
from crm.reviews.forecast.figures import forecast
from crm.reviews.forecast.snapshots import left_out, take_snapshots, weeks_of
from crm.reviews.models import ForecastSnapshot
from tests.contracts.deals import facts_for
from tests.factories import make_account, make_opportunity
from tests.races import race
from tests.reviews.forecasting import QUARTER, company, set_quota, world

MONDAY = date(2026, 3, 2)
WEEK = timedelta(days=7)
NEXT = date(2026, 4, 1)


def changed(one: Opportunity, by: User, at: datetime, **values: object) -> None:
    """Somebody changed it then."""
    with acting(actor=by, via="test", at=at):
        for name, value in values.items():
            setattr(one, name, value)
        one.save(update_fields=list(values))


@pytest.mark.django_db
def test_the_first_run_of_a_week_keeps_it_and_no_later_one_does(
    alice: User, bob: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with company():
        world([alice, bob, None], 40)
        set_quota(alice, 100_000)
        set_quota(bob, 100, quarter=NEXT, currency="CHF")
        taken = take_snapshots(at=now)
        found = forecast(Asked(QUARTER), at=now)
        rows = {one.owner_id: one for one in ForecastSnapshot.objects.filter(quarter=QUARTER)}
        assert taken == ForecastSnapshot.objects.count()
        assert {one.week for one in rows.values()} == {MONDAY}, "beat was down on Monday: Wednesday's run keeps it"
        assert set(rows) == {alice.pk, bob.pk, None}
        for owner, figures in found.owners.items():
            row = rows[owner]
            for part in ("won", "commit", "best_case", "pipeline", "omitted"):
                assert getattr(row, part) == figures[part].worth
                assert Decimal(row.apart.get("CHF", {}).get(part, 0)) == figures[part].apart.get("CHF", 0)
            assert (row.weighted, row.quota) == (figures.weighted.worth, figures.quota)
            assert (row.open_count, row.won_count) == (figures.open.count, figures["won"].count)
        # The same week again, up to its last minute where the company is; then the next one.
        monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 9, 6, 59, tzinfo=UTC))
        Opportunity.objects.filter(stage="closed_won").update(amount=1)
        tasks.keep_forecast()
        assert ForecastSnapshot.objects.count() == taken
        monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 9, 8, 0, tzinfo=UTC))
        tasks.keep_forecast()
        weeks = weeks_of(Asked(QUARTER))
        assert list(weeks) == [MONDAY, MONDAY + WEEK]
        assert weeks[MONDAY]["commit"] == found.total["commit"].worth
        assert left_out(weeks[MONDAY])["CHF"] == sum(
            found.total[part].apart.get("CHF", 0) for part in ("won", "commit", "best_case", "pipeline", "omitted")
        )
        assert weeks_of(Asked(QUARTER, owner=alice.pk))[MONDAY]["quota"] == 100_000
        assert weeks_of(Asked(NEXT, team=alice.team_id))[MONDAY]["quota"] is None


@pytest.mark.django_db
def test_a_week_with_nothing_in_it_is_kept_too_and_another_handbook_keeps_nothing(now: datetime) -> None:
    assert take_snapshots(at=now) == 2
    make_opportunity(amount=5, close_on=MONDAY + WEEK)
    assert take_snapshots(at=now) == 0
    assert weeks_of(Asked(QUARTER))[MONDAY]["pipeline"] == 0
    HandbookVersion.objects.update(sha256="0" * 64)
    assert take_snapshots(at=now + WEEK) == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once_keep_a_week_once(now: datetime) -> None:
    key = f"forecast_snapshot:{MONDAY.isoformat()}"
    behind = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
    taking = partial(take_snapshots, at=now)
    assert sorted(race(taking, taking, behind=behind, values=(key,))) == [0, 2]
    assert ForecastSnapshot.objects.count() == 2


BORN = datetime(2025, 9, 20, 17, tzinfo=UTC)


def sale(owner: User, stage: str, amount: int, close_on: date, **fields: Any) -> Opportunity:
    """An opportunity that was made in September 2025."""
    one = Opportunity(
        name=f"Sale {amount}", stage="meeting_set", account=make_account(), owner=owner, amount=amount,
        close_on=close_on, created_at=BORN, updated_at=BORN, **fields,
    )  # fmt: skip
    return create(one, actor=User.objects.system(), at=BORN, via="test", state=stage)


def moved(one: Opportunity, verb: str, by: User, at: datetime) -> None:
    """It was moved then."""
    move(one, verb, actor=by, at=at, via="test", reason="So", **facts_for(one, verb, at))


@pytest.mark.django_db
def test_the_backtest_holds_each_week_against_what_was_won(alice: User, mona: User, now: datetime) -> None:
    assert backtest(Asked(QUARTER), at=now).quarters == []
    autumn, noon = date(2025, 10, 1), timedelta(hours=19)
    won = sale(mona, "negotiation", 150, date(2025, 12, 10))
    lost = sale(alice, "negotiation", 60, date(2025, 11, 30))
    slips = sale(alice, "discovery", 40, date(2025, 12, 20), stated_forecast="best_case")
    early = sale(mona, "negotiation", 20, date(2025, 9, 25))
    changed(early, mona, datetime(2025, 9, 23, tzinfo=UTC) + noon, amount=Decimal(10))
    moved(early, "win", mona, datetime(2025, 9, 24, tzinfo=UTC) + noon)
    changed(won, mona, datetime(2025, 10, 20, tzinfo=UTC) + noon, amount=Decimal(100))
    moved(lost, "lose", mona, datetime(2025, 10, 27, tzinfo=UTC) + noon)
    changed(slips, mona, datetime(2025, 11, 10, tzinfo=UTC) + noon, close_on=date(2026, 2, 10))
    # Won, opened again and won again: once, in the quarter of its close date.
    for day, verb in ((25, "win"), (28, "reopen"), (29, "win")):
        moved(won, verb, mona, datetime(2025, 11, day, tzinfo=UTC) + noon)
    ForecastSnapshot.objects.create(
        week=date(2025, 11, 17), quarter=autumn, owner=alice, currency="USD", won=0, commit=90, best_case=30,
        pipeline=7, omitted=8, weighted=45, open_count=1, won_count=0, taken_at=BORN,
    )  # fmt: skip
    found = backtest(Asked(QUARTER), at=now)
    assert [(one.quarter.label, int(one.result)) for one in found.quarters] == [("Q4 2025", 100), ("Q3 2025", 10)]
    weeks = {week.monday: week for week in found.quarters[0].weeks}
    assert [week.number for week in weeks.values()] == list(range(1, 15))

    def told(month: int, day: int) -> tuple[object, ...]:
        week = weeks[date(2025, month, day)]
        return (*week.forecast.values(), week.source)

    assert told(9, 29) == told(10, 20) == (210, 250, 193, HISTORY)
    assert told(10, 27) == (160, 200, 148, HISTORY)
    assert told(11, 3) == told(11, 10) == (100, 140, 94, HISTORY)
    assert told(11, 17) == (90, 120, 45, KEPT), "what was kept stands, whatever history says"
    assert told(11, 24) == (100, 100, 90, HISTORY)
    assert told(12, 1) == told(12, 29) == (100, 100, 100, HISTORY)
    autumn_tried = found.quarters[0]
    assert [autumn_tried.error(weeks[date(2025, 9, 29)], one) for one in READINGS] == [110, 150, 93]
    assert autumn_tried.error(weeks[date(2025, 11, 17)], "weighted") == -55
    # Of summer only the weeks since the oldest record was made; week 13 was off by 100%, that of autumn by nothing.
    assert [week.number for week in found.quarters[1].weeks] == [13, 14]
    assert found.mean_error(13, "commit") == 50
    assert found.mean_error(8, "commit") == 10
    only = backtest(Asked(QUARTER, owner=alice.pk), at=now).quarters
    assert [one.result for one in only] == [0, 0]
    assert only[0].error(only[0].weeks[0], "commit") is None
    assert backtest(Asked(QUARTER, owner=alice.pk), at=now).mean_error(1, "commit") is None
