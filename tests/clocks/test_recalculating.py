"""Another handbook in force: open clocks get its times, once, and say what they were before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from crm import handbook
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.recalculating import KIND, recalculate
from crm.clocks.renewal import in_force as in_force_now
from crm.clocks.services import pause_clock, resume_clock, stop_clock, void_clock
from crm.clocks.sweeping import sweep
from crm.handbook.document import Handbook
from crm.handbook.reader import parse
from crm.handbook.services import apply_handbook
from crm.jobs.models import Job
from crm.jobs.work import work_here
from crm.people.models import User
from tests.clocks.clocks import TEN, about, make_clock, steps, told

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AT = TEN + MINUTE
HOLIDAY = ('holidays = "US"  ', 'own_days = [{ day = 2026-03-05, label = "Founders\' day" }]\nholidays = "US"  ')
# Two business days from Wednesday at ten: until Friday at ten.
SUPPORT: dict[str, Any] = {"channel": "support", "priority": "p3", "segment": "customer", "tier": "premium"}


def changed(*words: tuple[str, str]) -> Handbook:
    """The shipped handbook with other words."""
    text = handbook.current().text
    for old, new in words:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, handbook.configured_path())


@contextmanager
def in_force(book: Handbook, *, works: bool = True) -> Iterator[None]:
    """Apply that handbook, and work its jobs."""
    with handbook.use(book):
        apply_handbook(at=AT)
        if works:
            work()
        yield


def work() -> None:
    for job in Job.objects.filter(kind=KIND, state=Job.State.WAITING):
        assert work_here(job, via="task").state == Job.State.DONE


@pytest.fixture(autouse=True)
def _hers(alice: User) -> Iterator[None]:
    with about(alice, alice.team):
        yield


def test_a_holiday_added_after_the_start_moves_the_limit_and_says_so() -> None:
    clock = make_clock(**SUPPORT)
    assert clock.limit_at == TEN + 2 * DAY
    with in_force(changed(HOLIDAY)):
        clock.refresh_from_db()
        assert clock.limit_at == TEN + 5 * DAY - HOUR, "Monday at ten, when daylight saving has begun"
        assert clock.handbook.sha256 == handbook.current().sha256
    event = ClockEvent.objects.get(clock=clock, kind="recalculated")
    assert event.facts["before"]["limit"] == (TEN + 2 * DAY).isoformat()
    assert event.facts["after"]["limit"] == (TEN + 5 * DAY - HOUR).isoformat()
    assert event.at == AT or event.at > AT


def test_the_job_is_seen_and_counts() -> None:
    make_clock(**SUPPORT)
    make_clock()
    with in_force(changed(HOLIDAY)):
        job = Job.objects.get(kind=KIND)
        # Web chat is promised by the clock on the wall, but a holiday decides whether it came within hours.
        assert (job.total, job.done, job.counts["outcomes"]) == (2, 2, {"recalculated": 2})


def test_what_says_nothing_else_of_promises_moves_nothing() -> None:
    clock = make_clock(**SUPPORT)
    with in_force(changed(("close_days = 90", "close_days = 91"))):
        assert not Job.objects.exists()
        sweep(seconds=9, at=AT)
    assert not ClockEvent.objects.filter(clock=clock, kind="recalculated").exists()


def test_another_limit_holds_for_open_clocks_only(alice: User) -> None:
    running, answered, voided = make_clock(), make_clock(), make_clock()
    stop_clock(answered, by=alice, how="response", at=AT, facts={})
    void_clock(voided, by=alice, reason="spam", at=AT)
    with in_force(changed(('limit = "1 hour"', 'limit = "30 minutes"'))):
        limits = [Clock.objects.get(pk=one.pk).limit_at - TEN for one in (running, answered, voided)]
    assert limits == [30 * MINUTE, HOUR, HOUR]


def test_a_policy_that_left_the_file_keeps_its_version(alice: User) -> None:
    clock = make_clock()
    before = clock.handbook_id
    with in_force(
        changed(('key = "web_chat"\nlabel = "Web chat"\nchannels', 'key = "chats"\nlabel = "Web chat"\nchannels'))
    ):
        sweep(seconds=9, at=TEN + 46 * MINUTE)
        clock.refresh_from_db()
        assert (clock.handbook_id, clock.policy, clock.limit_at) == (before, "web_chat", TEN + HOUR)
        assert steps(clock) == ["warn_75"]


def test_one_that_another_policy_answers_for_now_goes_by_that_one() -> None:
    clock = make_clock("event")
    other = [
        ('"self_service_purchase", "event"]', '"self_service_purchase"]'),
        ('channels = ["web_chat"]', 'channels = ["web_chat", "event"]'),
    ]
    with in_force(changed(*other)):
        clock.refresh_from_db()
        assert (clock.policy, clock.limit_at) == ("web_chat", TEN + HOUR)


def test_a_step_that_was_taken_and_lies_in_the_past_is_not_told_again(alice: User) -> None:
    clock = make_clock()
    sweep(seconds=9, at=TEN + 45 * MINUTE)
    with in_force(changed(('limit = "1 hour"', 'limit = "50 minutes"')), works=False):
        # Its turn in the job has not come: the sweep goes by the handbook in force all the same.
        sweep(seconds=9, at=TEN + 60 * MINUTE)
    assert steps(clock) == ["warn_75", "limit/1", "escalate_1/1"]
    assert told(alice) == ["warned", "breached"]


def test_a_step_whose_time_lies_ahead_again_is_told_again(alice: User) -> None:
    clock = make_clock()
    for minutes in (45, 60):
        sweep(seconds=9, at=TEN + minutes * MINUTE)
    clock.refresh_from_db()
    assert clock.verdict_owner == alice
    with in_force(changed(('limit = "1 hour"', 'limit = "3 hours"')), works=False):
        force = in_force_now()
        assert force is not None
        with transaction.atomic():
            assert recalculate([clock.pk], force, at=TEN + 70 * MINUTE) == 1
        clock.refresh_from_db()
        assert clock.verdict_owner is None, "it has not happened yet"
        for minutes in (70, 134, 135, 180):
            sweep(seconds=9, at=TEN + minutes * MINUTE)
    assert steps(clock) == ["warn_75", "limit", "escalate_1", "warn_75/1", "limit/1", "escalate_1/1"]
    assert told(alice) == ["warned", "breached", "warned", "breached"]


def test_one_that_is_held_up_goes_on_by_the_handbook_in_force(alice: User) -> None:
    clock = make_clock(**SUPPORT)
    pause_clock(clock, by=alice, reason="asked_to_wait", at=TEN + HOUR)
    with in_force(changed(HOLIDAY), works=False):
        clock = resume_clock(clock, by=alice, at=TEN + 2 * HOUR)
        assert clock.limit_at == TEN + 5 * DAY, "Monday at eleven"
        assert ClockEvent.objects.filter(clock=clock, kind="recalculated").count() == 1
        work()
    assert ClockEvent.objects.filter(clock=clock, kind="recalculated").count() == 1


def test_one_that_is_held_up_gets_its_times_too_and_stays_held_up(alice: User) -> None:
    clock = make_clock(**SUPPORT)
    pause_clock(clock, by=alice, reason="asked_to_wait", at=TEN + HOUR)
    with in_force(changed(HOLIDAY)):
        clock.refresh_from_db()
    assert (clock.limit_at, clock.next_at) == (TEN + 5 * DAY - HOUR, None)


def test_it_takes_as_many_statements_for_many_as_for_few(django_assert_max_num_queries: Any) -> None:
    for second in range(60):
        make_clock(started_at=TEN + timedelta(seconds=second), **SUPPORT)
    with in_force(changed(HOLIDAY), works=False), django_assert_max_num_queries(45):
        work()
    assert ClockEvent.objects.filter(kind="recalculated").count() == 60


def test_applying_twice_is_applying_once() -> None:
    make_clock(**SUPPORT)
    with in_force(changed(HOLIDAY)):
        apply_handbook(at=AT)
        assert Job.objects.count() == 1
        work()
    assert ClockEvent.objects.filter(kind="recalculated").count() == 1
