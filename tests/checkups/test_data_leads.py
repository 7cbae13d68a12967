"""The data rules about leads, their meetings and whose records are: what each finds and what it leaves alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import Activity, NextTouch, Task
from crm.activities.suppressing import suppress
from crm.clocks.models import Clock
from crm.core.acting import acting
from crm.core.door import move
from crm.core.flow import Ask, Guard
from crm.enquiries.models import Enquiry
from crm.people.models import User
from leads import guards
from leads.models import Lead
from leads.statuses import Status
from tests.checkups.seeing import seen
from tests.enquiries.asking import ask
from tests.factories import make_account, make_contact, make_lead, make_opportunity, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def at() -> datetime:
    """A week after what the database wrote just now."""
    return timezone.now() + timedelta(days=7)


@pytest.fixture
def gone() -> User:
    """Somebody who does not work here any more."""
    return make_user("gone", role="sdr", is_active=False)


def touch(lead: Lead, at: datetime, **fields: Any) -> Activity:
    """Something that happened with a lead."""
    with acting(actor=User.objects.system(), via="test", at=at):
        values = {"kind": "call", "outcome": "no_answer", "by": User.objects.system()} | fields
        return Activity.objects.create(lead=lead, happened_at=at, **values)


def test_an_open_lead_without_an_owner_is_found_a_day_after_it_came(alice: User, at: datetime) -> None:
    lead = make_lead(owner=None)
    make_lead(owner=alice)
    make_lead(owner=None, status=Status.CLOSED_NURTURE)
    # What its guard would have asked: told by the rule about placed leads.
    placed = make_lead(owner=None, status=Status.WORKING_TO_ENGAGE)
    assert seen("data.lead_without_owner", at) == {(lead, "")}
    assert seen("data.lead_without_owner", timezone.now() + timedelta(hours=23)) == set()
    assert (placed, "needs_owner") in seen("data.lead_placed_facts", at)


def test_a_lead_of_somebodys_without_anything_planned_is_found(alice: User, at: datetime) -> None:
    bare = make_lead(owner=alice)
    planned, busy, spoken, quiet = (make_lead(owner=alice) for _ in range(4))
    make_lead(owner=alice, status=Status.MEETING_SCHEDULED, meeting_at=at + timedelta(days=1))
    passed = make_lead(owner=alice, status=Status.MEETING_SCHEDULED, meeting_at=at - timedelta(days=1))
    make_lead(owner=None)
    make_lead(owner=alice, status=Status.CLOSED_NURTURE)
    with acting(actor=alice, via="test", at=at):
        NextTouch.objects.create(lead=planned, kind="call", due_on=at.date())
        Task.objects.create(lead=busy, text="Send the paper", owner=alice)
        Task.objects.create(lead=quiet, text="Done", owner=alice, done_at=at, done_by=alice)
    touch(spoken, at - timedelta(days=2))
    touch(quiet, at - timedelta(days=4))
    assert seen("data.lead_without_next_touch", at) == {(one, "") for one in (bare, quiet, passed)}
    assert seen("data.lead_without_next_touch", timezone.now() + timedelta(days=2)) == set()


def test_a_lead_that_is_too_long_in_its_status_is_found(alice: User, at: datetime) -> None:
    def of(status: str, days: int) -> Lead:
        return make_lead(owner=alice, status=status, at=at - timedelta(days=days))

    late = [of(Status.ENGAGED, 22), of(Status.NEW_MQL, 15), of(Status.MEETING_SCHEDULED, 46)]
    of(Status.ENGAGED, 20)
    of(Status.WORKING_TO_CONVERT, 46)
    of(Status.CLOSED_NURTURE, 400)
    assert seen("data.lead_in_status", at) == {(one, "") for one in late}
    moved = late.pop(0)
    move(moved, "nurture", actor=alice, at=at, via="test", nurture_reason="no_budget")
    assert seen("data.lead_in_status", at) == {(one, "") for one in late}


def test_a_lead_that_was_put_aside_and_forgotten_is_found(alice: User, at: datetime) -> None:
    def aside(day: Any) -> Lead:
        return make_lead(status=Status.CLOSED_NURTURE, come_back_on=day, nurture_reason="no_budget")

    never, long_ago = aside(None), aside(at.date() - timedelta(days=16))
    aside(at.date() - timedelta(days=10))
    aside(at.date() + timedelta(days=10))
    assert seen("data.lead_come_back", at) == {(never, "missing"), (long_ago, "passed")}


# Status, the facts that it lacks under the guard's code, and facts with which nothing is missing.
PLACED: list[tuple[str, dict[str, Any], set[str], dict[str, Any]]] = [
    (Status.NEW_ENRICHED, {}, {"needs_new_channel"}, {"phone": "+1 415 651 2575"}),
    (Status.NEW_MQL, {}, {"employees_unknown"}, {"employees": 500}),
    (Status.NEW_MQL, {"employees": 499}, {"too_few_employees"}, {"employees": 501}),
    (Status.WORKING_TO_ENGAGE, {}, {"needs_owner"}, {"owner": "alice"}),
    (Status.ENGAGED, {}, {"needs_evidence"}, {"touch": "replied"}),
    (Status.MEETING_SCHEDULED, {"meeting_at": None}, {"needs_meeting"}, {}),
    (Status.WORKING_TO_CONVERT, dict.fromkeys(guards.BANT, "confirmed"), {"bant_complete"}, {}),
    (Status.CLOSED_NURTURE, {}, {"needs_nurture_reason"}, {"nurture_reason": "no_budget"}),
    (
        Status.SAO_CONVERTED,
        {"budget": "confirmed", "need": "not_met"},
        {"bant_authority_unknown", "bant_need_not_met", "bant_timing_unknown"},
        dict.fromkeys(guards.BANT, "confirmed"),
    ),
]
GUARDS: dict[str, Guard] = {
    Status.NEW_ENRICHED: guards.enrich,
    Status.NEW_MQL: guards.qualify,
    Status.WORKING_TO_ENGAGE: guards.work,
    Status.ENGAGED: guards.engage,
    Status.MEETING_SCHEDULED: guards.schedule_meeting,
    Status.WORKING_TO_CONVERT: guards.work_to_convert,
    Status.CLOSED_NURTURE: guards.nurture,
    Status.CLOSED_DO_NOT_CONTACT: guards.do_not_contact,
    Status.SAO_CONVERTED: lambda lead, ask: guards.bant(lead),
}


def test_what_a_guard_would_have_asked_of_a_placed_lead_is_found_under_its_code(alice: User, at: datetime) -> None:
    expected = set()
    for status, lacking, codes, complete in PLACED:
        lead = make_lead(status=status, **lacking)
        values: dict[str, Any] = {name: alice if value == "alice" else value for name, value in complete.items()}
        said = values.pop("touch", "")
        whole = make_lead(status=status, **values)
        if said:
            touch(whole, at, outcome=said)
        expected |= {(lead, code) for code in codes}
        Lead.prepare_moves([lead])
        asked = {missing.code for missing in GUARDS[status](lead, Ask(alice, at, "test"))}
        assert codes <= asked, f"{status}: the guard itself asks for {asked}"
    assert seen("data.lead_placed_facts", at) == expected


def test_of_who_moved_there_through_the_door_nothing_is_asked_again(alice: User, mona: User, at: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "engage", actor=alice, at=at, via="test", evidence="call.connected")
    closed = make_lead(owner=alice)
    move(closed, "do_not_contact", actor=alice, at=at, via="test", do_not_contact_reason="asked_us")
    assert {record for record, _ in seen("data.lead_placed_facts", at)} == set()
    with acting(actor=alice, via="test", at=at):
        lead.touches.all().delete()
    assert seen("data.lead_placed_facts", at) == set()
    placed = make_lead(status=Status.CLOSED_DO_NOT_CONTACT)
    assert seen("data.lead_placed_facts", at) == {(placed, "needs_do_not_contact_reason")}
    suppress(reason="asked_us", emails=[placed.email], actor=mona, at=at, via="test")
    assert seen("data.lead_placed_facts", at) == set()


def test_a_meeting_of_which_nobody_said_what_came_is_found(alice: User, at: datetime) -> None:
    def meets(days: float, outcome: str = "") -> Lead:
        when = at - timedelta(days=days)
        return make_lead(status=Status.MEETING_SCHEDULED, meeting_at=when, meeting_outcome=outcome)

    passed = meets(1.5)
    meets(0.5)
    meets(-2)
    meets(3, "held")
    logged = touch(passed, at - timedelta(days=2), kind="meeting", outcome="")
    touch(passed, at - timedelta(days=2), kind="meeting", outcome="held")
    touch(passed, at - timedelta(days=2), kind="call", outcome="")
    assert seen("data.meeting_without_outcome", at) == {(passed, ""), (logged, "")}


def test_what_belongs_to_somebody_who_left_is_found(alice: User, gone: User, at: datetime) -> None:
    expected: set[tuple[Any, str]] = set()
    for make in (make_lead, make_account, make_contact, make_opportunity):
        expected.add((make(owner=gone), ""))
        make(owner=alice)
        make(owner=None)
    with acting(actor=alice, via="test", at=at):
        lead = Lead.objects.filter(owner=alice).get()
        expected.add((Task.objects.create(lead=lead, text="Call", owner=gone), ""))
        Task.objects.create(lead=lead, text="Call", owner=alice)
        Task.objects.create(lead=lead, text="Called", owner=gone, done_at=at, done_by=alice)
    assert seen("data.owner_gone", at) == expected


def test_who_waits_for_an_answer_waits_for_somebody_who_works_here(alice: User, gone: User, at: datetime) -> None:
    waits, answered, hers = (ask(timezone.now(), email=f"n{n}@globex{n}.example") for n in range(3))
    Enquiry.objects.filter(pk__in=[waits.pk, answered.pk]).update(owner=gone)
    Enquiry.objects.filter(pk=hers.pk).update(owner=alice)
    Clock.objects.filter(enquiry=answered).update(stopped_at=at, next_at=None)
    assert seen("data.enquiry_owner_gone", at) == {(waits, "")}


def test_links_and_numbers_of_leads_that_lead_nowhere_are_found(at: datetime) -> None:
    make_lead(linkedin_url="https://www.linkedin.com/in/lea", phone="+1 415 651 2575", mobile="(415) 651-2575")
    make_lead(linkedin_url="de.linkedin.com/pub/lea/1/2?x=y")
    company = make_lead(linkedin_url="https://www.linkedin.com/company/globex")
    nowhere = make_lead(linkedin_url="https://example.com/in/lea", phone="ask the desk", mobile="12")
    assert seen("data.lead_linkedin", at) == {(company, "linkedin_url"), (nowhere, "linkedin_url")}
    assert seen("data.lead_phone", at) == {(nowhere, "phone"), (nowhere, "mobile")}
