"""Somebody suppresses a person while somebody else reaches out: whoever comes second knows of the first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection

from crm.activities.models import Activity, NextTouch, Suppression
from crm.activities.suppressing import lift, suppress
from crm.core.acting import acting
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.core.locks import BUCKETS
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from leads.working import log_touch, plan_touch
from tests.factories import make_lead
from tests.races import in_thread, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


def while_open(first: Callable[[], Any], second: Callable[[], Any], actor: User, at: datetime) -> Any:
    """Run `second` while the transaction of `first` is open, and prove that it waited; its result or exception."""
    done, go_on = Event(), Event()

    def hold_open() -> None:
        with acting(actor=actor, via="test", at=at):
            first()
            done.set()
            assert go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        opened = in_thread(pool, hold_open)
        assert done.wait(30), opened.exception()
        waiting = in_thread(pool, second)
        try:
            wait_until_blocked(1)
        finally:
            go_on.set()
        opened.result(timeout=30)
        return waiting.exception(timeout=30) or waiting.result()


def suppressing(lead: Lead, actor: User, at: datetime) -> Callable[[], Any]:
    return lambda: suppress(actor=actor, at=at, via="test", reason="asked_us", emails=[lead.email])


def test_a_move_forward_waits_for_who_is_suppressing_and_is_refused(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    result = while_open(
        suppressing(lead, mona, now),
        lambda: move(Lead.objects.get(), "work", actor=alice, at=now, via="test"),
        mona,
        now,
    )
    assert isinstance(result, Refused), result
    assert result.codes == ("do_not_contact",)
    assert Lead.objects.get().status == Status.NEW


def test_planning_waits_for_who_is_suppressing_and_is_refused(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)

    def plan() -> Any:
        return plan_touch(lead, due_on=now.date(), kind="email", text="", actor=alice, at=now, via="test")

    result = while_open(suppressing(lead, mona, now), plan, mona, now)
    assert isinstance(result, Refused), result
    assert not NextTouch.objects.exists()


def test_an_outreach_that_is_logged_meanwhile_is_marked(alice: User, mona: User, now: datetime) -> None:
    lead, later = make_lead(owner=alice), now + timedelta(minutes=1)

    def log() -> Any:
        return log_touch(lead, actor=alice, at=later, via="test", kind="email", outcome="sent", happened_at=later)

    while_open(suppressing(lead, mona, now), log, mona, now)
    assert Activity.objects.get().violation_of_id == Suppression.objects.get().pk


def test_suppressing_waits_for_who_is_planning_and_takes_the_plan_back(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)

    def plan() -> Any:
        return plan_touch(lead, due_on=now.date(), kind="email", text="", actor=alice, at=now, via="test")

    made = while_open(plan, suppressing(lead, mona, now), alice, now)
    assert made.unplanned == 1
    assert not NextTouch.objects.exists()


def test_closing_waits_for_who_is_moving_another_lead_of_the_same_person(alice: User, now: datetime) -> None:
    first = make_lead(owner=alice, email="lea@globex.example")
    second = make_lead(owner=alice, email="LEA@globex.example")

    def work() -> Any:
        return move(Lead.objects.get(pk=first.pk), "work", actor=alice, at=now, via="test")

    def close() -> Any:
        facts: dict[str, Any] = {"do_not_contact_reason": "asked_us"}
        return move(Lead.objects.get(pk=second.pk), "do_not_contact", actor=alice, at=now, via="test", **facts)

    while_open(work, close, alice, now)
    assert Suppression.objects.in_force().count() == 1


def test_two_who_suppress_the_same_person_make_it_once(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    made = while_open(suppressing(lead, mona, now), suppressing(lead, alice, now), mona, now)
    assert made.new == 0
    assert Suppression.objects.count() == 1


def test_two_who_lift_the_same_are_told(mona: User, root: User, now: datetime) -> None:
    lead = make_lead()
    (one,) = suppressing(lead, mona, now)().suppressions

    def lifting(actor: User) -> Callable[[], Any]:
        return lambda: lift(Suppression.objects.get(), actor=actor, at=now, via="test", reason="They wrote")

    result = while_open(lifting(mona), lifting(root), mona, now)
    assert isinstance(result, Refused), result
    assert result.code == "already_lifted"
    one.refresh_from_db()
    assert one.lifted_by == mona


def test_five_hundred_leads_take_a_bounded_number_of_locks(alice: User, now: datetime) -> None:
    ids = [make_lead(owner=alice, email=f"p{n}@c{n}.example", phone=f"+1415555{n:04}").pk for n in range(500)]
    with acting(actor=alice, via="test", at=now):
        outcomes = move_many(Lead, ids, "work", actor=alice, at=now, via="test")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            (taken,) = cursor.fetchone()
    assert sum(1 for one in outcomes if one.move) == 500
    assert 0 < taken <= BUCKETS
