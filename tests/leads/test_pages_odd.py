"""What nobody types but anybody can send to a lead's pages: it is answered at its field, never by an error."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import NextTouch
from crm.core import dialogs
from crm.core.door import LONGEST_REASON, move, plain
from crm.core.errors import Refused
from crm.history.models import Move, Transaction
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.bulk.pages import address
from tests.factories import make_lead
from tests.leads.pages import HTMX, browse, codes, confirm_bant, conversion, move_url, text_of

pytestmark = pytest.mark.django_db


def test_a_note_is_tidied_before_anybody_looks_at_it(alice: User, root: User) -> None:
    lead = make_lead(owner=alice)
    browse(alice).post(move_url(lead, "work"), {"reason": " a\x00b "})
    assert Move.objects.of(lead).get().reason == "ab"
    assert Transaction.objects.order_by("-pk")[0].reason == "ab"
    closed = make_lead(status=Status.CLOSED_DO_NOT_CONTACT)
    with pytest.raises(Refused) as refused:
        move(closed, "lift", actor=root, at=timezone.now(), via="test", reason=" \x00")
    assert refused.value.codes == ("needs_reason",), "a note of nothing is no reason"


def test_a_note_too_long_is_refused_at_its_field(alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(move_url(lead, "work"), {"reason": "x" * (LONGEST_REASON + 1)})
    assert codes(response) == ["invalid_reason"]
    assert 'data-code="invalid_reason"' in text_of(response)
    many = browse(alice).post(address(Lead, "move", [lead.pk], verb="work"), {"reason": "x\x00" * 10_001}, follow=True)
    assert "10,000 characters at most" in text_of(many)
    assert not Move.objects.of(lead).exists()


def test_a_name_that_cannot_be_stored_is_refused_at_its_field(alice: User, ann: User) -> None:
    lead = make_lead(owner=alice, status=Status.WORKING_TO_CONVERT)
    confirm_bant(lead, actor=alice)
    for more in ({}, {"look": "1"}):
        sent = conversion(ann, account_name="Glo\x00bex", **more)
        response = browse(alice).post(move_url(lead, "convert"), sent)
        assert response.status_code == 200
        assert codes(response) == ([] if more else ["invalid_account_name"])


@pytest.mark.parametrize("odd", ["²", "٣", "9" * 5000, "-1", "1e3"])
def test_what_is_no_number_is_taken_for_none(odd: str, alice: User) -> None:
    lead = make_lead(owner=alice)
    client = browse(alice)
    assert client.get(move_url(lead, "work"), {"version": odd}).status_code == 200
    assert client.get(address(Lead, "move"), {"ids": odd, "verb": "work"}, follow=True).status_code in (200, 400, 404)
    noted = client.post(f"/admin/leads/lead/{lead.pk}/bant/", {"version": odd, "budget": "confirmed"}, headers=HTMX)
    assert noted.status_code == 200
    assert client.get(f"/admin/leads/lead/{lead.pk}/history/", {"before": odd}).status_code == 200
    assert client.get("/admin/accounts/contact/", {"account": odd}).status_code in (200, 302)
    ready = make_lead(owner=alice, status=Status.WORKING_TO_CONVERT)
    confirm_bant(ready, actor=alice)
    response = client.post(move_url(ready, "convert"), {"account": odd})
    assert "invalid_account" in codes(response)
    assert Lead.objects.get(pk=lead.pk).status == Status.NEW


def test_an_amount_is_stored_as_people_write_it() -> None:
    assert plain({"amount": Decimal("1e5"), "less": Decimal("1234.50")}) == {"amount": "100000", "less": "1234.50"}


@pytest.mark.parametrize(
    ("verb", "status", "fact", "sent"),
    [
        (verb, status, fact, f"{day}{time}")
        for verb, status, fact, time in (
            ("schedule_meeting", Status.NEW, "meeting_at", "T23:59"),
            ("reschedule", Status.MEETING_SCHEDULED, "meeting_at", "T00:00"),
            ("engage", Status.NEW, "happened_at", "T12:00"),
            ("nurture", Status.NEW, "come_back_on", ""),
        )
        for day in ("0001-01-01", "1900-01-01", "9999-12-31")
    ],
)
def test_a_time_beyond_all_reason_is_refused_at_its_field(
    verb: str, status: Status, fact: str, sent: str, alice: User
) -> None:
    lead = make_lead(owner=alice, status=status)
    facts = {fact: sent, "evidence": "call.connected", "nurture_reason": "other"}
    response = browse(alice).post(move_url(lead, verb), facts)
    assert codes(response) == [f"invalid_{fact}"]
    lead.refresh_from_db()
    assert lead.status == status


def test_what_is_expected_of_a_day_is_said(alice: User, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        move(
            make_lead(owner=alice),
            "nurture",
            actor=alice,
            at=now,
            via="test",
            nurture_reason="other",
            come_back_on=date(2036, 3, 5),
        )
    assert refused.value.codes == ("invalid_come_back_on",)
    assert "between Jan. 1, 1990 and March 4, 2036" in refused.value.message


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_touches_and_plans_lie_within_reason(day: str, alice: User) -> None:
    lead = make_lead(owner=alice)
    client, page = browse(alice), f"/admin/leads/lead/{lead.pk}/"
    touch = {"kind": "call", "direction": "out", "outcome": "connected", "happened_at": f"{day}T23:59"}
    assert client.post(f"{page}touch/", touch, headers=HTMX).status_code == 200
    assert client.post(f"{page}next-touch/", {"due_on": day, "next_kind": "call"}, headers=HTMX).status_code == 200
    assert not lead.touches.exists()
    assert not NextTouch.objects.exists()


def test_an_overdue_plan_can_be_changed(alice: User) -> None:
    lead = make_lead(owner=alice)
    due = timezone.localdate() - timedelta(days=200)
    browse(alice).post(f"/admin/leads/lead/{lead.pk}/next-touch/", {"due_on": due.isoformat(), "next_kind": "call"})
    assert NextTouch.objects.get().due_on == due


@pytest.mark.parametrize("channel", ["phone", "mobile"])
def test_a_number_that_was_found_can_be_called(channel: str, alice: User) -> None:
    lead = make_lead(owner=alice)
    response = browse(alice).post(move_url(lead, "enrich"), {channel: "call me maybe"})
    assert f"invalid_{channel}" in codes(response)
    assert "is not a phone number" in text_of(response)
    assert codes(browse(alice).post(move_url(lead, "enrich"), {channel: "(415) 555-2671"})) == []


def test_what_was_kept_as_a_number_may_stand(alice: User) -> None:
    lead = make_lead(owner=alice, phone="ask at the desk")
    sent = {"phone": "ask at the desk", "mobile": "(415) 555-2671"}
    assert codes(browse(alice).post(move_url(lead, "enrich"), sent)) == []


def test_an_address_that_is_known_is_not_overwritten(alice: User) -> None:
    lead = make_lead(owner=alice, email="lea@globex.example")
    response = browse(alice).post(move_url(lead, "enrich"), {"email": "other@globex.example", "phone": "415 555 2671"})
    assert codes(response) == ["invalid_email"]
    assert "has an email already" in text_of(response)
    sent = {"email": "Lea@Globex.example", "second_email": "other@globex.example"}
    assert codes(browse(alice).post(move_url(lead, "enrich"), sent)) == []
    lead.refresh_from_db()
    assert (lead.email, lead.second_email) == ("lea@globex.example", "other@globex.example")


def test_a_dialog_of_a_lead_that_is_gone_says_so(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = make_lead(owner=alice)
    client, address = browse(alice), move_url(lead, "work")

    def gone(*args: Any, **kwargs: Any) -> None:
        Lead.objects.filter(pk=lead.pk).delete()
        raise Refused("not_found", "There is no such record.")

    monkeypatch.setattr(dialogs, "move", gone)
    for response in (client.post(address, {}, headers=HTMX), client.post(address, {}, headers=HTMX)):
        assert response.status_code == 404
        assert "This lead is gone." in text_of(response)
        assert 'href="/admin/leads/lead/"' in text_of(response)
        assert "<html" not in text_of(response)
    assert client.get(address).status_code == 404
