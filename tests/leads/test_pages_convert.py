"""Converting, accepting and returning on pages: what is matched, what is shown only, and the receipt everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.people.models import User
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.leads.pages import HTMX, browse, codes, confirm_bant, conversion, move_url, page_url, text_of

pytestmark = pytest.mark.django_db


def ready(owner: User, **fields: Any) -> Lead:
    """A lead that may be converted."""
    lead = make_lead(owner=owner, status=Status.WORKING_TO_CONVERT, **fields)
    confirm_bant(lead, actor=owner)
    return lead


def radios(page: str, name: str) -> list[tuple[str, bool, str]]:
    """Value, whether it is chosen, and words of each radio of a group."""
    found = re.findall(
        rf'<input type="radio" name="{name}" value="([^"]*)"( checked)?[^>]*> <span>(.*?)</span></label>', page
    )
    return [(value, bool(checked), re.sub(r"<[^>]+>", "", words)) for value, checked, words in found]


def test_an_exact_match_is_chosen_and_a_similar_one_only_shown(alice: User) -> None:
    same = make_account(name="Something else", website="https://globex.example")
    similar = make_account(name="Globex Incorporated Ltd")
    contact = make_contact(email="lea@globex.example")
    lead = ready(alice, company="Globex Incorporated", email="lea@globex.example")
    page = text_of(browse(alice).get(move_url(lead, "convert")))
    assert radios(page, "account")[:2] == [
        (str(same.pk), True, "Use Something else (same domain)"),
        (str(similar.pk), False, "Use Globex Incorporated Ltd (similar name)"),
    ]
    assert radios(page, "contact")[0] == (str(contact.pk), True, f"Use {contact} (same email)")


def test_only_a_similar_name_leaves_new_chosen(alice: User) -> None:
    make_account(name="Globex Labs")
    lead = ready(alice, company="Globex Lab", email="lea@elsewhere.example")
    page = text_of(browse(alice).get(move_url(lead, "convert")))
    assert [chosen for _, chosen, _ in radios(page, "account")] == [False, True]


def test_another_account_brings_its_own_opportunities(alice: User) -> None:
    exact, other = make_account(name="Globex"), make_account(name="Globex Labs")
    first, second = make_opportunity(account=exact), make_opportunity(account=other)
    lead = ready(alice, company="Globex", email="lea@elsewhere.example")
    client = browse(alice)
    page = text_of(client.get(move_url(lead, "convert")))
    assert (str(first.pk), True) in [radio[:2] for radio in radios(page, "opportunity")]
    picked = client.post(move_url(lead, "convert"), {"account": str(other.pk), "look": "1"}, headers=HTMX)
    values = [radio[:2] for radio in radios(text_of(picked), "opportunity")]
    assert (str(second.pk), True) in values
    assert str(first.pk) not in [value for value, _ in values]
    lead.refresh_from_db()
    assert lead.status == Status.WORKING_TO_CONVERT, "looking changes nothing"


def test_it_converts_and_lands_on_the_new_opportunity(alice: User, ann: User) -> None:
    lead = ready(alice)
    page = text_of(browse(alice).get(move_url(lead, "convert")))
    assert "Budget confirmed" in page
    assert re.search(r'name="close_on" value="\d{4}-\d\d-\d\d"', page)
    response = browse(alice).post(
        move_url(lead, "convert"), {**conversion(ann, note="They want it by spring"), "version": lead.version}
    )
    opportunity = Opportunity.objects.get()
    assert response.headers["Location"] == page_url(opportunity)
    assert (opportunity.owner, opportunity.next_step) == (ann, "Send the proposal")


def test_new_beside_a_match_is_a_decision(alice: User, ann: User) -> None:
    make_account(name="Globex")
    lead = ready(alice)
    browse(alice).post(move_url(lead, "convert"), conversion(ann, account="new", contact="", opportunity=""))
    assert Account.objects.filter(name="Globex").count() == 2


def test_two_leads_of_one_company_share_what_the_first_made(alice: User, ann: User) -> None:
    leads = [ready(alice), ready(alice)]
    # Both dialogs were open before either was sent: each offered to make the account.
    for lead in leads:
        browse(alice).post(move_url(lead, "convert"), conversion(ann, account="", contact="", opportunity=""))
    assert Account.objects.count() == 1
    assert Contact.objects.count() == 2


def test_the_receipt_stands_on_all_four_pages(alice: User, ann: User) -> None:
    lead = ready(alice)
    browse(alice).post(move_url(lead, "convert"), conversion(ann, note="They want it by spring"))
    made = Conversion.objects.get()
    for record in (made.lead, made.account, made.contact, made.opportunity):
        page = text_of(browse(ann).get(page_url(record)))
        assert 'data-section="receipt"' in page, record
        assert "They want it by spring" in page
        for other in {made.lead, made.account, made.contact, made.opportunity} - {record}:
            assert page_url(other) in page


def test_only_its_owner_or_a_manager_is_asked_to_accept_or_return(
    alice: User, ann: User, charlie: User, mona: User
) -> None:
    lead = ready(alice)
    browse(alice).post(move_url(lead, "convert"), conversion(ann))
    made = Conversion.objects.get()
    for user, asked in ((ann, True), (mona, True), (charlie, False), (alice, False)):
        page = text_of(browse(user).get(page_url(made.opportunity)))
        assert (">Accept</button>" in page) is asked, user
        assert ("Return…" in page) is asked, user


def test_the_owner_accepts(alice: User, ann: User, charlie: User) -> None:
    lead = ready(alice)
    browse(alice).post(move_url(lead, "convert"), conversion(ann))
    made = Conversion.objects.get()
    url = f"/admin/leads/lead/conversion/{made.pk}/accept/"
    assert browse(ann).get(url).status_code == 405
    assert codes(browse(charlie).post(url)) == ["forbidden"]
    browse(ann).post(url)
    made.refresh_from_db()
    assert made.state == Conversion.State.ACCEPTED
    assert codes(browse(ann).post(url)) == ["not_handed_over"]


def test_the_owner_returns_with_a_reason_and_comes_back_to_the_opportunity(alice: User, ann: User) -> None:
    lead = ready(alice)
    browse(alice).post(move_url(lead, "convert"), conversion(ann))
    made = Conversion.objects.get()
    lead.refresh_from_db()
    client, back = browse(ann), page_url(made.opportunity)
    assert codes(client.post(move_url(lead, "return_lead"), {"next": back})) == ["needs_reason"]
    page = client.post(move_url(lead, "return_lead"), {"next": back, "reason": "No budget after all"}, follow=True)
    assert page.redirect_chain == [(back, 302)]
    assert "No budget after all" in text_of(page)
    lead.refresh_from_db()
    made.opportunity.refresh_from_db()
    assert (lead.status, made.opportunity.stage) == (Status.WORKING_TO_CONVERT, "closed_lost")


def test_a_scheduled_meeting_is_asked_for_in_the_same_dialog(alice: User, ann: User) -> None:
    lead = make_lead(owner=alice, status=Status.MEETING_SCHEDULED)
    confirm_bant(lead, actor=alice)
    client = browse(alice)
    assert 'name="meeting_outcome"' in text_of(client.get(move_url(lead, "convert")))
    refused = client.post(move_url(lead, "convert"), conversion(ann))
    assert codes(refused) == ["needs_meeting_outcome"]
    client.post(move_url(lead, "convert"), conversion(ann, meeting_outcome="held", said="All agreed"))
    lead.refresh_from_db()
    assert lead.status == Status.SAO_CONVERTED


def test_a_refused_conversion_keeps_every_choice(alice: User, ann: User) -> None:
    account = make_account(name="Globex Labs")
    lead = ready(alice, company="Globex Lab", email="lea@elsewhere.example")
    response = browse(alice).post(
        move_url(lead, "convert"), {"account": str(account.pk), "next_step": "Call them", "amount": "many"}
    )
    page = text_of(response)
    assert (str(account.pk), True) in [radio[:2] for radio in radios(page, "account")]
    assert 'value="Call them"' in page
    assert "invalid_amount" in codes(response)
    assert not Opportunity.objects.exists()


def test_of_several_open_opportunities_none_is_chosen_for_the_user(alice: User) -> None:
    account = make_account(name="Globex")
    make_opportunity(account=account)
    make_opportunity(account=account)
    lead = ready(alice, company="Globex", email="lea@elsewhere.example")
    page = text_of(browse(alice).get(move_url(lead, "convert")))
    assert [chosen for _, chosen, _ in radios(page, "opportunity")] == [False, False, True]
