"""Enquiries as a program sends, reads and handles them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import Activity, NextTouch
from crm.clocks.models import Clock
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import ask, touched
from tests.factories import make_contact, make_lead
from tests.keys import Program, program

pytestmark = pytest.mark.django_db
BODY = {
    "channel": "contact_form",
    "name": "Nia Park",
    "company": "Hooli",
    "email": "nia@hooli.example",
    "text": "Do you support Windows?",
}


@pytest.fixture
def ask_as_robot(robot: User) -> Program:
    """The program of a service account that may do everything with enquiries."""
    return program(robot, "enquiries:read", "enquiries:write", "enquiries:move")


def post(asking: Program, path: str = "enquiries/", body: Any = None, **headers: str) -> Any:
    """Send something, and see that nothing went wrong inside."""
    answer = asking("POST", path, BODY if body is None else body, **headers)
    assert answer.status_code < 500, answer.content
    return answer


# --- receiving --------------------------------------------------------------------------------------------------------


def test_a_program_sends_a_request_and_a_lead_is_made_with_its_clock(ask_as_robot: Program, robot: User) -> None:
    made = post(ask_as_robot)
    assert made.status_code == 201, made.content
    told, enquiry = made.json(), Enquiry.objects.select_related("lead", "clock").get()
    assert (made.headers["Location"], made.headers["ETag"]) == (
        f"/api/v1/enquiries/{enquiry.pk}/",
        f'"{enquiry.pk}.{enquiry.version}"',
    )
    assert (told["lead_id"], told["clock_id"], told["came_by"]) == (enquiry.lead_id, enquiry.clock_id, "api")
    assert enquiry.lead is not None
    assert (enquiry.lead.email, enquiry.lead.company) == ("nia@hooli.example", "Hooli")
    assert ask_as_robot("GET", f"enquiries/{enquiry.pk}/").json() == told


def test_the_true_received_time_starts_the_clock(ask_as_robot: Program) -> None:
    post(ask_as_robot, body=BODY | {"received_at": "2026-03-04T10:00:00-08:00"})
    clock = Clock.objects.get()
    assert clock.started_at.isoformat() == "2026-03-04T18:00:00+00:00"
    assert clock.limit_at - clock.started_at == timedelta(days=2)


def test_one_message_of_another_system_is_one_enquiry(ask_as_robot: Program) -> None:
    body = BODY | {"system": "forms.example", "external_id": "m-17"}
    first, second = post(ask_as_robot, body=body), post(ask_as_robot, body=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert Enquiry.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"channel": "pigeon"}, "channel", "invalid_channel"),
        ({"channel": None}, "channel", "required"),
        ({"email": "nia at hooli"}, "email", "invalid_email"),
        ({"linkedin_url": "https://linkedin.com/company/hooli"}, "linkedin_url", "invalid_linkedin_url"),
        ({"priority": "p1"}, "priority", "invalid_priority"),
        ({"received_at": "yesterday"}, "received_at", "type"),
        ({"received_at": "2026-03-04T10:00:00"}, "received_at", "type"),
        ({"received_at": "2099-01-01T00:00:00Z"}, "received_at", "invalid_received_at"),
        ({"name": "N" * 300}, "name", "invalid_name"),
        ({"name": 7}, "name", "type"),
        ({"external_id": "m-17"}, "system", "needs_system"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"clock_id": 4}, "clock_id", "unknown_field"),
    ],
)
def test_it_refuses_what_will_not_do_by_name_and_stores_nothing(
    changed: dict[str, Any], field: str, code: str, ask_as_robot: Program
) -> None:
    answer = post(ask_as_robot, body=BODY | changed)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert (field, code) in {(one["field"], one["code"]) for one in answer.json()["errors"]}
    assert not Enquiry.objects.exists()
    assert not Lead.objects.exists()


def test_all_that_is_wrong_is_named_at_once(ask_as_robot: Program) -> None:
    answer = post(ask_as_robot, body={"channel": "pigeon", "email": "x", "received_at": "2099-01-01T00:00:00Z"})
    assert {one["field"] for one in answer.json()["errors"]} == {"channel", "email", "received_at"}


def test_a_key_that_only_writes_learns_nothing_of_whose_it_is(robot: User, alice: User) -> None:
    lead = make_lead(owner=alice)
    answer = post(program(robot, "enquiries:write"), body=BODY | {"email": lead.email})
    assert sorted(answer.json()) == ["id", "version"]
    assert program(robot, "enquiries:write")("GET", "enquiries/").json()["code"] == "missing_scope"


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_list_is_narrowed_by_channel_state_person_and_time(
    now: datetime, alice: User, mona: User, ask_as_robot: Program
) -> None:
    lead, contact = make_lead(owner=alice), make_contact()
    waiting = ask(now, email=lead.email, channel="web_chat")
    answered = ask(now, email=contact.email)
    touched(contact, alice, now)
    old = ask(now, received_at=now - timedelta(days=9), channel="event", text="Your booth")
    client = program(mona)
    assert client("POST", f"enquiries/{old.pk}/void/", {"reason": "vendor"}).status_code == 200
    other = ask(now, text="Alone")
    assert client("POST", f"enquiries/{other.pk}/hold-up/", {"reason": "waiting_for_details"}).status_code == 200
    note_responses(at=now)

    def found(query: str) -> list[int]:
        answer = client("GET", f"enquiries/?{query}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert found("") == [other.pk, old.pk, answered.pk, waiting.pk]
    assert found("ordering=received_at")[0] == old.pk
    assert found("channel=web_chat,event") == [old.pk, waiting.pk]
    assert found(f"lead_id={lead.pk}") == [waiting.pk]
    assert found(f"contact_id={contact.pk}") == [answered.pk]
    assert found(f"email={lead.email.upper()}") == [waiting.pk]
    assert found("state=waiting") == [waiting.pk]
    assert found("state=held_up") == [other.pk]
    assert found("state=answered") == [answered.pk]
    assert found("state=voided,waiting") == [old.pk, waiting.pk]
    assert found("state=unpromised") == []
    day = (now - timedelta(days=1)).isoformat().replace("+", "%2B")
    assert found(f"received_before={day}") == [old.pk]
    assert found(f"received_since={day}") == [other.pk, answered.pk, waiting.pk]
    for query, field in {"state=late": "state", "statee=waiting": "statee", "limit=100000": "limit"}.items():
        refused = client("GET", f"enquiries/?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field), query


def test_the_clock_is_told_where_it_is_asked_for(now: datetime, alice: User, ask_as_robot: Program) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    plain = ask_as_robot("GET", f"enquiries/{enquiry.pk}/")
    assert ("clock" in plain.json(), "ETag" in plain.headers) == (False, True)
    answer = ask_as_robot("GET", f"enquiries/{enquiry.pk}/?expand=computed")
    told, clock = answer.json(), Clock.objects.get()
    assert "ETag" not in answer.headers
    assert (told["state"], told["responsible_id"], told["waits_in_id"]) == ("waiting", alice.pk, None)
    assert (told["clock"]["id"], told["clock"]["policy"], told["clock"]["verdict"]) == (clock.pk, "enquiry", "breached")
    row = ask_as_robot("GET", "enquiries/?expand=computed").json()["results"][0]
    assert row == told


def test_an_enquiry_is_not_edited_or_deleted(now: datetime, root: User) -> None:
    enquiry, client = ask(now), program(root)
    for method in ("PUT", "PATCH", "DELETE"):
        assert client(method, f"enquiries/{enquiry.pk}/", {}).status_code in (403, 405)
    assert Enquiry.objects.filter(pk=enquiry.pk, version=enquiry.version).exists()


# --- what is done with them -------------------------------------------------------------------------------------------


def test_it_is_voided_and_a_manager_takes_that_back(now: datetime, alice: User, mona: User) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    owner = program(alice)
    refused = post(owner, f"enquiries/{enquiry.pk}/void/", {"reason": "boring"})
    assert (refused.status_code, refused.json()["code"]) == (409, "missing_facts")
    assert refused.json()["errors"][0]["code"] == "invalid_reason"
    done = post(owner, f"enquiries/{enquiry.pk}/void/", {"reason": "spam", "note": "Seats"})
    assert (done.status_code, done.json()["void_reason"], done.json()["voided_by_id"]) == (200, "spam", alice.pk)
    assert post(owner, f"enquiries/{enquiry.pk}/void/", {"reason": "spam"}).json()["code"] == "voided"
    assert post(owner, f"enquiries/{enquiry.pk}/unvoid/", {}).json()["code"] == "forbidden"
    assert post(program(mona), f"enquiries/{enquiry.pk}/unvoid/", {}).json()["voided_at"] is None


def test_it_is_held_up_and_resumed(now: datetime, alice: User) -> None:
    enquiry, client = ask(now, email=make_lead(owner=alice).email), program(alice)
    assert post(client, f"enquiries/{enquiry.pk}/resume/", {}).json()["code"] == "not_running"
    assert post(client, f"enquiries/{enquiry.pk}/hold-up/", {"reason": "asked_to_wait"}).status_code == 200
    state = client("GET", f"enquiries/{enquiry.pk}/?expand=computed").json()
    assert (state["state"], state["clock"]["paused_at"] is not None) == ("held_up", True)
    assert post(client, f"enquiries/{enquiry.pk}/resume/", {"note": "They wrote."}).status_code == 200
    assert client("GET", f"enquiries/{enquiry.pk}/?expand=computed").json()["state"] == "waiting"


def test_it_is_claimed_by_one(now: datetime, alice: User, bob: User) -> None:
    enquiry = ask(now, text="Is anybody there?")
    assert post(program(alice), f"enquiries/{enquiry.pk}/claim/", {}).json()["owner_id"] == alice.pk
    late = post(program(bob), f"enquiries/{enquiry.pk}/claim/", {})
    assert (late.status_code, late.json()["code"]) == (409, "already_owned")


def test_it_is_attached_to_a_record_or_to_whom_details_name(now: datetime, mona: User, alice: User) -> None:
    enquiry, client, contact = ask(now), program(mona), make_contact()
    address = f"enquiries/{enquiry.pk}/attach/"
    assert post(client, address, {}).json()["errors"][0]["code"] == "needs_one"
    both = {"contact_id": contact.pk, "email": "x@hooli.example"}
    assert post(client, address, both).json()["errors"][0]["code"] == "needs_one"
    assert post(client, address, {"lead_id": 10**12}).json()["errors"][0]["field"] == "lead_id"
    assert post(client, address, {"lead_id": "7"}).json()["errors"][0]["code"] == "type"
    assert post(client, address, {"contact_id": contact.pk}).json()["contact_id"] == contact.pk
    known = post(client, address, {"email": "nia@hooli.example", "name": "Nia Park"}).json()
    assert Lead.objects.get(pk=known["lead_id"]).email == "nia@hooli.example"


def test_it_is_answered_and_the_next_touch_is_planned_in_one_go(now: datetime, alice: User) -> None:
    lead = make_lead(owner=alice)
    enquiry, client = ask(now, email=lead.email), program(alice)
    address = f"enquiries/{enquiry.pk}/answer/"
    body = {"kind": "email", "outcome": "sent", "text": "We do."}
    wrong = post(client, address, body | {"outcome": "connected", "next_touch_on": "2026-03-09"})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (409, "other_kind")
    assert post(client, address, body | {"kind": "pigeon"}).json()["errors"][0]["code"] == "invalid_choice"
    assert post(client, address, body | {"happened_at": "1900-01-01T00:00:00Z"}).status_code == 400
    assert not Activity.objects.filter(lead=lead).exists()
    done = post(client, address, body | {"next_touch_on": "2026-12-09", "next_touch_text": "Call"})
    assert done.status_code == 200, done.content
    touch = Activity.objects.get(lead=lead)
    assert (done.json()["answer_id"], touch.by, touch.text) == (touch.pk, alice, "We do.")
    assert NextTouch.objects.get(lead=lead).text == "Call"
    assert Clock.objects.get().stopped_at is not None


def test_a_stranger_may_not(now: datetime, charlie: User, alice: User) -> None:
    enquiry, client = ask(now, email=make_lead(owner=alice).email), program(charlie)
    bodies: dict[str, dict[str, str]] = {
        "void": {"reason": "spam"},
        "hold-up": {"reason": "asked_to_wait"},
        "answer": {"kind": "email", "outcome": "sent"},
        "resume": {},
        "unvoid": {},
    }
    for name, body in bodies.items():
        answer = post(client, f"enquiries/{enquiry.pk}/{name}/", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
    assert not Activity.objects.exists()


def test_each_action_takes_its_scope_and_a_record_that_is_there(now: datetime, root: User) -> None:
    enquiry = ask(now)
    for name in ("void", "unvoid", "hold-up", "resume", "claim", "attach", "answer"):
        reader = program(root, "enquiries:read", "enquiries:write")
        assert post(reader, f"enquiries/{enquiry.pk}/{name}/", {}).json()["code"] == "missing_scope"
    body = {"reason": "spam"}
    assert post(program(root), f"enquiries/{10**12}/void/", body).status_code == 404
    assert post(program(root), f"enquiries/{enquiry.pk}/void/?x=1", body).json()["code"] == "unknown_parameter"


def test_if_match_keeps_from_acting_on_what_was_changed_meanwhile(now: datetime, root: User, mona: User) -> None:
    enquiry, client = ask(now), program(root)
    tag = client("GET", f"enquiries/{enquiry.pk}/").headers["ETag"]
    assert post(program(mona), f"enquiries/{enquiry.pk}/claim/", {}, if_match=tag).status_code == 200
    late = post(client, f"enquiries/{enquiry.pk}/void/", {"reason": "spam"}, if_match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert "Mona" in late.json()["detail"]
    assert [one["field"] for one in late.json()["errors"]] == ["owner_id"]
    assert Enquiry.objects.get().voided_at is None
    assert post(client, f"enquiries/{enquiry.pk}/void/", {"reason": "spam"}, if_match="*").status_code == 200


def test_it_came_in_now_unless_it_says_when(ask_as_robot: Program) -> None:
    before = timezone.now()
    post(ask_as_robot)
    assert before <= Enquiry.objects.get().received_at <= timezone.now()
