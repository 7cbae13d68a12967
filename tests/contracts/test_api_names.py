"""Refusals over the API call the fields of opportunities and contracts as the API calls them."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import timezone

from crm.people.models import User
from tests.contracts.making import DAY, make_contract
from tests.factories import make_account, make_opportunity
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


def test_an_end_before_its_start_is_said_with_both_dates(alice: User) -> None:
    opportunity = make_opportunity(owner=alice, effective_on=date(2026, 5, 1))
    body = {"subscription_end_date": "2026-04-01"}
    refused = program(alice)("PATCH", f"opportunities/{opportunity.pk}/", body)
    assert refused.status_code == 400
    said = "The subscription end date (2026-04-01) does not lie after the effective date (2026-05-01)."
    assert refused.json()["errors"][0]["message"] == said


def test_an_accounts_etag_is_its_version_whatever_its_contracts_make_of_it(alice: User, root: User) -> None:
    account = make_account(owner=alice, type="prospect")
    client, path = program(alice), f"accounts/{account.pk}/"
    tag = client("GET", path).headers["ETag"]
    assert tag == f'"{account.pk}.{account.version}"'
    assert client("GET", f"{path}?expand=computed").json()["type"] == "prospect"
    today = timezone.localdate()
    make_contract(status="active", account=account, effective_date=today - 9 * DAY, end_date=today + 90 * DAY)
    # Nothing of the account itself was changed: who has this version has all that is stored.
    assert client("GET", path, **{"if-none-match": tag}).status_code == 304
    told = client("GET", f"{path}?expand=computed", **{"if-none-match": tag})
    assert (told.status_code, told.json()["type"], "ETag" in told.headers) == (200, "customer", False)
    changed = client("PATCH", path, {"description": "One"}, **{"if-match": tag})
    assert changed.status_code == 200
    old = client("PATCH", path, {"description": "Two"}, **{"if-match": tag})
    assert (old.status_code, [one["field"] for one in old.json()["errors"]]) == (412, ["description"])
    assert program(root)("DELETE", path, **{"if-match": tag}).status_code == 412
