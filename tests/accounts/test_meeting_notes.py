"""Meeting notes (C3, C7, S8): the reminder that is always there, what it asks for, and the notes there are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.models import Account, Contact
from crm.activities.models import Activity
from crm.activities.touching import add_notes, handle, log_touch, title_of
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.panels import panels_for
from crm.people.models import User
from crm.workspace.models import PageLayout
from leads.statuses import Status
from tests.access import client_of
from tests.factories import make_account, make_contact, make_lead, make_opportunity

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true"}


def meet(actor: User, at: datetime, outcome: str = "held", **values: Any) -> Activity:
    about: dict[str, Any] = {}
    for name in ("lead", "contact", "account", "opportunity"):
        if name in values:
            about[name] = values.pop(name)
    return log_touch(about, actor=actor, at=at, via="test", kind="meeting", outcome=outcome, happened_at=at, **values)


def panel(name: str, record: Any, user: User, rf: RequestFactory) -> str:
    request = rf.get("/")
    request.user = user
    return panels_for(type(record))[name].render(request, record)


@pytest.fixture
def fleet(alice: User) -> Account:
    return make_account(name="Fleet", owner=alice)


@pytest.fixture
def charlie_of_fleet(fleet: Account) -> Contact:
    return make_contact(account=fleet, first_name="Charlie", last_name="Ray")


def test_the_reminder_is_always_there_with_the_way_to_the_notes(
    fleet: Account, charlie_of_fleet: Contact, alice: User, rf: RequestFactory
) -> None:
    for record in (fleet, charlie_of_fleet):
        shown = panel("meeting_notes_reminder", record, alice, rf)
        assert "Looking for meeting notes" in shown
        assert "“Charlie (Fleet)”" in shown
        assert 'href="https://drive.google.com/drive/search?q=%22meeting%20notes%22%20Fleet"' in shown
        assert 'rel="noopener' in shown
        assert "No notes yet" not in shown
    assert "Looking for meeting notes" in panel("meeting_notes_reminder", make_contact(), alice, rf)
    PageLayout.objects.filter(object="account").update(body={})
    assert "Search the notes" not in panel("meeting_notes_reminder", fleet, alice, rf)


def test_it_asks_for_the_notes_of_a_meeting_that_was_held(
    fleet: Account, charlie_of_fleet: Contact, alice: User, now: datetime, rf: RequestFactory
) -> None:
    meet(alice, now, contact=charlie_of_fleet)
    for record in (fleet, charlie_of_fleet):
        shown = panel("meeting_notes_reminder", record, alice, rf)
        assert "No notes yet of the meeting with <strong>Charlie Ray</strong> on Wednesday, March 4: add them." in shown
        assert 'value="Charlie (Fleet)"' in shown


@pytest.mark.parametrize(
    "values",
    [
        {"outcome": "no_show"},
        {"outcome": "cancelled"},
        {"text": "Spoke of hosts"},
        {"notes_url": "https://n.example/1"},
    ],
)
def test_it_asks_for_nothing_where_there_is_nothing_to_ask(
    values: dict[str, Any], fleet: Account, alice: User, now: datetime, rf: RequestFactory
) -> None:
    meet(alice, now, account=fleet, **values)
    assert "No notes yet" not in panel("meeting_notes_reminder", fleet, alice, rf)


def test_it_asks_what_became_of_a_meeting_with_a_lead_of_the_company(
    alice: User, now: datetime, rf: RequestFactory
) -> None:
    account = make_account(website="https://initech.example")
    passed = now - timedelta(hours=3)
    lead = make_lead(status=Status.MEETING_SCHEDULED, meeting_at=passed, email="lea@initech.example", last_name="Ray")
    make_lead(status=Status.MEETING_SCHEDULED, meeting_at=passed, email="lou@elsewhere.example")
    shown = panel("meeting_notes_reminder", account, alice, rf)
    assert shown.count("data-request") == 1
    assert f"/admin/leads/lead/{lead.pk}/change/" in shown


def test_the_notes_are_added_where_they_are_asked_for_by_whoever_was_there(
    fleet: Account, charlie_of_fleet: Contact, alice: User, bob: User, now: datetime
) -> None:
    touch = meet(alice, now, contact=charlie_of_fleet)
    client, address = client_of(bob), f"/admin/accounts/account/{fleet.pk}/notes/{touch.pk}/"
    page = client.post(address, {"title": "Charlie (Fleet)"}, headers=HTMX).content.decode()
    assert "Give the link to the notes, or write down what was said." in page
    page = client.post(address, {"notes_url": "not an address"}, headers=HTMX).content.decode()
    assert "Enter a valid URL." in page
    page = client.post(address, {"notes_url": "notes.example/1"}, headers=HTMX).content.decode()
    assert "The notes are added." in page
    assert "No notes yet of" not in page
    assert 'href="https://notes.example/1"' in page
    touch.refresh_from_db()
    assert (touch.title, touch.notes_url) == ("Charlie (Fleet)", "https://notes.example/1")
    again = client.post(address, {"notes_url": "notes.example/2"}, headers=HTMX)
    assert again.headers["Plumb-Refused"] == "has_notes"
    assert client.get(address).status_code == 405


def test_notes_are_titled_by_first_name_and_company(
    fleet: Account, charlie_of_fleet: Contact, alice: User, now: datetime
) -> None:
    sale = make_opportunity(account=fleet)
    assert title_of(meet(alice, now, contact=charlie_of_fleet)) == "Charlie (Fleet)"
    assert title_of(meet(alice, now, lead=make_lead(first_name="Lea", company="Globex"))) == "Lea (Globex)"
    assert title_of(meet(alice, now, opportunity=sale)) == "Fleet"
    assert title_of(meet(alice, now, account=fleet)) == "Fleet"
    loner = make_contact(first_name="", last_name="Solo", account=None)
    assert handle(loner) == "Solo"
    assert handle(loner, fleet) == "Solo (Fleet)"
    noted = add_notes(meet(alice, now, contact=charlie_of_fleet), text="Said much", actor=alice, at=now, via="test")
    assert noted.title == "Charlie (Fleet)"


def test_the_panel_lists_meetings_with_notes_newest_first_of_the_company_and_its_people(
    fleet: Account, charlie_of_fleet: Contact, alice: User, now: datetime, rf: RequestFactory
) -> None:
    meet(alice, now - timedelta(days=2), account=fleet, title="Older", notes_url="https://n.example/old")
    meet(alice, now - timedelta(days=1), contact=charlie_of_fleet, title="Newer", text="Said much")
    meet(alice, now, account=fleet, title="Silent")
    with acting(actor=alice, via="test", at=now):
        Activity.objects.create(
            kind="call", happened_at=now, by=alice, account=fleet, title="A call", notes_url="https://n.example/c"
        )
    shown = panel("meeting_notes", fleet, alice, rf)
    assert shown.index("Newer") < shown.index("Older")
    assert "Silent" not in shown
    assert "A call" not in shown
    assert shown.count('rel="noopener') == 1


def test_a_link_that_is_none_is_never_followed(fleet: Account, alice: User, now: datetime, rf: RequestFactory) -> None:
    touch = meet(alice, now, account=fleet, text="x")
    Activity.objects.filter(pk=touch.pk).update(notes_url="javascript:alert(1)")
    assert "javascript:" not in panel("meeting_notes", fleet, alice, rf)
    assert "javascript:" not in panel("activity_feed", fleet, alice, rf)


def test_somebody_who_was_quicker_is_not_overwritten(fleet: Account, alice: User, bob: User, now: datetime) -> None:
    touch = meet(alice, now, account=fleet)
    add_notes(touch, text="Mine", actor=bob, at=now, via="test")
    with pytest.raises(Refused) as refused:
        add_notes(touch, text="Theirs", actor=bob, at=now, via="test")
    assert refused.value.code == "has_notes"
    # Who logged it may mend it.
    assert add_notes(touch, text="Mended", actor=alice, at=now, via="test").text == "Mended"
