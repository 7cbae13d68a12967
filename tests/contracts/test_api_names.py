"""Refusals over the API call the fields of opportunities and contracts as the API calls them."""

from __future__ import annotations

from datetime import date

import pytest

from crm.people.models import User
from tests.contracts.making import make_contract
from tests.factories import make_opportunity
from tests.keys import program

pytestmark = pytest.mark.django_db
STEP = {"next_step": "Write", "next_step_due_date": "2099-03-04"}


def test_dates_that_cannot_be_are_refused_by_the_names_that_were_sent(alice: User) -> None:
    sale = make_opportunity(owner=alice)
    body = {"effective_date": "2026-12-01", "subscription_end_date": "2026-11-01"}
    refused = program(alice)("PATCH", f"opportunities/{sale.pk}/", body)
    assert refused.status_code == 400
    assert [(one["field"], one["pointer"]) for one in refused.json()["errors"]] == [
        ("effective_date", "/effective_date")
    ]


def test_what_somebody_changed_meanwhile_is_told_by_the_names_of_the_api(alice: User) -> None:
    sale = make_opportunity(owner=alice, next_step="Call", next_step_due=date(2099, 1, 1))
    client, tag = program(alice), {"if-match": f'"{sale.pk}.1"'}
    body = {"exit_criteria_met": ["meeting_held"], "close_date": "2099-05-05"}
    assert client("PATCH", f"opportunities/{sale.pk}/", body).status_code == 200
    for address, sent in ((f"opportunities/{sale.pk}/next-step/", STEP), (f"opportunities/{sale.pk}/moves/lose/", {})):
        stale = client("POST", address, sent, **tag)
        assert stale.status_code == 412
        assert {one["field"] for one in stale.json()["errors"]} == {"exit_criteria_met", "close_date"}
    contract = make_contract(account=sale.account, opportunity=sale)
    assert client("PATCH", f"contracts/{contract.pk}/", {"subscription_end_date": "2099-05-05"}).status_code == 200
    stale = client("POST", f"contracts/{contract.pk}/moves/send/", {}, **{"if-match": f'"{contract.pk}.1"'})
    assert "subscription_end_date" in {one["field"] for one in stale.json()["errors"]}


def test_what_was_changed_and_changed_back_is_not_told(alice: User) -> None:
    sale = make_opportunity(owner=alice, description="x")
    client = program(alice)
    for text in ("y", "x"):
        assert (
            client("PATCH", f"opportunities/{sale.pk}/", {"description": text, "hosts": len(text)}).status_code == 200
        )
    stale = client("PATCH", f"opportunities/{sale.pk}/", {"hosts": 2}, **{"if-match": f'"{sale.pk}.1"'})
    assert stale.status_code == 412
    assert [one["field"] for one in stale.json()["errors"]] == ["hosts"]
