"""The dialogs of moves: what they ask, what they refuse, and that looking changes nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from crm.core.door import move
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.leads.pages import HTMX, browse, codes, move_url, page_url, soon, text_of

pytestmark = pytest.mark.django_db


def test_a_dialog_asks_what_its_verb_asks_and_looking_changes_nothing(alice: User) -> None:
    lead = make_lead(owner=alice)
    before = Change.objects.count(), Move.objects.count()
    for verb in Lead.verbs():
        browse(alice).get(move_url(lead, verb))
    page = text_of(browse(alice).get(move_url(lead, "engage")))
    assert "How did they answer?" in page
    assert 'name="happened_at"' in page
    assert (Change.objects.count(), Move.objects.count()) == before


def test_without_javascript_the_dialog_is_a_page_and_with_it_a_part(alice: User) -> None:
    lead = make_lead(owner=alice)
    assert "<html" in text_of(browse(alice).get(move_url(lead, "work")))
    part = browse(alice).get(move_url(lead, "work"), headers=HTMX)
    assert "<html" not in text_of(part)
    assert 'id="dialog-title"' in text_of(part)


def test_a_move_leads_back_to_the_lead_and_offers_to_take_it_back(alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(
        move_url(lead, "engage"),
        {"version": lead.version, "evidence": "call.connected", "happened_at": soon(minutes=-5), "reason": "Good talk"},
        follow=True,
    )
    lead.refresh_from_db()
    assert lead.status == Status.ENGAGED
    page = text_of(response)
    assert "Now Engaged." in page
    assert move_url(lead, "take_back") in page
    assert Move.objects.of(lead).last().reason == "Good talk"  # type: ignore[union-attr]
    assert lead.touches.get().outcome == "connected"


def test_with_htmx_a_move_sends_the_browser_to_the_lead(alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(move_url(lead, "work"), {"owner": alice.pk}, headers=HTMX)
    assert response.headers["HX-Redirect"] == page_url(lead)


def test_it_takes_a_slip_back(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    client.post(move_url(lead, "work"), {})
    client.post(move_url(lead, "take_back"), {"reason": "Wrong lead"})
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_it_names_every_missing_fact_at_its_field(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.ENGAGED)
    response = browse(alice).post(move_url(lead, "convert"), {"version": lead.version})
    page = text_of(response)
    assert response.status_code == 200
    for code in ("bant_budget_unknown", "bant_timing_unknown", "needs_opportunity_owner", "needs_next_step_due"):
        assert code in codes(response)
    for words in ("Budget is unknown", "Choose who owns the opportunity.", "Say when the next step is due."):
        assert words in page
    lead.refresh_from_db()
    assert lead.status == Status.ENGAGED


def test_it_keeps_what_was_entered_beside_what_is_wrong(alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(
        move_url(lead, "engage"), {"evidence": "call.connected", "happened_at": soon(days=2), "said": "Call me later"}
    )
    page = text_of(response)
    assert codes(response) == ["invalid_happened_at"]
    assert "It cannot be evidence before it has happened" in page
    assert "Call me later" in page


def test_why_not_names_the_missing_facts_in_words(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.ENGAGED)
    page = text_of(browse(alice).get(page_url(lead)))
    assert "Why not convert?" in page
    assert "Authority is unknown: confirm it on the lead." in page


def test_a_forged_post_of_a_hidden_move_is_refused_and_changes_nothing(alice: User, charlie: User) -> None:
    lead = make_lead(owner=alice)
    foreign = browse(charlie).post(move_url(lead, "work"), {"owner": charlie.pk})
    assert (foreign.status_code, codes(foreign)) == (403, ["forbidden"])
    early = browse(alice).post(move_url(lead, "convert"), {})
    assert (early.status_code, codes(early)) == (409, ["not_from_here"])
    lifted = browse(alice).post(move_url(lead, "lift"), {"reason": "Please"})
    assert lifted.status_code == 409
    placed = browse(alice).post(move_url(lead, "place"), {"status": Status.ENGAGED})
    assert (placed.status_code, codes(placed)) == (403, ["forbidden"])
    lead.refresh_from_db()
    assert (lead.status, lead.owner) == (Status.NEW, alice)
    assert not Move.objects.of(lead).exists()


def test_an_unknown_verb_is_not_found(alice: User) -> None:
    lead = make_lead(owner=alice)
    assert browse(alice).post(move_url(lead, "delete_everything"), {}).status_code == 404


def test_a_move_needs_the_token_of_its_page(alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice, enforce_csrf_checks=True)
    assert client.post(move_url(lead, "work"), {"owner": alice.pk}).status_code == 403
    client.get(move_url(lead, "work"))
    token = client.cookies["csrftoken"].value
    assert client.post(move_url(lead, "work"), {"owner": alice.pk, "csrfmiddlewaretoken": token}).status_code == 302
    lead.refresh_from_db()
    assert lead.status == Status.WORKING_TO_ENGAGE


def test_who_opened_an_older_version_is_shown_who_changed_what(alice: User, bob: User) -> None:
    lead = make_lead(owner=alice)
    opened = lead.version
    move(Lead.objects.get(pk=lead.pk), "work", actor=bob, at=timezone.now(), via="test", owner=bob.pk)
    response = browse(alice).post(
        move_url(lead, "engage"), {"version": opened, "evidence": "call.connected", "happened_at": soon(minutes=-1)}
    )
    page = text_of(response)
    assert (response.status_code, codes(response)) == (409, ["stale"])
    assert "Bob" in page
    assert "Working to engage" in page
    lead.refresh_from_db()
    assert (lead.status, lead.owner) == (Status.WORKING_TO_ENGAGE, bob)
    # Having looked, they go on with the version they were shown.
    assert f'name="version" value="{lead.version}"' in page


def test_the_dialog_carries_the_version_of_the_page_it_was_opened_from(alice: User) -> None:
    lead = make_lead(owner=alice)
    page = text_of(browse(alice).get(f"{move_url(lead, 'work')}?version=7"))
    assert 'name="version" value="7"' in page


def test_it_leads_nowhere_else_than_to_this_server(alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(move_url(lead, "work"), {"next": "https://evil.example/"})
    assert response.headers["Location"] == page_url(lead)


def test_beside_each_reason_for_nurture_stands_when_it_leads_back(alice: User) -> None:
    lead = make_lead(owner=alice)
    page = text_of(browse(alice).get(move_url(lead, "nurture")))
    assert "Bad timing (back on " in page


def test_a_passed_meeting_is_offered_as_held(alice: User) -> None:
    lead = make_lead(owner=alice, status=Status.MEETING_SCHEDULED)
    page = text_of(browse(alice).get(move_url(lead, "work_to_convert")))
    assert '<option value="held" selected>' in page
