"""The pages of contracts (C1) and opportunities (C9)."""

from __future__ import annotations

import re

from contracts.models import Contract, Opportunity
from crm.core.acting import acting
from crm.history.models import Move
from crm.history.selectors import history_of
from crm.people.models import User
from tests.access import client_of
from tests.factories import START, make_account, make_opportunity
from tests.samples import make_contract

DATES = {
    "effective_date": "The start date for the subscription service.",
    "close_date": "The date the last party to the contract signed the agreement.",
    "invoice_date": "The date the invoice was sent to the customer",
}


def test_a_contracts_dates_say_what_they_mean(alice: User) -> None:
    contract = make_contract(alice)
    page = client_of(alice).get(f"/admin/contracts/contract/{contract.pk}/change/")
    text = page.content.decode()
    for name, meaning in DATES.items():
        shown = text.split('data-section="dates"')[1].split(f'data-field="{name}"')[1].split('data-field="')[0]
        assert meaning in shown


def test_a_contract_is_stored(alice: User) -> None:
    account = make_account(owner=alice)
    posted = {"name": "Agreement", "account": account.pk, "currency": "USD", "effective_date": "2026-05-01"}
    assert client_of(alice).post("/admin/contracts/contract/add/", posted).status_code == 302
    assert str(Contract.objects.get().effective_date) == "2026-05-01"


def test_a_new_opportunity_enters_the_first_stage_through_the_door(alice: User) -> None:
    posted = {"name": "Initech 2026", "account": make_account().pk, "currency": "USD", "owner": alice.pk}
    assert client_of(alice).post("/admin/contracts/opportunity/add/", posted).status_code == 302
    made = Opportunity.objects.get()
    assert made.stage == "meeting_set"
    assert Move.objects.of(made).get().actor_id == alice.pk


def test_the_stage_is_shown_and_is_no_field(alice: User) -> None:
    deal = make_opportunity(owner=alice)
    page = f"/admin/contracts/opportunity/{deal.pk}/change/"
    response = client_of(alice).get(page)
    assert "stage" not in response.context["adminform"].form.fields
    assert "Meeting set" in response.content.decode()
    posted = {"name": deal.name, "account": deal.account_id, "currency": "USD", "stage": "closed_won"}
    client_of(alice).post(page, posted | {"version": deal.version, "owner": alice.pk})
    deal.refresh_from_db()
    assert deal.stage == "meeting_set"


def test_amounts_and_numbers_are_shown_by_thousands(alice: User) -> None:
    account = make_account(owner=alice, employees=12500)
    deal = make_opportunity(owner=alice, account=account, amount="48000.00", hosts=1350)
    page = client_of(alice).get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    assert "48,000.00 USD" in page.split('data-panel="opportunities"')[1].split("data-panel=")[0]
    assert "12,500" in page.split('data-section="top"')[1].split("<form")[0]
    assert "48,000.00 USD" in client_of(alice).get(f"/admin/contracts/opportunity/{deal.pk}/change/").content.decode()
    deal.hosts = 1400
    with acting(actor=alice, via="admin", at=START):
        deal.save(update_fields=["hosts"])
    lines = [line for entry in history_of(deal, 5) for line in entry.lines]
    assert [(line.before, line.after) for line in lines] == [("1,350", "1,400")]


def test_a_new_contract_is_asked_for_under_headings_that_differ(alice: User) -> None:
    for address in ("contracts/contract", "accounts/contact", "accounts/account", "contracts/opportunity"):
        page = client_of(alice).get(f"/admin/{address}/add/").content.decode()
        headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page.split("<form")[-1])
        assert len(headings) == len(set(headings)) > 1, headings
