"""Enquiries in the admin: the list, the page with its clock, what its buttons do, and entering one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.activities.models import NextTouch
from crm.clocks.models import ClockEvent
from crm.enquiries.holding_up import hold_up
from crm.enquiries.models import Enquiry
from crm.enquiries.voiding import void_enquiry
from crm.jobs.models import Job
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.bulk.pages import answer
from tests.enquiries.asking import ask, clock_of
from tests.factories import make_account, make_contact, make_lead, make_opportunity

LIST, ADD = "/admin/enquiries/enquiry/", "/admin/enquiries/enquiry/add/"


def page(enquiry: Enquiry) -> str:
    return f"{LIST}{enquiry.pk}/change/"


def do(enquiry: Enquiry, verb: str) -> str:
    return f"{LIST}{enquiry.pk}/do/{verb}/"


def local(moment: Any) -> str:
    """As somebody in the company's zone types it."""
    return str(moment.astimezone(handbook.current().zone).strftime("%Y-%m-%dT%H:%M"))


def rows_of(answer: Any) -> list[Enquiry]:
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


@pytest.fixture
def hers(alice: User) -> Enquiry:
    """Alice's lead asked a minute ago."""
    lead = make_lead(owner=alice, email="grace@globex.example", first_name="Grace", last_name="Hopper")
    return ask(timezone.now(), email=lead.email)


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def every_state(alice: User, mona: User) -> dict[str, Enquiry]:
    """One enquiry in each state."""
    now = timezone.now()

    def one(name: str, **values: Any) -> Enquiry:
        make_lead(owner=alice, email=f"{name}@globex.example", first_name=name, last_name="Smith")
        return ask(now, email=f"{name}@globex.example", **values)

    found = {name: one(name) for name in ("open", "at_risk", "held_up", "voided", "answered")}
    found["overdue"] = one("overdue", received_at=now - timedelta(days=2, minutes=5))
    found["alone"] = ask(now, name="A visitor", channel="web_chat")
    clock = found["at_risk"].clock
    assert clock
    ClockEvent.objects.create(clock=clock, kind="warned", step="warn_90", round=clock.round, at=now)
    hold_up(found["held_up"], reason="asked_to_wait", actor=alice, at=now, via="test")
    void_enquiry(found["voided"], reason="spam", actor=alice, at=now, via="test")
    client_of(alice).post(do(found["answered"], "answer"), {"kind": "email", "outcome": "sent"})
    return found


STATES = {
    "unanswered": {"open", "at_risk", "held_up", "overdue", "alone"},
    "open": {"open", "at_risk", "alone"},
    "at_risk": {"at_risk"},
    "overdue": {"overdue"},
    "breached": {"overdue"},
    "held_up": {"held_up"},
    "answered": {"answered"},
    "voided": {"voided"},
    "alone": {"alone"},
}


def test_the_list_has_each_state_and_what_has_the_least_time_left_first(
    client: Client, every_state: dict[str, Enquiry]
) -> None:
    names = {enquiry.pk: name for name, enquiry in every_state.items()}
    shown = {state: rows_of(client.get(LIST, {"state": state})) for state in STATES}
    assert {state: {names[row.pk] for row in rows} for state, rows in shown.items()} == STATES
    first, *_, last = shown["unanswered"]
    assert first.pk == every_state["overdue"].pk
    assert last.clock
    assert last.clock.limit_at >= clock_of(every_state["alone"]).limit_at


def test_the_tab_opens_on_what_is_unanswered(mona: User, hers: Enquiry) -> None:
    shown = client_of(mona).get("/admin/")
    links = [str(item["link"]) for group in shown.context["sidebar_navigation"] for item in group["items"]]
    assert f"{LIST}?state=unanswered" in links


def test_the_list_is_filtered_by_whose_it_is(alice: User, bob: User, charlie: User, hers: Enquiry) -> None:
    now = timezone.now()
    make_lead(owner=bob, email="bobs@globex.example")
    bobs = ask(now, email="bobs@globex.example")
    waiting = ask(now, name="A visitor", actor=alice)
    assert {row.pk for row in rows_of(client_of(alice).get(LIST, {"owner": "me"}))} == {hers.pk}
    assert {row.pk for row in rows_of(client_of(alice).get(LIST, {"owner": "team"}))} == {hers.pk, bobs.pk, waiting.pk}
    assert {row.pk for row in rows_of(client_of(alice).get(LIST, {"owner": "queue"}))} == {waiting.pk}
    assert {row.pk for row in rows_of(client_of(charlie).get(LIST, {"owner": "none"}))} == {waiting.pk}
    assert {row.pk for row in rows_of(client_of(charlie).get(LIST, {"owner": "team"}))} == set()


