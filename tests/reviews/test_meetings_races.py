"""Meetings whom several write to at the same moment: one begins, one holds the minutes, nothing is half written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.people.leaving import deactivate_user
from crm.people.models import User
from crm.reviews.meetings import kinds
from crm.reviews.meetings.services import Said, answer_item, join, start_meeting, take_over
from crm.reviews.models import Item, Meeting
from tests.factories import make_opportunity
from tests.races import in_thread, outcomes, race, second_connection, wait_until_blocked
from tests.reviews.small_kind import SmallKind

pytestmark = pytest.mark.django_db(transaction=True)
LOCKED = "SELECT FROM reviews_meeting WHERE id = %s FOR UPDATE"


@pytest.fixture(autouse=True)
def _small_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, SmallKind.key, SmallKind())


def test_two_who_begin_at_once_hold_one_meeting(mona: User, root: User, now: datetime) -> None:
    make_opportunity()

    def start(who: User) -> Callable[[], Any]:
        return lambda: start_meeting("huddle", {}, actor=who, at=now, via="test")

    held = "SELECT pg_advisory_xact_lock(hashtextextended('meeting:huddle ', 7))"
    found = race(start(mona), start(root), behind=held)
    meeting = Meeting.objects.get()
    assert [one.pk for one in found] == [meeting.pk] * 2
    assert {one.user for one in meeting.attendees.all()} == {mona, root}
    assert (Item.objects.count(), meeting.holder == meeting.started_by) == (1, True)


def test_of_two_who_take_over_at_once_one_holds_the_minutes(mona: User, alice: User, bob: User, now: datetime) -> None:
    make_opportunity()
    meeting = start_meeting("huddle", {}, actor=mona, at=now, via="test")
    for who in (alice, bob):
        join(meeting, actor=who, at=now, via="test")

    def take(who: User) -> Callable[[], Any]:
        return lambda: take_over(meeting, held_by=mona.pk, actor=who, at=now, via="test")

    found = race(take(alice), take(bob), behind=LOCKED, values=(meeting.pk,))
    refused = [one for one in found if isinstance(one, Refused)]
    meeting.refresh_from_db()
    assert [one.code for one in refused] == ["taken_over"]
    assert str(meeting.holder) in refused[0].message


def test_an_answer_that_meets_a_take_over_writes_nothing(mona: User, alice: User, now: datetime) -> None:
    deal = make_opportunity()
    meeting = start_meeting("huddle", {}, actor=mona, at=now, via="test")
    join(meeting, actor=alice, at=now, via="test")

    def answer() -> Any:
        facts = {"next_step": "Call"}
        return answer_item(meeting, 1, facts=facts, said=Said(), actor=mona, at=now, via="test")

    def take() -> Any:
        return take_over(meeting, held_by=mona.pk, actor=alice, at=now, via="test")

    # The take-over waits first, so it comes first.
    with ThreadPoolExecutor(2) as pool, second_connection() as gate:
        gate.execute(LOCKED, (meeting.pk,))
        taken = in_thread(pool, take)
        wait_until_blocked(1)
        answered = in_thread(pool, answer)
        wait_until_blocked(2)
        gate.rollback()
        _, refused = outcomes([taken, answered])
    deal.refresh_from_db()
    assert isinstance(refused, Refused)
    assert (refused.code, Item.objects.get().state, deal.next_step) == ("not_holder", "waiting", "")
    assert "Alice" in refused.message
    assert Meeting.objects.get().holder == alice


def test_who_is_deactivated_while_they_answer_holds_nothing_after(mona: User, root: User, now: datetime) -> None:
    make_opportunity()
    meeting = start_meeting("huddle", {}, actor=mona, at=now, via="test")

    def answer() -> Any:
        facts = {"next_step": "Call"}
        return answer_item(meeting, 1, facts=facts, said=Said(), actor=mona, at=now, via="test")

    def leave() -> Any:
        return deactivate_user(mona, heir=root, actor=root, at=now, via="test")

    found = race(answer, leave, behind="SELECT FROM people_user WHERE id = %s FOR UPDATE", values=(mona.pk,))
    assert not isinstance(found[1], Exception)
    assert Meeting.objects.get().holder is None
    done = Item.objects.get().state == "answered"
    assert done == (not isinstance(found[0], Exception)) == bool(Opportunity.objects.get().next_step)
