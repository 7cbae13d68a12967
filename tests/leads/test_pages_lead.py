"""The page of a lead: what stands on it, and what is done on it without leaving it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.activities.models import NextTouch
from crm.core.acting import acting
from crm.core.dialogs import url_of
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.guards import BANT
from leads.models import Lead
from leads.statuses import PATH, Status
from leads.working import plan_touch
from tests.factories import make_lead
from tests.leads.pages import HTMX, browse, codes, page_url, soon, text_of
from tests.races import race

pytestmark = pytest.mark.django_db
TOUCH = {"kind": "call", "direction": "out", "outcome": "connected", "text": "They will call back"}


def test_on_top_stand_name_source_status_and_rating(alice: User) -> None:
    lead = make_lead(owner=alice, lead_source="webinar", rating="hot", title="CISO")
    page = text_of(browse(alice).get(page_url(lead)))
    top = page[page.index('data-section="top"') : page.index('data-section="path"')]
    for field, words in (("name", lead.name), ("lead_source", "Webinar"), ("status", "New"), ("rating", "Hot")):
        assert f'data-field="{field}"' in top
        assert words in top


def test_the_path_marks_where_it_is_for_eyes_and_ears(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.ENGAGED)
    page = text_of(browse(alice).get(page_url(lead)))
    steps = re.findall(r'<li class="pl-step [^>]*>.*?</li>', page, re.S)
    assert len(steps) == len(PATH)
    [now] = [step for step in steps if 'aria-current="step"' in step]
    assert "Engaged" in now
    assert "(now)" in now


def test_a_closed_lead_ends_its_path_where_it_went(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.CLOSED_NURTURE)
    page = text_of(browse(alice).get(page_url(lead)))
    assert page.count('class="pl-step ') == len(PATH) + 1
    assert "pl-step-now pl-step-closed" in page


def test_there_is_a_button_for_each_move_that_can_be_made_and_for_no_other(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.WORKING_TO_ENGAGE)
    page = text_of(browse(alice).get(page_url(lead)))
    assert set(re.findall(r'data-verb="(\w+)"', page)) == {
        "release",
        "engage",
        "schedule_meeting",
        "nurture",
        "do_not_contact",
    }


def test_who_may_not_work_it_sees_why(alice: User, charlie: User) -> None:
    lead = make_lead(owner=alice)
    page = text_of(browse(charlie).get(page_url(lead)))
    assert "No move can be made by you from here." in page
    assert "may be done by: Owner, their team, a manager" in page
    assert "Save BANT" not in page


def test_a_likely_duplicate_is_named(alice: User) -> None:
    first = make_lead(email="Jane@Globex.example")
    second = make_lead(owner=alice, email="jane+crm@globex.example")
    page = text_of(browse(alice).get(page_url(second)))
    assert "Likely a duplicate of" in page
    assert page_url(first) in page


def test_where_the_details_came_from_is_told(alice: User) -> None:
    lead = make_lead(owner=alice, came_from="Salesforce export, Lead.csv", kept={"LeadType__c": "Inbound"})
    Lead.objects.filter(pk=lead.pk).update(
        kept={**lead.kept, "Form__c": "https://x.example/f", "Odd__c": "javascript:0"}
    )
    ExternalId.objects.create(object="lead", system="salesforce", value="00Q1", record_id=lead.pk)
    page = text_of(browse(alice).get(page_url(lead)))
    for words in ("Salesforce export, Lead.csv", "LeadType__c", "Inbound", "00Q1", "javascript:0"):
        assert words in page
    assert 'href="https://x.example/f" rel="noopener noreferrer"' in page
    assert 'href="javascript' not in page


def test_bant_is_noted_on_the_page_and_opens_the_way_to_convert(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.ENGAGED)
    values = dict.fromkeys(BANT, "confirmed") | {"budget_note": "Approved for the year"}
    answer = browse(alice).post(url_of(lead, "bant"), {**values, "version": lead.version}, headers=HTMX)
    page = text_of(answer)
    lead.refresh_from_db()
    assert (lead.timing, lead.budget_note) == ("confirmed", "Approved for the year")
    assert 'data-verb="convert"' in page
    # The form further down was opened before this: it goes on from the version that we made.
    assert f'id="page-version" value="{lead.version}"' in page


def test_bant_of_an_older_version_is_not_overwritten(alice: User, bob: User) -> None:
    lead = make_lead(owner=alice)
    opened = lead.version
    with acting(actor=bob, via="test", at=timezone.now()):
        other = Lead.objects.get(pk=lead.pk)
        other.budget = "not_met"
        other.save(update_fields=["budget"])
    values = dict.fromkeys(BANT, "confirmed")
    answer = browse(alice).post(url_of(lead, "bant"), {**values, "version": opened}, headers=HTMX)
    assert (answer.status_code, codes(answer)) == (409, ["stale"])
    assert "Bob" in text_of(answer)
    lead.refresh_from_db()
    assert (lead.budget, lead.timing) == ("not_met", "unknown")


def test_a_touch_is_logged_without_leaving_the_page(alice: User) -> None:
    lead = make_lead(owner=alice)
    answer = browse(alice).post(url_of(lead, "touch"), {**TOUCH, "happened_at": soon(hours=-1)}, headers=HTMX)
    page = text_of(answer)
    assert "<html" not in page
    assert "They will call back" in page
    touch = lead.touches.get()
    assert (touch.kind, touch.outcome, touch.by) == ("call", "connected", alice)
    version = lead.version
    lead.refresh_from_db()
    assert lead.version == version, "a logged call is not a new version of the lead"


def test_a_touch_whose_outcome_is_of_another_kind_is_refused(alice: User) -> None:
    lead = make_lead(owner=alice)
    answer = browse(alice).post(
        url_of(lead, "touch"), {**TOUCH, "outcome": "bounced", "happened_at": soon(hours=-1)}, headers=HTMX
    )
    assert "What can come of this kind of touch (call)" in text_of(answer)
    assert not lead.touches.exists()


def test_what_has_not_happened_is_not_logged(alice: User) -> None:
    lead = make_lead(owner=alice)
    answer = browse(alice).post(url_of(lead, "touch"), {**TOUCH, "happened_at": soon(hours=3)}, headers=HTMX)
    assert "plan it as the next touch" in text_of(answer)
    assert not lead.touches.exists()


def test_logging_the_planned_touch_clears_it(alice: User) -> None:
    lead = make_lead(owner=alice)
    now = timezone.now()
    plan_touch(lead, due_on=now.date(), kind="call", text="Try again", actor=alice, at=now, via="test")
    browse(alice).post(url_of(lead, "touch"), {**TOUCH, "planned": "1", "happened_at": soon(minutes=-1)}, headers=HTMX)
    assert not NextTouch.objects.filter(lead=lead).exists()


def test_there_is_one_next_touch_and_it_can_be_cleared(alice: User) -> None:
    lead, client = make_lead(owner=alice), browse(alice)
    for day in ("2026-12-01", "2026-12-24"):
        client.post(url_of(lead, "next_touch"), {"due_on": day, "next_kind": "email", "what": "Ask"}, headers=HTMX)
    planned = NextTouch.objects.get(lead=lead)
    assert str(planned.due_on) == "2026-12-24"
    answer = client.post(url_of(lead, "next_touch"), {"clear": "1"}, headers=HTMX)
    assert "Nothing is planned." in text_of(answer)
    assert not NextTouch.objects.exists()


def test_another_team_plans_nothing_here(alice: User, charlie: User) -> None:
    lead = make_lead(owner=alice)
    answer = browse(charlie).post(url_of(lead, "next_touch"), {"due_on": "2026-12-01", "next_kind": "email"})
    assert codes(answer) == ["forbidden"]
    assert not NextTouch.objects.exists()


def test_the_small_forms_work_without_javascript(alice: User) -> None:
    lead, client = make_lead(owner=alice), browse(alice)
    page = client.post(url_of(lead, "touch"), {**TOUCH, "happened_at": soon(minutes=-1)}, follow=True)
    assert "They will call back" in text_of(page)
    page = client.post(url_of(lead, "touch"), {"kind": "call"}, follow=True)
    assert "Outcome: This field is required." in text_of(page)


@pytest.mark.parametrize("page", ["claim", "bant", "touch", "next_touch"])
def test_what_changes_something_is_posted_with_a_token(alice: User, page: str) -> None:
    lead = make_lead()
    assert browse(alice).get(url_of(lead, page)).status_code == 405
    assert browse(alice, enforce_csrf_checks=True).post(url_of(lead, page), {}).status_code == 403
    lead.refresh_from_db()
    assert (lead.owner, lead.version) == (None, 1)


def test_an_owned_lead_is_not_claimed_again(alice: User, bob: User) -> None:
    lead = make_lead(owner=bob)
    answer = browse(alice).post(url_of(lead, "claim"), follow=True)
    assert "Bob owns this lead already." in text_of(answer)
    lead.refresh_from_db()
    assert lead.owner == bob


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_at_once_one_wins_and_the_other_is_told(alice: User, bob: User) -> None:
    lead = make_lead()
    clients = [browse(alice), browse(bob)]
    answers = race(
        *(lambda client=client: client.post(url_of(lead, "claim")) for client in clients),  # type: ignore[misc]
        behind="SELECT 1 FROM leads_lead WHERE id = %s FOR UPDATE",
        values=(lead.pk,),
    )
    lead.refresh_from_db()
    assert lead.owner in (alice, bob)
    assert sorted(",".join(codes(answer)) for answer in answers) == ["", "already_owned"]


def test_a_new_lead_is_entered_and_needs_an_address(alice: User) -> None:
    client, url = browse(alice), reverse("admin:leads_lead_add")
    values = {"first_name": "Grace", "last_name": "Hopper", "company": "Navy"}
    refused = client.post(url, values)
    assert refused.context["adminform"].form.errors["email"] == ["A lead has an email or a LinkedIn profile URL."]
    client.post(url, {**values, "email": "grace@navy.example"})
    lead = Lead.objects.get()
    assert (lead.name, lead.status) == ("Grace Hopper", Status.NEW)


def test_the_form_never_changes_the_status(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    client.post(
        page_url(lead),
        {"version": lead.version, "email": lead.email, "last_name": "Changed", "status": "sao_converted"},
    )
    lead.refresh_from_db()
    assert (lead.last_name, lead.status) == ("Changed", Status.NEW)


def test_a_long_history_costs_no_more_queries(alice: User) -> None:
    lead, client = make_lead(owner=alice), browse(alice)
    client.post(url_of(lead, "touch"), {**TOUCH, "happened_at": soon(minutes=-5)}, headers=HTMX)
    client.get(page_url(lead))
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(page_url(lead))
    for number in range(10):
        client.post(
            url_of(lead, "touch"), {**TOUCH, "text": f"{number}", "happened_at": soon(minutes=-4)}, headers=HTMX
        )
    with CaptureQueriesContext(connection) as many:
        client.get(page_url(lead))
    assert len(many) == len(few)
    assert len(many) <= 35
