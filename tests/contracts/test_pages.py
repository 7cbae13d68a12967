"""The pages of contracts (C1) and opportunities (C9)."""

from __future__ import annotations

from contracts.models import Contract, Opportunity
from crm.history.models import Move
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_opportunity
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
