"""Contracts, invoices, and what they say of accounts, over the API."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account
from contracts.models import Contract, Invoice
from crm.history.models import Move
from crm.people.models import User
from tests.contracts.making import make_contract, make_invoice
from tests.factories import make_account, make_opportunity
from tests.keys import Program, program

pytestmark = pytest.mark.django_db


def asked(client: Program, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = client(method, path, body, **headers)
    return answer.status_code, json.loads(answer.content or b"null")


def test_a_contract_is_made_moved_and_read(alice: User) -> None:
    client, account = program(alice), make_account(owner=alice)
    body = {"name": "Frame", "account_id": account.pk, "effective_date": "2026-01-31", "term_months": 1, "hosts": 5}
    status, made = asked(client, "POST", "contracts/", body)
    assert (status, made["status"], made["subscription_end_date"]) == (201, "draft", "2026-02-27")
    path = f"contracts/{made['id']}"
    status, moves = asked(client, "GET", f"{path}/moves/")
    possible = {one["verb"]: one["allowed"] for one in moves["moves"]}
    assert possible == {"send": True, "sign": True}
    facts = {"close_date": "2026-01-05", "signing": "online"}
    status, moved = asked(client, "POST", f"{path}/moves/sign/", {"facts": facts})
    assert (status, moved["to"]) == (200, "signed")
    status, refused = asked(client, "PATCH", f"{path}/", {"status": "active"})
    assert (status, refused["errors"][0]["code"]) == (400, "moves_only")
    assert asked(client, "GET", f"{path}/")[1]["close_date"] == "2026-01-05"
    assert [row["id"] for row in asked(client, "GET", "contracts/?status=signed")[1]["results"]] == [made["id"]]


def test_only_who_may_place_stores_one_in_another_status(alice: User, robot: User) -> None:
    body = {"name": "Old", "account_id": make_account().pk, "status": "terminated", "terminated_on": "2025-05-01"}
    assert asked(program(alice), "POST", "contracts/", body)[0] == 403
    assert asked(program(robot, "contracts:write", "contracts:read"), "POST", "contracts/", body)[0] == 403
    status, made = asked(program(robot), "POST", "contracts/", body | {"status_since": "2025-05-01T00:00:00Z"})
    assert (status, made["status"], made["terminated_on"]) == (201, "terminated", "2025-05-01")
    step = Move.objects.of(Contract.objects.get()).get()
    assert (step.verb, step.at.isoformat()) == ("place", "2025-05-01T00:00:00+00:00")


def test_what_is_odd_is_said_and_stored(alice: User) -> None:
    client, account = program(alice), make_account(owner=alice)
    body = {"name": "Odd", "account_id": account.pk, "effective_date": "2026-01-01", "close_date": "2026-02-01"}
    status, made = asked(client, "POST", "contracts/", body)
    assert (status, "warnings" in made) == (201, False)
    contract = Contract.objects.get()
    path = f"contracts/{contract.pk}/"
    told = asked(client, "GET", f"{path}?expand=computed")[1]
    assert [one["code"] for one in told["warnings"]] == ["signed_after_start"]
    tag = client("GET", path)["ETag"]
    make_invoice(contract, sent_on=date(2026, 1, 5))
    (listed,) = asked(client, "GET", "contracts/?expand=computed&fields=name")[1]["results"]
    assert [one["code"] for one in listed["warnings"]] == ["signed_after_start", "invoice_before_signature"]
    assert (listed["invoice_date"], listed["payment_received"]) == ("2026-01-05", None)
    # The contract itself is as it was, and so is its ETag.
    assert client("GET", path, if_none_match=tag).status_code == 304


def test_what_cannot_be_is_refused_with_both_dates_and_nothing_is_lost(alice: User) -> None:
    contract = make_contract(status="active", owner=alice)
    client = program(alice)
    status, refused = asked(client, "PATCH", f"contracts/{contract.pk}/", {"subscription_end_date": "2025-01-01"})
    assert status == 400
    assert "(2025-01-01) does not lie after the effective date (2026-01-01)." in json.dumps(refused)
    body = {"contract_id": contract.pk, "sent_on": "2026-02-02", "paid_on": "2026-02-01"}
    status, refused = asked(client, "POST", "invoices/", body)
    assert status == 400
    assert "does not lie before the day it was sent" in json.dumps(refused)
    assert (Contract.objects.get().version, Invoice.objects.count()) == (1, 0)


def test_a_reseller_is_a_partner(alice: User) -> None:
    contract, partner = make_contract(owner=alice), make_account(type="partner")
    client = program(alice)
    wrong = asked(client, "PATCH", f"contracts/{contract.pk}/", {"reseller_id": contract.account_id})
    assert (wrong[0], wrong[1]["errors"][0]["code"]) == (400, "invalid_choice")
    assert asked(client, "PATCH", f"contracts/{contract.pk}/", {"reseller_id": partner.pk})[0] == 200


def test_invoices_are_kept_by_who_may_change_the_contract(alice: User, charlie: User) -> None:
    contract = make_contract(owner=alice)
    body = {"contract_id": contract.pk, "number": "1", "amount": "10.50", "sent_on": "2026-02-02"}
    status, refused = asked(program(charlie), "POST", "invoices/", body)
    assert (status, refused["code"]) == (403, "forbidden")
    client = program(alice)
    status, made = asked(client, "POST", "invoices/", body)
    assert (status, made["amount"], made["currency"]) == (201, "10.50", "USD")
    assert asked(client, "POST", "invoices/", body)[0] == 409
    path = f"invoices/{made['id']}/"
    assert asked(client, "PATCH", path, {"paid_on": "2026-03-01"}, If_Match=f'"{made["id"]}.1"')[0] == 200
    assert asked(client, "PATCH", path, {"paid_on": None}, If_Match=f'"{made["id"]}.1"')[0] == 412
    assert asked(client, "PATCH", path, {"contract_id": make_contract(owner=alice).pk})[0] == 400
    assert asked(program(charlie), "DELETE", path)[0] == 403
    found = asked(client, "GET", f"invoices/?account_id={contract.account_id}")[1]["results"]
    assert [row["id"] for row in found] == [made["id"]]
    assert asked(client, "DELETE", path)[0] == 204
    assert asked(program(alice, "contracts:read"), "GET", "invoices/")[0] == 403


def test_an_account_is_what_its_contracts_say(alice: User) -> None:
    client = program(alice)
    status, made = asked(client, "POST", "accounts/", {"name": "Globex", "stated_type": "prospect"})
    assert (status, made["stated_type"], "type" in made) == (201, "prospect", False)
    account = Account.objects.get(pk=made["id"])
    make_contract(status="active", account=account, end_date=date(2099, 1, 1))
    read = asked(client, "GET", f"accounts/{account.pk}/?expand=computed")[1]
    assert (read["type"], read["stated_type"]) == ("customer", "prospect")
    make_account(type="prospect")
    for query, count in (("type=customer", 1), ("type=prospect", 1), ("stated_type=prospect", 2)):
        assert len(asked(client, "GET", f"accounts/?{query}")[1]["results"]) == count, query
    assert asked(client, "GET", "accounts/?type=cstomer")[0] == 400
    status, refused = asked(client, "PATCH", f"accounts/{account.pk}/", {"type": "partner"})
    assert (status, refused["errors"][0]["code"]) == (400, "computed")
    assert asked(client, "PATCH", f"accounts/{account.pk}/", {"stated_type": "partner"})[0] == 200
    rows = asked(client, "GET", "accounts/?expand=computed&fields=id")[1]["results"]
    assert {row["id"]: row["type"] for row in rows}[account.pk] == "partner"


def test_the_figures_of_accounts_come_with_computed(alice: User, django_assert_max_num_queries: Any) -> None:
    client, account = program(alice), make_account(owner=alice)
    contract = make_contract(status="active", account=account, hosts=9, amount=Decimal("10.10"), end_date=None)
    make_contract(status="active", account=account, amount=Decimal(7), currency="JPY")
    make_invoice(contract, sent_on=date(2026, 1, 5))
    make_opportunity(account=account, stage="closed_won")
    bare = make_account()
    client("GET", "accounts/")
    with django_assert_max_num_queries(8):
        rows = asked(client, "GET", "accounts/?expand=computed")[1]["results"]
    found = {row["id"]: row for row in rows}
    assert found[account.pk]["cumulative_revenue"] == {"amount": "10.10", "currency": "USD", "apart": {"JPY": "7.00"}}
    names = ("invoice_sent", "total_opportunities", "deals_won", "contracted_hosts")
    assert [found[account.pk][name] for name in names] == ["2026-01-05", 1, 1, 9]
    assert [found[bare.pk][name] for name in names] == [None, 0, 0, 0]
    assert "contracted_hosts" not in asked(client, "GET", f"accounts/{account.pk}/")[1]
