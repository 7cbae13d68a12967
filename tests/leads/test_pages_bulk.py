"""Moving many leads from the list: counted before, answered for each."""

from __future__ import annotations

import pytest
from django.urls import reverse

from crm.history.models import Move
from crm.people.models import User
from leads.statuses import Status
from tests.factories import make_lead
from tests.leads.pages import browse, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/leads/lead/"


def bulk() -> str:
    return reverse("admin:leads_lead_move_many")


def test_the_list_offers_the_moves_of_the_selection_with_their_counts(alice: User) -> None:
    leads = [make_lead(owner=alice), make_lead(owner=alice), make_lead(owner=alice, status=Status.ENGAGED)]
    response = browse(alice).post(
        LIST, {"action": "move_selected", "_selected_action": [lead.pk for lead in leads], "index": 0}
    )
    offers = {offer.verb.name: offer.able for offer in response.context["offers"]}
    assert (offers["work"], offers["nurture"]) == (2, 3)
    assert "2 of 3 can" in text_of(response)
    assert not Move.objects.filter(verb="work").exists()


def test_before_moving_it_says_why_some_will_not(alice: User, charlie: User) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=charlie)
    page = text_of(browse(alice).post(bulk(), {"ids": [mine.pk, theirs.pk], "verb": "nurture"}))
    assert "1 of 2 can be moved" in page
    assert "may be done by" in page
    assert 'name="nurture_reason"' in page
    assert not Move.objects.filter(verb="nurture").exists()


def test_each_lead_has_its_own_answer(alice: User, charlie: User) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=charlie)
    facts = {"ids": [mine.pk, theirs.pk], "verb": "nurture", "go": "1", "nurture_reason": "bad_timing"}
    response = browse(alice).post(bulk(), facts)
    page = text_of(response)
    assert "1 moved, 1 refused" in page
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == (Status.CLOSED_NURTURE, Status.NEW)
    verdicts = {o.record_id: o.refusal and o.refusal.codes for o in response.context["outcomes"]}
    assert verdicts == {mine.pk: None, theirs.pk: ("forbidden",)}


def test_missing_facts_are_named_and_nothing_moves(alice: User) -> None:
    lead = make_lead(owner=alice)
    page = text_of(browse(alice).post(bulk(), {"ids": [lead.pk], "verb": "nurture", "go": "1"}))
    assert "Say why not now." in page
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_it_needs_a_token_and_a_post(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice, enforce_csrf_checks=True)
    assert client.post(bulk(), {"ids": [lead.pk], "verb": "work", "go": "1"}).status_code == 403
    assert client.get(bulk()).headers["Location"] == LIST
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_more_than_a_page_can_show_is_not_begun(alice: User) -> None:
    page = text_of(browse(alice).post(bulk(), {"ids": list(range(1, 502)), "verb": "work", "go": "1"}))
    assert "500 at most" in page


def test_each_lead_is_given_what_its_status_asks(alice: User, ann: User) -> None:
    met, talked = make_lead(owner=alice, status=Status.MEETING_SCHEDULED), make_lead(owner=alice, status=Status.ENGAGED)
    ids = [met.pk, talked.pk]
    page = text_of(browse(alice).post(bulk(), {"ids": ids, "verb": "work_to_convert"}))
    assert 'name="meeting_outcome"' in page
    facts = {"ids": ids, "verb": "work_to_convert", "go": "1", "meeting_outcome": "held", "said": "Good"}
    assert "2 moved, 0 refused" in text_of(browse(alice).post(bulk(), facts))
