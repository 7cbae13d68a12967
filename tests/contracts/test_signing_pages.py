"""The page of a contract: its path and moves, its invoices, its warnings, and the way to an expansion."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import Contract, Invoice, Opportunity
from crm.history.models import Change
from crm.people.models import User
from tests.access import client_of
from tests.contracts.making import make_contract, make_invoice
from tests.factories import make_account, make_opportunity

pytestmark = pytest.mark.django_db


def page(client: Client, record: Any) -> str:
    name = f"admin:contracts_{record._meta.model_name}_change"
    if record._meta.app_label == "accounts":
        name = "admin:accounts_account_change"
    answer = client.get(reverse(name, args=[record.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def move_url(contract: Contract, verb: str) -> str:
    return reverse("admin:contracts_contract_move", args=[contract.pk, verb])


def test_the_page_shows_the_path_and_the_moves(alice: User) -> None:
    contract = make_contract(status="active", owner=alice)
    shown = page(client_of(alice), contract)
    assert 'data-section="path"' in shown
    assert 'aria-current="step"' in shown
    assert move_url(contract, "terminate") in shown
    assert 'data-code="not_yet_ended"' in shown
    assert move_url(contract, "send") not in shown


def test_a_contract_is_signed_in_the_dialog(alice: User) -> None:
    contract = make_contract(owner=alice)
    client = client_of(alice)
    asked = client.get(move_url(contract, "sign"), headers={"hx-request": "true"}).content.decode()
    assert 'name="close_date"' in asked
    assert 'type="date"' in asked
    refused = client.post(move_url(contract, "sign"), {"close_date": "2032-01-01"}, headers={"hx-request": "true"})
    assert 'data-code="close_date_to_come"' in refused.content.decode()
    sent = {"close_date": "2026-01-05", "signing": "online", "version": contract.version}
    assert client.post(move_url(contract, "sign"), sent).status_code == 302
    contract.refresh_from_db()
    assert (contract.status, contract.close_date, contract.signing) == ("signed", date(2026, 1, 5), "online")


def test_the_form_changes_no_status(alice: User) -> None:
    contract = make_contract(owner=alice)
    address = reverse("admin:contracts_contract_change", args=[contract.pk])
    sent = {"version": contract.version, "name": "Renamed", "account": contract.account_id, "currency": "USD"}
    client_of(alice).post(address, sent | {"status": "active", "signing": "signed", "terminated_on": "2026-01-01"})
    contract.refresh_from_db()
    assert (contract.name, contract.status, contract.terminated_on) == ("Renamed", "draft", None)


def test_what_is_odd_is_said_and_saved(alice: User) -> None:
    contract = make_contract(status="active", owner=alice, close_date=date(2026, 2, 1))
    shown = page(client_of(alice), contract)
    assert "It was signed on 2026-02-01, after the service started (2026-01-01)." in shown
    quiet = make_contract(status="active", owner=alice)
    assert 'data-section="warnings"' not in page(client_of(alice), quiet)


def test_its_renewal_is_named(alice: User) -> None:
    contract = make_contract(status="active", owner=alice)
    renewal = make_opportunity(account=contract.account, renews=contract, name="Again 2027")
    shown = page(client_of(alice), contract)
    assert reverse("admin:contracts_opportunity_change", args=[renewal.pk]) in shown
    assert "Again 2027" in shown


# --- invoices ---------------------------------------------------------------------------------------------------------


def test_invoices_are_added_changed_and_removed_there(alice: User) -> None:
    contract, client = make_contract(status="active", owner=alice, currency="EUR"), client_of(alice)
    add = reverse("admin:contracts_contract_add_invoice", args=[contract.pk])
    assert add in page(client, contract)
    assert 'value="EUR"' in client.get(add).content.decode()
    sent = {"number": "INV-7", "amount": "1200.50", "currency": "EUR", "sent_on": "2026-02-01", "paid_on": ""}
    done = client.post(add, sent, headers={"hx-request": "true"})
    assert done.headers["HX-Redirect"] == reverse("admin:contracts_contract_change", args=[contract.pk])
    invoice = Invoice.objects.get()
    shown = page(client, contract)
    assert "INV-7" in shown
    assert "Unpaid" in shown
    assert contract.invoice_date == date(2026, 2, 1)
    change = reverse("admin:contracts_contract_change_invoice", args=[contract.pk, invoice.pk])
    assert client.post(change, sent | {"paid_on": "2026-03-01", "version": 1}).status_code == 302
    assert Invoice.objects.get().paid_on == date(2026, 3, 1)
    stale = client.post(change, sent | {"version": 1}, headers={"hx-request": "true"})
    assert (stale.status_code, stale.headers["Plumb-Refused"]) == (409, "stale")
    assert client.post(change, {"remove": "1", "version": 2}).status_code == 302
    assert not Invoice.objects.exists()
    assert list(Change.objects.filter(object="invoice").order_by("pk").values_list("op", flat=True)) == ["I", "U", "D"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"sent_on": "2026-02-02", "paid_on": "2026-02-01"}, "The day it was paid does not lie before"),
        ({"number": "INV-1"}, "The contract has an invoice of this number already."),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"sent_on": "0026-02-01"}, "Choose a day between"),
        ({"currency": ""}, "This field is required."),
    ],
)
def test_an_invoice_that_cannot_be_is_refused_at_its_field(alice: User, sent: dict[str, str], said: str) -> None:
    contract = make_contract(owner=alice)
    make_invoice(contract, number="INV-1")
    add = reverse("admin:contracts_contract_add_invoice", args=[contract.pk])
    answer = client_of(alice).post(add, {"number": "INV-2", "currency": "USD"} | sent, headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Invoice.objects.count() == 1


def test_who_may_not_change_the_contract_keeps_its_invoices_as_they_are(alice: User, charlie: User) -> None:
    contract = make_contract(owner=alice)
    invoice = make_invoice(contract)
    client = client_of(charlie)
    add = reverse("admin:contracts_contract_add_invoice", args=[contract.pk])
    change = reverse("admin:contracts_contract_change_invoice", args=[contract.pk, invoice.pk])
    assert add not in page(client, contract)
    assert invoice.number in page(client, contract)
    for address in (add, change):
        assert client.get(address).status_code == 403
        assert client.post(address, {"remove": "1"}).status_code == 403
    assert Invoice.objects.get() == invoice


def test_an_invoice_of_another_contract_is_not_found(alice: User) -> None:
    mine, theirs = make_contract(owner=alice), make_invoice(make_contract())
    client = client_of(alice)
    for pks in ([mine.pk, theirs.pk], [mine.pk, 10**9], [10**9, theirs.pk]):
        address = reverse("admin:contracts_contract_change_invoice", args=pks)
        assert client.post(address, {"remove": "1"}).status_code == 404
    assert Invoice.objects.exists()


# --- expansions, accounts, opportunities ------------------------------------------------------------------------------


def test_an_expansion_is_opened_from_the_page(alice: User) -> None:
    contract = make_contract(status="signed", owner=alice, effective_date=date(2026, 1, 1), end_date=date(2099, 12, 31))
    client, address = client_of(alice), reverse("admin:contracts_contract_expand", args=[contract.pk])
    assert address in page(client, contract)
    assert "This field is required." in client.post(address, {}).content.decode()
    sent = {"hosts": "40", "amount": "900", "next_step": "Send the quote", "next_step_due": "2027-01-05"}
    answer = client.post(address, sent)
    made = Opportunity.objects.get(amends=contract)
    assert answer.headers["Location"] == reverse("admin:contracts_opportunity_change", args=[made.pk])
    assert (made.hosts, made.ends_on) == (40, contract.end_date)
    assert str(made) in page(client, contract)


def test_contracts_stand_on_the_pages_of_their_account_and_opportunity(alice: User) -> None:
    account = make_account(owner=alice)
    sale = make_opportunity(account=account, owner=alice)
    contract = make_contract(
        status="active", account=account, opportunity=sale, term_months=12, terms="Escrow agreed", notice_days=30
    )
    client = client_of(alice)
    address = reverse("admin:contracts_contract_change", args=[contract.pk])
    assert address in page(client, account)
    shown = page(client, sale)
    assert address in shown
    for words in ("12 months", "Escrow agreed", "30 days of notice", "https://fleetdm.com/terms"):
        assert words in shown


def test_the_terms_of_what_it_renews_are_shown(alice: User) -> None:
    contract = make_contract(status="active", owner=alice, terms="Own data centre")
    renewal = make_opportunity(account=contract.account, owner=alice, renews=contract)
    assert "Own data centre" in page(client_of(alice), renewal)
    bare = make_opportunity(owner=alice)
    assert "the standard terms hold" in page(client_of(alice), bare)


def test_a_contract_that_is_added_from_an_opportunity_begins_with_what_was_agreed_there(alice: User) -> None:
    sale = make_opportunity(owner=alice, amount=500, currency="EUR", hosts=30, term_months=24, payment_terms="net_60")
    address = f"{reverse('admin:contracts_contract_add')}?opportunity={sale.pk}&account={sale.account_id}"
    initial = client_of(alice).get(address).context["adminform"].form.initial
    known = {name: initial[name] for name in ("amount", "currency", "hosts", "term_months", "payment_terms")}
    assert known == {"amount": 500, "currency": "EUR", "hosts": 30, "term_months": 24, "payment_terms": "net_60"}
