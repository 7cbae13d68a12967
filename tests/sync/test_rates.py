"""How often programs may ask: counted truly, whoever asks at the same moment."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.exceptions import Throttled

from crm.people.models import User
from crm.sync import throttle
from crm.sync.throttle import MOST_FAILURES, KeyRate, count_failure, part_of
from tests.factories import make_user
from tests.keys import Program, make_key
from tests.races import in_thread

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time at which requests come in; the last entry is now."""
    times = [NOON]
    monkeypatch.setattr(timezone, "now", lambda: times[-1])
    return times


@pytest.mark.django_db
def test_answers_say_what_is_left_and_when_it_begins_anew(alice: User, clock: list[datetime]) -> None:
    ask = Program(make_key(alice, per_minute=2))
    found = [ask("GET", "leads/") for _ in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert [answer.headers["RateLimit"] for answer in found] == ['"key";r=1;t=40', '"key";r=0;t=40', '"key";r=0;t=40']
    assert {answer.headers["RateLimit-Policy"] for answer in found} == {'"key";q=2;w=60'}
    assert found[2].headers["Retry-After"] == "40"
    said = json.loads(found[2].content)
    assert (said["code"], said["detail"].endswith("ask again in 40 seconds.")) == ("throttled", True)
    clock.append(NOON.replace(minute=1, second=0))
    again = ask("GET", "leads/")
    assert (again.status_code, again.headers["RateLimit"]) == (200, '"key";r=1;t=60')


@pytest.mark.django_db
def test_a_refused_request_counts_too(alice: User, clock: list[datetime]) -> None:
    ask = Program(make_key(alice, "leads:read", per_minute=2))
    found = [ask("DELETE", "leads/1/").status_code for _ in range(3)]
    assert found == [403, 403, 429]


@pytest.mark.django_db
def test_each_key_has_its_own_count(alice: User, clock: list[datetime]) -> None:
    one, other = Program(make_key(alice, per_minute=1)), Program(make_key(alice, per_minute=1))
    assert [ask("GET", "leads/").status_code for ask in (one, other, one, other)] == [200, 200, 429, 429]


@pytest.mark.django_db
def test_failing_attempts_are_limited_and_working_keys_are_not_held_up(alice: User, clock: list[datetime]) -> None:
    wrong = {"Authorization": "Bearer plumb_00000000_" + "0" * 64}
    found = [Client().get("/api/v1/leads/", headers=wrong) for _ in range(MOST_FAILURES + 1)]
    assert {answer.status_code for answer in found[:-1]} == {401}
    assert (found[-1].status_code, found[-1].headers["Retry-After"]) == (429, "40")
    assert Program(make_key(alice))("GET", "leads/").status_code == 200
    elsewhere = Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/leads/", headers=wrong)
    assert elsewhere.status_code == 401
    clock.append(NOON.replace(minute=1))
    assert Client().get("/api/v1/leads/", headers=wrong).status_code == 401


@pytest.mark.django_db
def test_addresses_are_kept_nowhere_and_counted_in_so_many_rows() -> None:
    for number in range(50):
        count_failure(f"203.0.113.{number}", at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), string_agg(subject, ' ') FROM sync_keyuse")
        rows, said = cursor.fetchone()
    assert rows <= 50
    assert "203" not in {part.partition(":")[0] for part in said.split()}
    assert "203.0.113" not in said
    # The last 64 bits of an IPv6 address are its owner's to choose.
    assert part_of("2001:db8::1") == part_of("2001:db8::ffff:1")
    assert part_of("2001:db8::1") != part_of("2001:db8:1::1")
    assert 0 <= part_of("") < throttle.PARTS


def test_the_limit_is_passed_by_the_first_request_too_many() -> None:
    KeyRate(5, 5, NOON).refuse_more()
    with pytest.raises(Throttled):
        KeyRate(5, 6, NOON).refuse_more()


@pytest.mark.django_db
def test_counts_are_kept_in_a_table_that_is_not_logged() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE oid = 'sync_keyuse'::regclass")
        assert cursor.fetchone() == ("u",)


@pytest.mark.django_db(transaction=True)
def test_four_at_once_are_let_in_exactly_as_often_as_the_key_may_ask(clock: list[datetime]) -> None:
    key = make_key(make_user("busy", role="sdr"), per_minute=50)

    def ask_often() -> list[Any]:
        ask = Program(key)
        found = [ask("GET", "leads/") for _ in range(25)]
        return [(answer.status_code, answer.headers["RateLimit"]) for answer in found]

    with ThreadPoolExecutor(4) as pool:
        parts = [future.result(60) for future in [in_thread(pool, ask_often) for _ in range(4)]]
    answers = [one for part in parts for one in part]
    assert sorted(status for status, _ in answers) == [200] * 50 + [429] * 50
    # Each request got a count of its own: none was lost and none was given twice.
    left = [said.partition("r=")[2].partition(";")[0] for status, said in answers if status == 200]
    assert sorted(map(int, left)) == list(range(50))
    # They were at it together, not one after the other.
    assert all({status for status, _ in part} == {200, 429} for part in parts)
