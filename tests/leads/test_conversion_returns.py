"""What becomes of a conversion: accepted, returned, converted again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Account, Contact
from contracts.models import Contract
from crm.core.door import move
from crm.history.models import Move
from crm.people.models import User
from leads.conversion import accept_conversion
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.contracts.deals import signed_contract
from tests.factories import make_lead, make_opportunity
from tests.leads.converting import codes, convert, ready

pytestmark = pytest.mark.django_db


def give_back(lead: Lead, actor: User, at: datetime, reason: str = "Not a fit") -> Move:
    """Return the lead."""
    return move(lead, "return_lead", actor=actor, at=at, via="test", reason=reason)


def test_the_opportunitys_owner_returns_it_and_what_was_made_is_closed_lost(
    alice: User, ann: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    later = now + timedelta(days=1)
    give_back(lead, ann, later)
    receipt.refresh_from_db()
    opportunity = receipt.opportunity
    assert (lead.status, lead.status_since) == (Status.WORKING_TO_CONVERT, later)
    assert (lead.converted_account, lead.converted_contact) == (None, None)
    assert (lead.converted_opportunity, lead.converted_at) == (None, None)
    assert (opportunity.stage, opportunity.lost_reason) == ("closed_lost", "returned")
    lost = Move.objects.of(opportunity).last()
    assert lost is not None
    assert (lost.verb, lost.actor_id, lost.reason) == ("lose", ann.pk, "Not a fit")
    assert (receipt.state, receipt.answer, receipt.answered_by, receipt.answered_at) == (
        "returned",
        "Not a fit",
        ann,
        later,
    )
    assert (Account.objects.count(), Contact.objects.count()) == (1, 1), "account and contact stay"


def test_an_opportunity_that_was_there_before_stays_open(alice: User, ann: User, now: datetime) -> None:
    known = make_opportunity(owner=ann)
    lead = ready(owner=alice)
    convert(lead, alice, now, opportunity=known)
    give_back(lead, ann, now)
    known.refresh_from_db()
    assert known.is_open


def test_an_opportunity_that_is_lost_already_keeps_its_reason(alice: User, ann: User, now: datetime) -> None:
    lead = ready(owner=alice)
    opportunity = convert(lead, alice, now, opportunity_owner=ann).opportunity
    move(opportunity, "lose", actor=ann, at=now, via="test", lost_reason="price")
    give_back(lead, ann, now)
    opportunity.refresh_from_db()
    assert opportunity.lost_reason == "price"


def test_it_is_not_returned_once_a_contract_is_signed(alice: User, ann: User, mona: User, now: datetime) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    Contract.objects.create(account=receipt.account, opportunity=receipt.opportunity, name="A draft")
    another = make_opportunity(account=receipt.account, owner=ann)
    signed_contract(another, at=now)
    contract = signed_contract(receipt.opportunity, at=now)
    for actor in (ann, mona):
        assert codes(lambda actor=actor: give_back(lead, actor, now)) == ("contract_signed",)  # type: ignore[misc]
    contract.delete()
    give_back(lead, ann, now)


@pytest.mark.parametrize(
    ("who", "may"),
    [("ann", True), ("mona", True), ("root", True), ("alice", False), ("charlie", False), ("robot", False)],
)
def test_who_may_return_and_accept(
    who: str, may: bool, alice: User, ann: User, now: datetime, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(who)
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    if not may:
        assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("forbidden",)
        assert codes(lambda: give_back(lead, actor, now)) == ("forbidden",)
        return
    accept_conversion(receipt, actor=actor, at=now, via="test")
    receipt.refresh_from_db()
    assert (receipt.state, receipt.answered_by, receipt.answered_at) == ("accepted", actor, now)
    assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("not_handed_over",)
    give_back(lead, actor, now)
    assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("not_handed_over",)


def test_after_a_return_it_is_converted_again_and_both_receipts_stay(alice: User, ann: User, now: datetime) -> None:
    lead = ready(owner=alice)
    first = convert(lead, alice, now, opportunity_owner=ann)
    give_back(lead, ann, now)
    second = convert(lead, alice, now, opportunity_owner=ann)
    assert [receipt.state for receipt in lead.conversions.order_by("id")] == ["returned", "handed_over"]
    assert second.account == first.account
    assert second.contact == first.contact
    assert second.opportunity != first.opportunity, "what was closed lost is not used again"
    assert lead.converted_opportunity == second.opportunity


def test_placed_elsewhere_by_another_system_the_receipt_no_longer_stands(
    alice: User, root: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now)
    move(lead, "place", actor=root, at=now, via="import", status=Status.WORKING_TO_CONVERT)
    receipt.refresh_from_db()
    assert receipt.state == Conversion.State.RETURNED
    assert receipt.opportunity.is_open
    convert(lead, alice, now)


def test_a_conversion_of_another_system_is_returned_without_an_opportunity(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.SAO_CONVERTED)
    give_back(lead, mona, now)
    assert (lead.status, lead.converted_account) == (Status.WORKING_TO_CONVERT, None)
