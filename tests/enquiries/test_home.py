"""“Respond now” on home: whose turn it is, in the order of the time that is left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import handbook
from crm.clocks.models import Clock
from crm.clocks.sweeping import sweep
from crm.core.door import move
from crm.core.home import parts_of
from crm.core.permissions import may
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.holding_up import hold_up
from crm.enquiries.models import Enquiry
from crm.notifications.models import Notification
from crm.people.models import Absence, Team, User
from leads.models import Lead
from tests.access import client_of
from tests.enquiries.asking import ask, clock_of
from tests.factories import make_account, make_contact, make_lead


def rows(user: User, at: datetime, kind: str = "respond") -> list[Any] | None:
    found = [part for part in parts_of(user, at=at) if part.kind == kind]
    return list(found[0].rows) if found else None


def of_lead(owner: User | None, now: datetime, name: str, *, left: timedelta, **values: Any) -> Enquiry:
    make_lead(owner=owner, email=f"{name}@globex.example", **values)
    enquiry = ask(now, email=f"{name}@globex.example")
    Clock.objects.filter(enquiry=enquiry).update(limit_at=now + left, target_at=None)
    return enquiry


def test_it_stands_on_top_in_the_order_of_the_time_that_is_left(alice: User, bob: User, now: datetime) -> None:
    later = of_lead(alice, now, "later", left=timedelta(hours=5))
    sooner = of_lead(alice, now, "sooner", left=timedelta(hours=1))
    of_lead(bob, now, "bobs", left=timedelta(minutes=1))
    assert parts_of(alice, at=now)[0].kind == "respond"
    assert rows(alice, now) == [sooner, later]


def test_what_the_team_has_yet_to_take_is_everybodys_there(
    alice: User, bob: User, charlie: User, team: Team, now: datetime
) -> None:
    waiting = of_lead(None, now, "waiting", left=timedelta(hours=1), queue=team)
    assert rows(alice, now) == [waiting]
    assert rows(bob, now) == [waiting]
    assert rows(charlie, now) == []


@pytest.mark.parametrize("kind", ["lead", "contact"])
def test_what_is_nobodys_and_in_no_queue_is_everybodys_there_and_told_at_every_step(
    kind: str, alice: User, charlie: User, ann: User, mona: User, team: Team, now: datetime
) -> None:
    Team.objects.filter(pk=team.pk).update(manager=mona)
    person = make_lead(owner=None) if kind == "lead" else make_contact(account=make_account(owner=None))
    enquiry = ask(now, email=person.email)
    assert (enquiry.responsible, enquiry.waits_in) == (None, None)
    for one in (alice, charlie, ann):
        (row,) = rows(one, now) or [None]
        assert row == enquiry, one
    assert {one.may_claim for one in rows(alice, now) or []} == {True}
    sweep(seconds=60, at=clock_of(enquiry).limit_at + timedelta(days=30))
    told = {one.kind for one in Notification.objects.filter(to=mona)}
    assert told >= {"enquiry_received", "response_escalated"}


def test_who_stands_in_sees_and_answers_what_waits_for_who_is_away(
    alice: User, charlie: User, ann: User, now: datetime
) -> None:
    theirs = of_lead(alice, now, "theirs", left=timedelta(hours=1))
    assert (rows(charlie, now), may(charlie, "answer", theirs)) == ([], False)
    today = handbook.current().today(now)
    # Who may is asked on the day that it is.
    last = timezone.localdate() + timedelta(days=1)
    Absence.objects.create(user=alice, first_day=today, last_day=last, stand_in=charlie)
    (row,) = rows(charlie, now) or [None]
    assert row is not None
    assert (row, row.may_answer) == (theirs, True)
    assert (rows(ann, now), may(ann, "void", theirs)) == ([], False)
    answer_enquiry(theirs, kind="email", outcome="sent", happened_at=now, text="", actor=charlie, at=now, via="test")
    assert rows(charlie, now) == []


def test_what_is_held_up_or_answered_is_nobodys_turn(alice: User, now: datetime) -> None:
    held = of_lead(alice, now, "held", left=timedelta(hours=1))
    hold_up(held, reason="asked_to_wait", actor=alice, at=now, via="test")
    done = of_lead(alice, now, "done", left=timedelta(hours=1))
    client_of(alice).post(f"/admin/enquiries/enquiry/{done.pk}/do/answer/", {"kind": "email", "outcome": "sent"})
    assert rows(alice, now) == []


def test_a_manager_sees_what_is_overdue_or_nobodys_in_their_teams(
    alice: User, bob: User, charlie: User, mona: User, team: Team, now: datetime
) -> None:
    Team.objects.filter(pk=team.pk).update(manager=mona)
    over = of_lead(alice, now, "over", left=timedelta(minutes=1))
    of_lead(alice, now, "fine", left=timedelta(hours=1))
    free = of_lead(None, now, "free", left=timedelta(hours=2), queue=team)
    of_lead(charlie, now, "souths", left=timedelta(minutes=1))
    assert rows(mona, now + timedelta(minutes=2), "respond_teams") == [over, free]
    assert rows(alice, now, "respond_teams") is None


def test_who_was_put_aside_and_wrote_again_is_said_to_have(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, email="back@globex.example")
    today = handbook.current().today(now)
    facts: dict[str, Any] = {
        "nurture_reason": handbook.current().lead.nurture_reasons[0].key,
        "come_back_on": today.isoformat(),
    }
    move(lead, "nurture", actor=alice, at=now - timedelta(days=40), via="test", **facts)
    Lead.objects.filter(pk=lead.pk).update(come_back_on=today)
    assert [one.home_note for one in rows(alice, now, "come_back") or []] == [""]
    ask(now, email="back@globex.example", channel="web_chat")
    (one,) = rows(alice, now, "come_back") or []
    assert one.home_note == "Wrote to us 1\N{NO-BREAK SPACE}minute ago: Web chat."


def test_it_takes_as_many_queries_for_many_as_for_few(alice: User, now: datetime) -> None:
    def counted() -> int:
        with CaptureQueriesContext(connection) as taken:
            parts_of(alice, at=now)
        return len(taken)

    for number in range(10):
        of_lead(alice, now, f"some{number}", left=timedelta(hours=number + 1))
    few = counted()
    for number in range(10):
        of_lead(alice, now, f"more{number}", left=timedelta(hours=number + 2))
    assert counted() == few
