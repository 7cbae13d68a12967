"""Taking a slip back: who, until when, and what becomes of the fields."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.activities.models import Activity
from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_lead
from tests.leads.moves import ALLOWED, make_full_move, ready_lead

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
FINAL = {"convert", "return_lead", "lift"}


def take_back(lead: Lead, actor: User, at: datetime, reason: str = "") -> Move:
    """Take the last move back."""
    return move(lead, "take_back", actor=actor, at=at, via="test", reason=reason)


def refusal(lead: Lead, actor: User, at: datetime, reason: str = "") -> tuple[str, ...]:
    """The codes with which taking back is refused."""
    with pytest.raises(Refused) as refused:
        take_back(lead, actor, at, reason)
    return refused.value.codes


def values(lead: Lead) -> dict[str, Any]:
    """What the record says, its times and version aside."""
    row: dict[str, Any] = dict(Lead.objects.filter(pk=lead.pk).values().get())
    return {name: row[name] for name in row if name not in ("version", "updated_at", "status_since")}


@pytest.mark.parametrize(
    ("status", "verb", "target"),
    [row for row in ALLOWED if row[1] not in FINAL and (row[1] != "release" or row[2] == Status.NEW)],
    ids=str,
)
def test_it_puts_everything_back_that_the_move_set(
    status: Status, verb: str, target: Status, mona: User, now: datetime
) -> None:
    lead = ready_lead(status, verb, owner=mona)
    before = values(lead)
    make_full_move(lead, verb, status, actor=mona, at=now)
    assert values(lead) != before
    step = take_back(lead, mona, now + HOUR / 2)
    assert values(lead) == before
    assert (step.from_state, step.to_state, step.verb) == (target, status, "take_back")
    assert lead.status_since == (lead.status_since if status == target else now + HOUR / 2)


@pytest.mark.parametrize(("status", "verb", "target"), [row for row in ALLOWED if row[1] in FINAL], ids=str)
def test_a_conversion_a_return_and_a_lift_are_not_taken_back(
    status: Status, verb: str, target: Status, mona: User, now: datetime
) -> None:
    lead = ready_lead(status, verb, owner=mona)
    make_full_move(lead, verb, status, actor=mona, at=now)
    assert refusal(lead, mona, now, "A slip") == ("cannot_be_taken_back",)
    assert Lead.objects.get().status == target


def test_a_placed_status_is_not_taken_back(root: User, now: datetime) -> None:
    lead = make_lead()
    move(lead, "place", actor=root, at=now, via="test", status=Status.ENGAGED)
    assert refusal(lead, root, now, "A slip") == ("cannot_be_taken_back",)


def test_it_is_taken_back_once(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "work", actor=alice, at=now, via="test")
    take_back(lead, alice, now)
    assert refusal(lead, alice, now) == ("cannot_be_taken_back",)
    assert refusal(lead, mona, now, "Again") == ("cannot_be_taken_back",)
    move(lead, "work", actor=alice, at=now, via="test")
    take_back(lead, alice, now)
    assert lead.status == Status.NEW


@pytest.mark.parametrize(
    ("after", "who", "reason", "codes"),
    [
        (timedelta(0), "alice", "", ()),
        (HOUR, "alice", "", ()),
        (HOUR + timedelta(seconds=1), "alice", "", ("needs_manager",)),
        (HOUR + timedelta(seconds=1), "alice", "A slip", ("needs_manager",)),
        (timedelta(seconds=-1), "alice", "", ("needs_manager",)),
        (timedelta(0), "bob", "A slip", ("needs_manager",)),
        (timedelta(0), "mona", "", ("needs_reason",)),
        (timedelta(0), "mona", "A slip", ()),
        (timedelta(days=30), "mona", "A slip", ()),
        (timedelta(days=30), "root", "A slip", ()),
        (timedelta(0), "robot", "A slip", ("forbidden",)),
    ],
)
def test_who_may_take_it_back_and_until_when(
    after: timedelta,
    who: str,
    reason: str,
    codes: tuple[str, ...],
    alice: User,
    now: datetime,
    request: pytest.FixtureRequest,
) -> None:
    lead = make_lead(owner=alice)
    move(lead, "work", actor=alice, at=now, via="test")
    actor = request.getfixturevalue(who)
    if codes:
        assert refusal(lead, actor, now + after, reason) == codes
    else:
        take_back(lead, actor, now + after, reason)
        assert lead.status == Status.NEW


def test_what_was_edited_since_stays(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, phone="(415) 555-0100")
    move(lead, "enrich", actor=alice, at=now, via="test", phone="(415) 555-0101", mobile="(415) 555-0102")
    lead.phone = "(415) 555-0103"
    lead.company = "Initech"
    lead.save()
    take_back(lead, alice, now)
    stored = Lead.objects.get()
    assert (stored.phone, stored.phone_key) == ("(415) 555-0103", "+14155550103")
    assert (stored.mobile, stored.mobile_key) == ("", "")
    assert (stored.company, stored.status) == ("Initech", Status.NEW)


def test_an_edit_between_does_not_hide_the_move(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "nurture", actor=alice, at=now, via="test", nurture_reason="other")
    Lead.objects.update(company="Initech")
    take_back(lead, alice, now)
    assert (lead.status, lead.nurture_reason, lead.come_back_on) == (Status.NEW, "", None)


def test_touches_that_were_logged_stay(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "engage", actor=alice, at=now, via="test", evidence="call.connected")
    take_back(lead, alice, now)
    assert Activity.objects.count() == 1


def test_taking_back_is_in_the_log_like_every_move(alice: User, now: datetime) -> None:
    lead = make_lead(owner=None)
    move(lead, "work", actor=alice, at=now, via="test", owner=alice)
    take_back(lead, alice, now)
    what = Change.objects.of(lead).first().what or {}  # type: ignore[union-attr]
    assert what["owner_id"] == [alice.pk, None]
    assert what["status"] == ["working_to_engage", "new"]
    assert [step.verb for step in Move.objects.of(lead)] == ["work", "take_back"]


def test_a_lead_that_never_moved_has_nothing_to_take_back(mona: User, now: datetime) -> None:
    for status in (Status.NEW, Status.ENGAGED, Status.SAO_CONVERTED):
        assert refusal(make_lead(status=status), mona, now, "A slip") == ("nothing_to_take_back",)


def test_placed_out_of_converted_leaves_no_trace_of_it_on_the_lead(root: User, now: datetime) -> None:
    lead = make_lead(status=Status.SAO_CONVERTED, converted_account=make_account())
    move(lead, "place", actor=root, at=now, via="test", status=Status.WORKING_TO_CONVERT)
    assert (lead.converted_account, lead.converted_at) == (None, None)
