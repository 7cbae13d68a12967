"""What nobody types but anybody can send to a lead's pages: it is answered at its field, never by an error."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from crm.core.door import LONGEST_REASON, move, plain
from crm.core.errors import Refused
from crm.history.models import Move, Transaction
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.leads.pages import HTMX, browse, codes, confirm_bant, conversion, move_url, text_of
from tests.leads.test_pages_bulk import bulk

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
    page = browse(alice).post(bulk(), {"ids": [lead.pk], "verb": "work", "go": "1", "reason": "x\x00" * 10_001})
    assert "10,000 characters at most" in text_of(page)
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
    assert client.post(bulk(), {"ids": [odd], "verb": "work", "go": "1"}).status_code == 200
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