@pytest.mark.parametrize("term", ["hopper", "grace@globex.example", "Visit"])
def test_it_is_found_by_who_asked(client: Client, hers: Enquiry, term: str) -> None:
    alone = ask(timezone.now(), name="A visitor", text="Hello")
    assert [row.pk for row in rows_of(client.get(LIST, {"q": term}))] == [alone.pk if term == "Visit" else hers.pk]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_what_they_wrote_and_the_clock(client: Client, hers: Enquiry) -> None:
    answer = client.get(page(hers))
    text = answer.content.decode()
    assert "Do you support Windows?" in text
    assert "data-left=" in text
    assert f"/admin/clocks/clock/{hers.clock_id}/explain/" in text
    assert [event.kind for event in answer.context["events"]] == ["started"]
    assert {verb.name for verb in answer.context["verbs"]} == {"answer", "hold_up", "attach", "void"}


def test_who_may_only_look_has_no_buttons(charlie: User, hers: Enquiry) -> None:
    answer = client_of(charlie).get(page(hers))
    assert answer.context["verbs"] == []
    refused = client_of(charlie).post(do(hers, "void"), {"reason": "spam"})
    assert refused.status_code == 403
    assert Enquiry.objects.get(pk=hers.pk).voided_at is None


def test_a_post_to_the_page_itself_changes_nothing(client: Client, hers: Enquiry) -> None:
    assert client.post(page(hers), {"channel": "email"}).status_code == 403


# --- dialogs ----------------------------------------------------------------------------------------------------------


