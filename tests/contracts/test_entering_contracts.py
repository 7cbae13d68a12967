"""What is refused when a contract or an invoice is entered, on the page and over the API in the same words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import Contract, Invoice
from crm.people.models import User
from tests.access import client_of
from tests.contracts.making import make_contract
from tests.factories import make_account, make_opportunity
from tests.keys import program

pytestmark = pytest.mark.django_db


def post_page(client: Client, contract: Contract, **typed: Any) -> str:
    """The page's own form sent back with some fields changed; the page that answers."""
    url = reverse("admin:contracts_contract_change", args=[contract.pk])
    stored = client.get(url).context["adminform"].form.initial
    sent = {name: value for name, value in stored.items() if value not in (None, False)}
    answer = client.post(url, sent | {"version": contract.version} | typed, follow=True)
    return str(answer.content.decode())


def refused(client: Any, method: str, path: str, body: Any) -> list[str]:
    answer = client(method, path, body)
    assert answer.status_code == 400, answer.content
    return [one["code"] for one in json.loads(answer.content)["errors"]]


def test_a_contract_takes_no_currency_that_is_none(alice: User) -> None:
    contract = make_contract(owner=alice)
    assert "three capital letters" in post_page(client_of(alice), contract, currency="xx1")
    assert refused(program(alice), "PATCH", f"contracts/{contract.pk}/", {"currency": "x?1"}) == ["invalid_currency"]
    invoice = {"contract_id": contract.pk, "amount": "1", "currency": "eur"}
    assert refused(program(alice), "POST", "invoices/", invoice) == ["invalid_currency"]
    contract.refresh_from_db()
    assert contract.currency == "USD"


def test_a_contract_belongs_to_no_opportunity_of_another_account(alice: User) -> None:
    contract = make_contract(owner=alice)
    strange = make_opportunity(account=make_account(name="Initrode", owner=alice), owner=alice)
    assert "is an opportunity of Initrode" in post_page(client_of(alice), contract, opportunity=strange.pk)
    codes = refused(program(alice), "PATCH", f"contracts/{contract.pk}/", {"opportunity_id": strange.pk})
    assert codes == ["opportunity_of_other_account"]
    contract.refresh_from_db()
    assert contract.opportunity_id != strange.pk


def test_what_is_stored_already_keeps_nobody_from_changing_another_field(alice: User) -> None:
    contract = make_contract(owner=alice)
    Contract.objects.filter(pk=contract.pk).update(currency="eur", opportunity=make_opportunity(owner=alice))
    contract.refresh_from_db()
    post_page(client_of(alice), contract, description="Seen.")
    contract.refresh_from_db()
    assert contract.description == "Seen."


def test_an_invoice_was_sent_and_paid_by_today(alice: User) -> None:
    contract = make_contract(owner=alice)
    client, url = client_of(alice), reverse("admin:contracts_contract_add_invoice", args=[contract.pk])
    sent = {"number": "7", "amount": "10", "currency": "USD"}
    assert "is still to come" in client.post(url, sent | {"sent_on": "2098-01-01"}).content.decode()
    body = {"contract_id": contract.pk, "sent_on": "2026-01-02", "paid_on": "2098-01-01"}
    assert refused(program(alice), "POST", "invoices/", body) == ["paid_on_to_come"]
    assert not Invoice.objects.exists()
