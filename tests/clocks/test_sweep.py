"""The sweep: each step once, to whom it concerns, in time or saying how late it was."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from crm import handbook
from crm.clocks import following, sweeping
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.services import pause_clock, reopen_clock, resume_clock, stop_clock, void_clock
from crm.clocks.subjects import Subject
from crm.clocks.sweeping import sweep, sweep_batch
from crm.core.acting import acting
from crm.enquiries.models import Enquiry
from crm.notifications.models import Notification
from crm.people.models import Absence, Team, User
from tests.clocks.clocks import TEN, about, make_clock, steps, told
from tests.factories import make_account, make_contact, make_lead, make_opportunity, make_user
from tests.races import in_thread, race, second_connection

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Mapped = dict[int, Subject]


def look(at: datetime) -> None:
    """One sweep at that moment."""
    sweep(seconds=60, at=at)


@pytest.fixture
def hers(alice: User, mona: User) -> Iterator[Mapped]:
    """Every clock is Alice's; Mona manages her team."""
    assert alice.team is not None
    Team.objects.filter(pk=alice.team.pk).update(manager=mona)
    alice.refresh_from_db()
    with about(alice, alice.team) as special:
        yield special


def test_it_takes_each_step_when_it_is_due_and_once(hers: Mapped, alice: User, mona: User, root: User) -> None:
    clock = make_clock()
    seen = []
    for minutes in (44, 45, 46, 59, 60, 61, 299, 300, 301):
        look(TEN + minutes * MINUTE)
        seen.append((minutes, *steps(clock)))
    assert [one[0] for one, before in zip(seen[1:], seen, strict=False) if one[1:] != before[1:]] == [45, 60, 300]
    assert steps(clock) == ["warn_75", "limit", "escalate_1", "escalate_2"]
    assert (told(alice), told(mona), told(root)) == (["warned", "breached"], ["escalated"], ["escalated"])
    assert Clock.objects.get().next_at is None, "nothing is left"