def test_the_response_and_the_next_touch_are_stored_in_one_go(client: Client, hers: Enquiry) -> None:
    tomorrow = handbook.current().today(timezone.now()) + timedelta(days=1)
    sent = {"kind": "email", "outcome": "sent", "text": "Yes we do.", "next_touch_on": tomorrow.isoformat()}
    assert client.get(do(hers, "answer")).status_code == 200
    assert clock_of(hers).stopped_at is None
    answer = client.post(do(hers, "answer"), {**sent, "next": "/admin/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert clock_of(hers).stopped_at is not None
    assert NextTouch.objects.get(lead=hers.lead).due_on == tomorrow


def test_what_will_not_do_is_said_at_its_field_and_nothing_is_written(client: Client, hers: Enquiry) -> None:
    answer = client.post(do(hers, "answer"), {"kind": "email", "outcome": "", "next_touch_on": "2026-13-45"})
    assert answer.status_code == 200
    wrong = {item.field.name for item in answer.context["asked"] if item.problems}
    assert wrong == {"next_touch_on"}
    answer = client.post(do(hers, "answer"), {"kind": "email", "outcome": "connected"})
    assert [item.field.name for item in answer.context["asked"] if item.problems] == ["outcome"]
    assert clock_of(hers).stopped_at is None


def test_no_answer_is_logged_and_said_to_be_no_response(client: Client, hers: Enquiry) -> None:
    answer = client.post(do(hers, "answer"), {"kind": "call", "outcome": "no_answer"}, follow=True)
    assert "still to be answered" in answer.content.decode()
    assert clock_of(hers).stopped_at is None


def test_it_is_held_up_and_resumed(client: Client, hers: Enquiry) -> None:
    client.post(do(hers, "hold_up"), {"reason": "asked_to_wait", "note": "Until Monday"})
    assert clock_of(hers).paused_at is not None
    assert "Held up" in client.get(page(hers)).content.decode()
    client.post(do(hers, "resume"))
    assert clock_of(hers).paused_at is None


def test_it_asks_why_it_is_voided(client: Client, hers: Enquiry, mona: User) -> None:
    answer = client.post(do(hers, "void"), {"reason": ""})
    assert [item.field.name for item in answer.context["asked"] if item.problems] == ["reason"]
    client.post(do(hers, "void"), {"reason": "vendor", "note": "Sells pens"})
    shown = client.get(page(hers)).content.decode()
    assert "Voided: Vendor" in shown
    assert "Sells pens" in shown
    assert client.post(do(hers, "unvoid")).status_code == 403
    client_of(mona).post(do(hers, "unvoid"))
    assert clock_of(hers).voided_at is None


def test_what_stands_alone_is_claimed_once(alice: User, bob: User) -> None:
    alone = ask(timezone.now(), name="A visitor", actor=alice)
    assert client_of(alice).post(do(alone, "claim")).status_code == 302
    late = client_of(bob).post(do(alone, "claim"))
    assert late.status_code == 409
    assert "has this enquiry already" in late.content.decode()


def test_another_of_the_same_details_is_attached_with_one_click(client: Client, alice: User) -> None:
    for name in ("Older", "Newer"):
        make_lead(owner=alice, email="same@globex.example", last_name=name)
    asked = ask(timezone.now(), email="same@globex.example")
    answer = client.get(page(asked))
    (other,) = answer.context["others"]
    assert f'value="{other.choice}"' in answer.content.decode()
    client.post(do(asked, "attach"), {"record": other.choice})
    assert Enquiry.objects.get(pk=asked.pk).lead == other.record


def test_anybody_else_is_searched_for_and_attached(client: Client, hers: Enquiry, alice: User) -> None:
    ada = make_lead(owner=alice, first_name="Ada", last_name="Lovelace", email="ada@initech.example")
    looked = client.post(do(hers, "attach"), {"term": "lovelace", "look": "1"})
    assert f'value="lead:{ada.pk}"' in looked.content.decode()
    client.post(do(hers, "attach"), {"term": "lovelace", "record": f"lead:{ada.pk}"})
    assert Enquiry.objects.get(pk=hers.pk).lead == ada
    refused = client.post(do(hers, "attach"), {"term": "", "record": ""})
    assert "Choose whose it is." in refused.content.decode()


def test_once_they_say_who_they_are_the_lead_is_made(client: Client, alice: User) -> None:
    alone = ask(timezone.now(), name="A visitor", actor=alice)
    client.post(do(alone, "details"), {"email": "visitor@hooli.example", "name": "Nia Park"})
    lead = Enquiry.objects.get(pk=alone.pk).lead
    assert lead
    assert lead.email == "visitor@hooli.example"


def test_there_is_nothing_to_do_with_what_is_not_there(client: Client, hers: Enquiry) -> None:
    assert client.get(do(hers, "explode")).status_code == 404
    assert client.get(f"{LIST}999999/do/answer/").status_code == 404


# --- entering ---------------------------------------------------------------------------------------------------------


def test_one_is_entered_with_the_time_it_was_received(client: Client) -> None:
    at = timezone.now() - timedelta(hours=3)
    sent = {"channel": "event", "received_at": local(at), "email": "booth@hooli.example", "text": "Call me"}
    answer = client.post(ADD, sent)
    made = Enquiry.objects.get()
    assert answer["Location"] == page(made)
    assert made.received_at == at.replace(second=0, microsecond=0)
    assert made.came_by == "admin"
    assert Lead.objects.get() == made.lead


def test_entering_says_everything_that_will_not_do(client: Client) -> None:
    ahead = local(timezone.now() + timedelta(days=2))
    answer = client.post(ADD, {"channel": "", "received_at": ahead, "email": "nobody", "text": ""})
    assert answer.status_code == 400
    wrong = {item.field.name for item in answer.context["asked"] if item.problems}
    assert wrong == {"channel", "received_at", "email"}
    assert not Enquiry.objects.exists()


# --- many -------------------------------------------------------------------------------------------------------------


def test_a_wave_of_spam_is_voided_after_a_confirmation(mona: User) -> None:
    spam = [ask(timezone.now(), name=f"Winner {number}") for number in range(3)]
    client = client_of(mona)
    address = f"{LIST}bulk/void_enquiries/?ids={','.join(str(one.pk) for one in spam)}"
    assert client.get(address).status_code == 200
    asked = client.post(address, {"reason_key": "spam", "reason": "A wave", "token": "t"})
    job = Job.objects.get()
    assert not Enquiry.objects.exclude(voided_at=None).exists()
    assert client.get(asked["Location"]).status_code == 200
    answer(client, job, "confirm")
    assert Enquiry.objects.exclude(voided_at=None).count() == 3
    assert {one.void_note for one in Enquiry.objects.all()} == {"A wave"}


# --- on other pages ---------------------------------------------------------------------------------------------------


def test_the_pages_of_their_records_show_it(client: Client, alice: User) -> None:
    account = make_account(owner=alice)
    contact = make_contact(owner=alice, account=account, email="ida@globex.example")
    sale = make_opportunity(owner=alice, account=account)
    ask(timezone.now(), email="ida@globex.example")
    for kind, record in (("contact", contact), ("account", account)):
        text = client.get(f"/admin/accounts/{kind}/{record.pk}/change/").content.decode()
        assert 'data-section="enquiries"' in text
        assert "Do you support Windows?" in text
    asked = Enquiry.objects.get()
    if asked.opportunity_id == sale.pk:
        assert (
            'data-section="enquiries"' in client.get(f"/admin/contracts/opportunity/{sale.pk}/change/").content.decode()
        )


def test_a_record_without_enquiries_has_no_panel(client: Client, alice: User) -> None:
    lead = make_lead(owner=alice)
    assert 'data-section="enquiries"' not in client.get(f"/admin/leads/lead/{lead.pk}/change/").content.decode()


def test_the_timeline_has_what_they_asked_and_what_became_of_the_clock(client: Client, hers: Enquiry) -> None:
    client.post(do(hers, "hold_up"), {"reason": "asked_to_wait"})
    assert hers.lead
    text = client.get(
        reverse("admin:activities_timeline", args=["lead", hers.lead.pk]), {"only": "enquiries"}
    ).content.decode()
    assert "Enquiry: Contact form" in text
    assert "Contact form: held up" in text
