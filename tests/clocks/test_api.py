"""Clocks as programs read them: how each stands, what they are found by, and why one is due when it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.clocks.models import Clock
from crm.clocks.services import pause_clock, resume_clock, stop_clock, void_clock
from crm.people.models import User
from tests.clocks.clocks import about, make_clock
from tests.keys import Program, program

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVE = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
SUPPORT: dict[str, Any] = {"channel": "support", "priority": "p3", "segment": "customer", "tier": "premium"}


@pytest.fixture(autouse=True)
def _hers(alice: User) -> Iterator[None]:
    with about(alice, alice.team):
        yield


@pytest.fixture
def ask(robot: User) -> Program:
    return program(robot, "clocks:read")


def read(ask: Program, path: str, status: int = 200) -> Any:
    answer = ask("GET", path)
    assert answer.status_code == status, answer.content
    return json.loads(answer.content)


def four(by: User) -> dict[str, Clock]:
    """A clock of each verdict."""
    now = timezone.now()
    made = {word: make_clock(started_at=now - 2 * MINUTE, at=now - MINUTE) for word in ("open", "met", "voided")}
    made["breached"] = make_clock(started_at=now - 30 * DAY)
    stop_clock(made["met"], by=by, how="response", at=now - MINUTE, facts={})
    void_clock(made["voided"], by=by, reason="Spam", at=now)
    return made


def test_each_clock_says_how_it_stands(ask: Program, alice: User) -> None:
    made = four(alice)
    rows = {row["id"]: row for row in read(ask, "clocks/?expand=computed")["results"]}
    assert {word: rows[clock.pk]["verdict"] for word, clock in made.items()} == {word: word for word in made}
    one = read(ask, f"clocks/{made['met'].pk}/?expand=computed")
    assert one == rows[made["met"].pk]
    # Without what time alone changes it has a tag of its own, though no version.
    plain = ask("GET", f"clocks/{made['met'].pk}/")
    assert "verdict" not in plain.json()
    assert ask("GET", f"clocks/{made['met'].pk}/", if_none_match=plain["ETag"]).status_code == 304
    assert one["policy"] == "web_chat"
    assert one["answered_by"] == "response"


@pytest.mark.parametrize("word", ["open", "met", "breached", "voided"])
def test_they_are_found_by_how_they_stand(ask: Program, alice: User, word: str) -> None:
    made = four(alice)
    assert [row["id"] for row in read(ask, f"clocks/?verdict={word}")["results"]] == [made[word].pk]
    others = ",".join(one for one in made if one != word)
    found = {row["id"] for row in read(ask, f"clocks/?verdict={others}")["results"]}
    assert found == {clock.pk for one, clock in made.items() if one != word}


def test_they_are_found_by_time(ask: Program) -> None:
    chat, support = make_clock(started_at=EVE), make_clock(**SUPPORT, started_at=EVE + HOUR)
    for query, wanted in {
        "ordering=received_at": [chat, support],
        "started_since=2026-11-25T15:30:01-08:00": [support],
        "started_before=2026-11-25T15:30:01-08:00": [chat],
        "ordering=-received_at&limit=1": [support],
    }.items():
        assert [row["id"] for row in read(ask, f"clocks/?{query}")["results"]] == [one.pk for one in wanted], query


def test_a_list_goes_on_where_the_page_ended(ask: Program) -> None:
    made = [make_clock(started_at=EVE + n * HOUR).pk for n in range(5)]
    for ordering, wanted in (("received_at", made), ("-id", made[::-1])):
        seen: list[int] = []
        page = read(ask, f"clocks/?limit=2&ordering={ordering}&verdict=breached,open")
        while True:
            seen += [row["id"] for row in page["results"]]
            if page["next_cursor"] is None:
                break
            cursor = page["next_cursor"]
            page = read(ask, f"clocks/?limit=2&ordering={ordering}&verdict=breached,open&cursor={cursor}")
        assert seen == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("verdict=late", "verdict"),
        ("policy=support_p3", "policy"),
        ("started_since=yesterday", "started_since"),
        ("started_since=2026-11-25T15:30:00", "started_since"),
        ("ordering=updated_at", "ordering"),
        ("updated_since=2026-11-25T15:30:00Z", "updated_since"),
        ("limit=0", "limit"),
        ("fields=nothing", "fields"),
    ],
)
def test_what_is_not_known_is_refused_by_name(ask: Program, query: str, field: str) -> None:
    problem = read(ask, f"clocks/?{query}", 400)
    assert [flaw["field"] for flaw in problem["errors"]] == [field]


def test_a_list_takes_as_many_queries_for_many_as_for_few(ask: Program) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            make_clock(started_at=EVE)
        read(ask, "clocks/")
        with CaptureQueriesContext(connection) as taken:
            read(ask, "clocks/?expand=computed")
        counts.append(len(taken))
    assert counts[0] == counts[1]


def test_only_some_fields(ask: Program) -> None:
    clock = make_clock(started_at=EVE)
    assert read(ask, "clocks/?fields=policy")["results"] == [{"id": clock.pk, "policy": "web_chat"}]
    assert read(ask, f"clocks/{clock.pk}/?fields=policy") == {"id": clock.pk, "policy": "web_chat"}


# --- explained -------------------------------------------------------------------------------------------------------


def test_it_explains_every_stretch_up_to_the_limit(ask: Program) -> None:
    clock = make_clock(**SUPPORT, started_at=EVE)
    found = read(ask, f"clocks/{clock.pk}/explain/")
    assert (found["policy_label"], found["promised"], found["by_business_time"]) == (
        "Support P3",
        "2 business days",
        True,
    )
    assert found["limit_at"] == "2026-11-30T23:30:00Z"
    assert (found["company_zone"], found["hours_zone"]) == ("America/Los_Angeles", "America/Los_Angeles")
    told = [(one["label"], one["counted"], one["seconds"]) for one in found["stretches"]]
    assert told == [
        ("Open", True, 1800),
        ("Night", False, 8 * 3600),
        ("Thanksgiving Day", False, 24 * 3600),
        ("Night", False, 6 * 3600),
        ("Open", True, 10 * 3600),
        ("Night", False, 8 * 3600),
        ("Weekend", False, 48 * 3600),
        ("Night", False, 6 * 3600),
        ("Open", True, int(9.5 * 3600)),
    ]
    assert found["counted_seconds"] == 20 * 3600
    assert [step["step"] for step in found["steps"]] == ["target", "warn_90", "limit", "escalate_1"]
    assert [event["kind"] for event in found["events"]] == ["started"]


def test_it_explains_what_was_held_up(ask: Program, alice: User) -> None:
    clock = make_clock(started_at=EVE - 3 * HOUR)
    pause_clock(clock, by=alice, reason="They asked us to wait", at=EVE - 3 * HOUR + 10 * MINUTE)
    resume_clock(clock, by=alice, at=EVE - 3 * HOUR + 30 * MINUTE)
    found = read(ask, f"clocks/{clock.pk}/explain/")
    told = [(one["why"], one["counted"], one["seconds"]) for one in found["stretches"]]
    assert told == [("open", True, 600), ("held_up", False, 1200), ("open", True, 3000)]
    clock.refresh_from_db()
    assert datetime.fromisoformat(found["limit_at"]) == clock.limit_at


def test_the_explanation_ends_where_the_clock_does(ask: Program, alice: User) -> None:
    """What is explained is what the sweep goes by."""
    for n, given in enumerate([SUPPORT, {"channel": "web_chat"}, {"channel": "event"}, SUPPORT | {"priority": "p1"}]):
        clock = make_clock(**given, started_at=EVE + n * HOUR)
        pause_clock(clock, by=alice, reason="", at=EVE + 20 * HOUR)
        resume_clock(clock, by=alice, at=EVE + 45 * HOUR)
        clock.refresh_from_db()
        found = read(ask, f"clocks/{clock.pk}/explain/")
        assert datetime.fromisoformat(found["limit_at"]) == clock.limit_at
        assert datetime.fromisoformat(found["stretches"][-1]["end"]) == clock.limit_at


def test_the_figures_count_the_time_that_is_explained(ask: Program, alice: User) -> None:
    """Over a night, a holiday and a pause: neither the time on the wall, nor another count of open time."""
    clock = make_clock(**SUPPORT, started_at=EVE)
    pause_clock(clock, by=alice, reason="", at=EVE + 40 * HOUR)
    resume_clock(clock, by=alice, at=EVE + 45 * HOUR)
    answered = EVE + 120 * HOUR
    stop_clock(clock, by=alice, how="response", at=answered, facts={})
    found = read(ask, f"clocks/{clock.pk}/explain/")
    counted = [one for one in found["stretches"] if one["counted"]]
    spans = [(datetime.fromisoformat(one["start"]), datetime.fromisoformat(one["end"])) for one in counted]
    told = sum(((min(end, answered) - start for start, end in spans if start < answered)), timedelta())
    clock.refresh_from_db()
    assert clock.worked_seconds == told.total_seconds() < (answered - EVE).total_seconds() / 4


def test_it_takes_the_scope_and_no_parameter(ask: Program, robot: User) -> None:
    clock = make_clock(started_at=EVE)
    for path in ("clocks/", f"clocks/{clock.pk}/", f"clocks/{clock.pk}/explain/"):
        assert read(program(robot, "leads:read"), path, 403)["code"] == "missing_scope"
        for method in ("POST", "PATCH", "PUT", "DELETE"):
            assert ask(method, path, {}).status_code in (403, 405)
    assert read(ask, f"clocks/{clock.pk}/explain/?zone=UTC", 400)["code"] == "unknown_parameter"
    for path in ("clocks/999999999/", "clocks/999999999/explain/", "clocks/x/explain/", f"clocks/{10**30}/explain/"):
        assert read(ask, path, 404)["code"] == "not_found"


def test_the_description_says_what_it_answers(ask: Program) -> None:
    described = json.loads(ask.client.get("/api/schema/", headers={"Authorization": f"Bearer {ask.key}"}).content)
    paths = described["paths"]
    assert {"/api/v1/clocks/", "/api/v1/clocks/{id}/", "/api/v1/clocks/{id}/explain/"} <= set(paths)
    names = {one.get("name") for one in paths["/api/v1/clocks/"]["get"]["parameters"]}
    assert {"verdict", "started_since", "started_before", "ordering", "cursor"} <= names
    clock = described["components"]["schemas"]["Clock"]["properties"]
    assert "verdict" not in clock
    assert "verdict" in json.dumps(paths["/api/v1/clocks/{id}/"]["get"]["responses"]["200"])
    assert clock["limit_at"] == {"type": "string", "format": "date-time", "readOnly": True}