def test_a_notice_says_who_waits_since_when_until_when_and_where(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    look(TEN + 50 * MINUTE)
    notice = Notification.objects.get(to=alice)
    assert f"Request {clock.pk}" in notice.title
    assert "10:00" in notice.text
    assert "11:00" in notice.text
    assert notice.address == f"/request/{clock.pk}/"


def test_an_event_says_when_it_was_due_when_it_was_written_and_who_was_told(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    look(TEN + 47 * MINUTE)
    event = ClockEvent.objects.get(clock=clock, step="warn_75")
    assert (event.at, event.recorded_at) == (TEN + 45 * MINUTE, TEN + 47 * MINUTE)
    assert event.facts == {"told": [alice.pk]}


def test_what_was_missed_is_written_with_how_late_it_was_and_only_the_worst_is_told(
    hers: Mapped, alice: User, mona: User, root: User
) -> None:
    clock = make_clock()
    look(TEN + 6 * HOUR)
    events = ClockEvent.objects.filter(clock=clock).exclude(step="")
    late = {event.step: event.recorded_at - event.at for event in events}
    assert late == {"warn_75": 315 * MINUTE, "limit": 5 * HOUR, "escalate_1": 5 * HOUR, "escalate_2": HOUR}
    assert (told(alice), told(mona), told(root)) == (["breached"], ["escalated"], ["escalated"])
    assert events.get(step="warn_75").facts == {"told": []}, "a warning after the limit tells nobody"


def test_an_answer_ends_it(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    stop_clock(clock, by=alice, how="response", at=TEN + 20 * MINUTE, facts={})
    look(TEN + 9 * HOUR)
    assert (steps(clock), told(alice)) == ([], [])


def test_nobody_is_told_of_what_is_voided_or_held_up(hers: Mapped, alice: User) -> None:
    voided, held = make_clock(), make_clock()
    void_clock(voided, by=alice, reason="spam", at=TEN + MINUTE)
    pause_clock(held, by=alice, reason="asked_to_wait", at=TEN + MINUTE)
    look(TEN + 9 * HOUR)
    assert (steps(voided), steps(held), told(alice)) == ([], [], [])


def test_what_was_over_when_it_came_in_has_its_events_and_nobody_is_told(hers: Mapped, alice: User, mona: User) -> None:
    clock = make_clock(at=TEN + 30 * HOUR)
    assert clock.quiet
    look(TEN + 30 * HOUR)
    assert steps(clock) == ["warn_75", "limit", "escalate_1", "escalate_2"]
    assert not Notification.objects.exists()
    clock.refresh_from_db()
    assert clock.verdict_owner == alice


def test_a_breach_belongs_to_the_owner_at_the_limit(hers: Mapped, alice: User, bob: User) -> None:
    clock = make_clock()
    look(TEN + 61 * MINUTE)
    hers[clock.pk] = Subject("", "", bob, bob.team)
    stop_clock(clock, by=bob, how="response", at=TEN + 2 * HOUR, facts={})
    clock.refresh_from_db()
    assert clock.verdict_owner == alice


def test_an_unowned_one_is_told_to_the_manager_of_its_queue(mona: User, team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(manager=mona)
    with about(None, Team.objects.get(pk=team.pk)):
        clock = make_clock()
        look(TEN + 46 * MINUTE)
        look(TEN + 61 * MINUTE)
    assert steps(clock) == ["warn_75", "limit", "escalate_1"]
    assert "warned" in told(mona)
    assert {"breached", "escalated"} & set(told(mona)), "an unowned one does not breach to nobody"
    clock.refresh_from_db()
    assert (clock.verdict_owner, clock.verdict_team) == (None, team)


def test_one_that_nobody_is_known_of_is_told_to_administrators(root: User) -> None:
    make_clock()
    look(TEN + 61 * MINUTE)
    assert told(root)


def test_who_is_away_is_stood_in_for(hers: Mapped, alice: User, bob: User) -> None:
    day = handbook.current().today(TEN)
    Absence.objects.create(user=alice, first_day=day, last_day=day, stand_in=bob)
    make_clock()
    look(TEN + 46 * MINUTE)
    assert (told(alice), told(bob)) == ([], ["warned"])


def test_a_step_taken_before_a_pause_is_not_told_again(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    look(TEN + 45 * MINUTE)
    pause_clock(clock, by=alice, reason="asked_to_wait", at=TEN + 50 * MINUTE)
    resume_clock(clock, by=alice, at=TEN + 110 * MINUTE)
    for minutes in (110, 119, 120):
        look(TEN + minutes * MINUTE)
    assert steps(clock) == ["warn_75", "limit/1", "escalate_1/1"]
    assert told(alice) == ["warned", "breached"]


def test_a_pause_over_a_night_moves_business_hours_by_business_time(hers: Mapped, alice: User) -> None:
    """Trap: wall-clock time was taken out instead. Four business hours from two in the afternoon, held up from three
    until nine the next morning: an hour before closing and three hours after opening are taken out."""
    two = TEN + 4 * HOUR
    clock = make_clock("support", priority="p1", segment="customer", tier="premium", started_at=two)
    assert clock.limit_at == TEN + 22 * HOUR, "eight in the morning"
    pause_clock(clock, by=alice, reason="asked_to_wait", at=two + HOUR)
    clock = resume_clock(clock, by=alice, at=TEN + 23 * HOUR)
    assert clock.limit_at == TEN + 26 * HOUR, "noon"
    look(TEN + 26 * HOUR - MINUTE)
    assert "limit/1" not in steps(clock)
    look(TEN + 26 * HOUR)
    assert "limit/1" in steps(clock)


def test_an_answer_while_it_was_held_up_is_no_breach(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    pause_clock(clock, by=alice, reason="asked_to_wait", at=TEN + 30 * MINUTE)
    clock = stop_clock(clock, by=alice, how="response", at=TEN + 3 * HOUR, facts={})
    assert verdict(clock) == "met"
    assert clock.worked_seconds == 30 * 60, "held up time is not counted"


def test_one_that_is_opened_again_is_told_of_what_it_had_not_reached(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    look(TEN + 45 * MINUTE)
    stop_clock(clock, by=alice, how="response", at=TEN + 50 * MINUTE, facts={})
    reopen_clock(clock, by=alice, at=TEN + 2 * HOUR, reason="The touch was taken back.")
    look(TEN + 2 * HOUR)
    assert steps(clock) == ["warn_75", "limit/1", "escalate_1/1"]


def verdict(clock: Clock) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_verdict(limit_at, paused_at, stopped_at, voided_at, now()) FROM clocks_clock WHERE id = %s",
            [clock.pk],
        )
        return str(cursor.fetchone()[0])


def test_followers_look_first(hers: Mapped, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that came by a path which wakes nobody ends the clock before anybody is told of a breach."""
    clock = make_clock()

    def answered(*, at: datetime) -> None:
        stop_clock(clock, by=alice, how="response", at=TEN + 10 * MINUTE, facts={})

    monkeypatch.setattr(following, "_followers", [answered])
    look(TEN + 61 * MINUTE)
    assert (steps(clock), told(alice)) == ([], [])


def test_a_follower_that_fails_stops_no_sweep(hers: Mapped, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*, at: datetime) -> None:
        raise ValueError

    monkeypatch.setattr(following, "_followers", [broken])
    make_clock()
    look(TEN + 46 * MINUTE)
    assert told(alice) == ["warned"]


def test_one_that_cannot_be_worked_out_keeps_no_other_from_being_told_of(hers: Mapped, alice: User) -> None:
    broken, other = make_clock(), make_clock()
    Clock.objects.filter(pk=broken.pk).update(policy="gone")
    look(TEN + 61 * MINUTE)
    assert steps(other) == ["warn_75", "limit", "escalate_1"]
    assert steps(broken) == ["limit"], "its own row says when its limit was"


def test_a_process_with_another_handbook_does_not_sweep(hers: Mapped, alice: User) -> None:
    clock = make_clock()
    other = handbook.current().model_copy()
    other._text = "another"
    with handbook.use(other):
        assert sweep(seconds=60, at=TEN + 2 * HOUR) is False
    assert steps(clock) == []
    look(TEN + 2 * HOUR)
    assert steps(clock)


def test_it_asks_as_much_for_many_as_for_few(hers: Mapped, django_assert_max_num_queries: Any) -> None:
    for minute in range(120):
        make_clock(started_at=TEN + minute * timedelta(seconds=1))
    with django_assert_max_num_queries(25) as counted:
        sweep_batch(at=TEN + 2 * HOUR, size=10)
    few = len(counted)
    with django_assert_max_num_queries(25) as counted:
        assert sweep_batch(at=TEN + 2 * HOUR, size=200) == 110
    assert len(counted) <= few


def test_it_asks_as_much_for_requests_of_many_people_as_of_one(root: User, django_assert_max_num_queries: Any) -> None:
    """Of leads, of contacts with accounts and opportunities, and of nobody: each of another owner and team."""
    for number in range(30):
        manager = make_user(f"manager{number}", role="manager", team=Team.objects.create(name=f"Board {number}"))
        team = Team.objects.create(name=f"Team {number}", manager=manager)
        owner = make_user(f"owner{number}", role="sdr", team=team)
        contact = make_contact(account=make_account(owner=owner))
        kinds: list[dict[str, Any]] = [
            {"lead": make_lead(owner=owner)},
            {"contact": contact, "account": contact.account},
            {"opportunity": make_opportunity(owner=owner, account=contact.account), "account": contact.account},
            {"queue": team},
        ]
        whose = kinds[number % 4]
        started_at = TEN + number * timedelta(seconds=1)
        with acting(actor=root, via="test", at=TEN):
            Enquiry.objects.create(
                channel="web_chat",
                received_at=started_at,
                came_by="api",
                clock=make_clock(started_at=started_at),
                **whose,
            )
    with django_assert_max_num_queries(30) as counted:
        sweep_batch(at=TEN + 2 * HOUR, size=4)
    few = len(counted)
    with django_assert_max_num_queries(few):
        assert sweep_batch(at=TEN + 2 * HOUR, size=200) == 26


def test_it_says_when_some_are_left(hers: Mapped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping.sweep_batch, "__kwdefaults__", {"at": None, "size": 2}, raising=False)
    monkeypatch.setattr(sweeping, "sweep_batch", lambda *, at=None: sweep_batch(at=at, size=2))
    for _ in range(5):
        make_clock()
    assert sweep(seconds=0, at=TEN + 46 * MINUTE) is True
    assert sweep(seconds=60, at=TEN + 46 * MINUTE) is False
    assert ClockEvent.objects.filter(step="warn_75").count() == 5


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_share_the_work_and_take_each_step_once(hers: Mapped, alice: User) -> None:
    """Both wait behind one lock, with all clocks due; then both go."""
    clocks = [make_clock() for _ in range(40)]

    def one() -> int:
        with transaction.atomic():
            # The proof that they met: both hold a part of the clocks until the other has claimed its own.
            claimed = sweeping.claim(TEN + 2 * HOUR, 20)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock_shared(77)")
            return len(claimed)

    assert race(one, one, behind="SELECT pg_advisory_xact_lock(77)") == [20, 20], "neither waits for the other"
    with ThreadPoolExecutor(2) as pool:
        futures = [in_thread(pool, lambda: sweep(seconds=60, at=TEN + 2 * HOUR)) for _ in range(2)]
        assert [future.result(timeout=60) for future in futures] == [False, False]
    for clock in clocks:
        assert steps(clock) == ["warn_75", "limit", "escalate_1"]
    assert told(alice) == ["breached"] * 40


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_somebody_holds_is_left_for_the_next_sweep(hers: Mapped, alice: User) -> None:
    held, other = make_clock(), make_clock()
    with second_connection() as session:
        session.execute("SELECT 1 FROM clocks_clock WHERE id = %s FOR UPDATE", [held.pk])
        look(TEN + 46 * MINUTE)
        assert (steps(held), steps(other)) == ([], ["warn_75"])
        session.rollback()
    look(TEN + 46 * MINUTE)
    assert steps(held) == ["warn_75"]


def test_the_database_s_clock_decides_and_not_the_worker_s(
    hers: Mapped, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is a day ahead tells nobody too early; one that is a day behind tells in time."""
    now = sweeping.database_now()
    due, later = make_clock(started_at=now), make_clock(started_at=now)
    Clock.objects.filter(pk=due.pk).update(next_at=now - MINUTE, started_at=now - 30 * timedelta(days=1))
    Clock.objects.filter(pk=later.pk).update(next_at=now + HOUR)
    for days in (1, -1):
        monkeypatch.setattr("django.utils.timezone.now", lambda days=days: datetime.now(UTC) + timedelta(days=days))
        sweep(seconds=60)
        assert "limit" in steps(due)
        assert steps(later) == []


def test_a_step_is_never_written_twice_even_if_it_is_looked_at_again(hers: Mapped, alice: User) -> None:
    """As after a kill between the commit and the acknowledgement, or a next look that somebody set back."""
    clock = make_clock()
    look(TEN + 46 * MINUTE)
    Clock.objects.filter(pk=clock.pk).update(next_at=TEN)
    look(TEN + 47 * MINUTE)
    assert (steps(clock), told(alice)) == (["warn_75"], ["warned"])
