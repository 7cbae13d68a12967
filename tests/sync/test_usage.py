"""How much each key asks, as its page shows it: added up by the database, every request once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from crm.notifications.models import Notification
from crm.people.models import User
from crm.sync.expiring import tell_expiring
from crm.sync.models import ApiKey, KeyDay
from crm.sync.throttle import minute_of
from crm.sync.usage import days_of, forget_days, week_of
from tests.factories import make_user
from tests.keys import Program, make_key
from tests.races import in_thread

LATE = datetime(2026, 3, 4, 23, 59, 20, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time at which requests come in; the last entry is now."""
    times = [LATE]
    monkeypatch.setattr(timezone, "now", lambda: times[-1])
    return times


@pytest.mark.django_db
def test_each_day_has_its_requests_and_how_many_were_told_to_wait(
    root: User, alice: User, clock: list[datetime]
) -> None:
    ask = Program(make_key(alice, per_minute=3))
    key = ApiKey.objects.get()
    assert [ask("GET", "leads/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    clock.append(LATE + timedelta(minutes=1))  # after midnight
    ask("GET", "leads/")
    clock.append(LATE + timedelta(minutes=2))
    ask("GET", "leads/")
    found = {one.day: (one.requests, one.refused) for one in days_of(key, at=clock[-1])}
    assert len(found) == 30
    assert found[date(2026, 3, 4)] == (5, 2)
    assert found[date(2026, 3, 5)] == (2, 0), "the minute that runs is in it"
    assert week_of([key], at=clock[-1]) == {key.pk: 7}
    assert week_of([key], at=clock[-1] + timedelta(days=7)) == {}
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    page = client.get(f"/admin/sync/apikey/{key.pk}/change/").content.decode()
    assert "7 requests, 2 of them told to wait" in page
    assert "pl-chart-bad" in page
    assert ">7<" in client.get("/admin/sync/apikey/").content.decode().replace("\n", "").replace(" ", "")
    assert forget_days(at=clock[-1] + timedelta(days=300)) == 0
    assert forget_days(at=clock[-1] + timedelta(days=370)) == 2
    assert not KeyDay.objects.exists()


@pytest.mark.django_db
def test_a_wrong_key_and_days_are_counted_apart(alice: User) -> None:
    with connection.cursor() as cursor:
        for minute in range(3):
            cursor.execute("SELECT sync_count_use('failed:7', %s)", [minute_of(LATE) + timedelta(minutes=minute)])
            cursor.execute("SELECT sync_count_use('key:999999', %s)", [minute_of(LATE) + timedelta(minutes=minute)])
    assert not KeyDay.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_minute_that_ends_while_many_ask_is_added_exactly_once() -> None:
    make_key(make_user("busy", role="sdr"))
    subject = f"key:{ApiKey.objects.get().pk}"

    together = Barrier(4)

    def count() -> None:
        with connection.cursor() as cursor:
            for minute in range(20):
                together.wait(60)  # all begin each minute at once: any of them may be the first in it
                for _ in range(5):
                    cursor.execute(
                        "SELECT sync_count_use(%s, %s)", [subject, minute_of(LATE) + timedelta(minutes=minute)]
                    )

    with ThreadPoolExecutor(4) as pool:
        for done in [in_thread(pool, count) for _ in range(4)]:
            done.result(60)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count, began_at FROM sync_keyuse WHERE subject = %s", [subject])
        assert cursor.fetchone() == (20, minute_of(LATE) + timedelta(minutes=19))
    assert sum(KeyDay.objects.values_list("requests", flat=True)) == 19 * 20


@pytest.mark.django_db
def test_administrators_are_told_of_a_key_that_ends_soon_once(root: User, alice: User) -> None:
    make_key(alice, name="Web form", expires_at=LATE + timedelta(days=13))
    make_key(alice, expires_at=LATE + timedelta(days=15))
    make_key(alice, expires_at=LATE - timedelta(days=1))
    make_key(alice)
    assert tell_expiring(at=LATE) == 1
    assert tell_expiring(at=LATE + timedelta(hours=1)) == 1
    told = Notification.objects.get(kind="key_expires")
    assert told.to == root
    assert "“Web form” ends on" in told.title
