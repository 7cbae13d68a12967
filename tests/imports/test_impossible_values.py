"""Dates that cannot be and addresses that are none: kept as they came, never stored in a field."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import Account
from contracts.models import Opportunity
from crm.people.models import User
from leads.models import Lead
from tests.imports.export import CREATED_AT, NOW, account, bring_in, codes, lead, only, opportunity, user, write

pytestmark = pytest.mark.django_db

TOO_EARLY, TOO_LATE = "0001-01-01T00:00:00.000+0000", "9999-12-31T23:59:59.000-0800"


@pytest.mark.parametrize("cell", [TOO_EARLY, "0001-01-01T00:00:00.000+1400", TOO_LATE, "1969-12-31T23:59:59.000+0000"])
def test_a_moment_that_cannot_be_is_kept_and_told(cell: str, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, CreatedDate=cell, LastModifiedDate=cell), lead(2, LastModifiedDate=cell))
    report = bring_in(tmp_path)
    first, second = Lead.objects.order_by("id")
    assert (first.created_at, first.updated_at, first.status_since) == (NOW, NOW, NOW)
    assert first.kept == {"CreatedDate": cell, "LastModifiedDate": cell}
    assert (second.created_at, second.updated_at) == (CREATED_AT, CREATED_AT)
    assert codes(report) == ["bad_date", "bad_date"]


@pytest.mark.parametrize("cell", ["0001-01-01", "9999-12-31", "2101-01-01", "1969-12-31"])
def test_a_day_that_cannot_be_is_kept_and_told(cell: str, tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Opportunity", opportunity(1, CloseDate=cell))
    write(tmp_path, "Lead", lead(1, IsConverted="1", ConvertedDate=cell, ConvertedAccountId=account(1)["Id"]))
    report = bring_in(tmp_path)
    made = Opportunity.objects.get()
    assert (made.close_on, made.kept["CloseDate"]) == (None, cell)
    assert Lead.objects.get().kept["ConvertedDate"] == cell
    assert codes(report) == ["bad_date", "bad_date"]


def test_a_user_of_an_impossible_time_is_made_now(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1, CreatedDate=TOO_EARLY))
    report = bring_in(tmp_path)
    una = User.objects.get(email="u1@acme.example")
    assert (una.created_at, una.kept["CreatedDate"]) == (NOW, TOO_EARLY)
    assert codes(report) == ["bad_date"]


@pytest.mark.parametrize(
    "cell",
    ["javascript:alert(1)//acme.example", "data:text/html,x.y", "ftp://acme.example", "mailto:a@b.example", "n/a"],
)
def test_what_no_browser_should_open_is_no_website(cell: str, tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1, Website=cell))
    write(tmp_path, "Lead", lead(1, Website=cell))
    report = bring_in(tmp_path)
    for found in (Account.objects.get(), Lead.objects.get()):
        assert (found.website, found.kept["Website"]) == ("", cell)
    assert codes(report) == ["bad_url", "bad_url"]


@pytest.mark.parametrize(
    "cell", ["https://acme.example/x?y=1", "HTTP://acme.example", "www.acme.example", "acme.example:8080/a"]
)
def test_a_website_may_leave_out_its_scheme(cell: str, tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1, Website=cell))
    assert not bring_in(tmp_path).problems
    assert Account.objects.get().website == cell


def test_a_script_about_linkedin_is_no_linkedin_url(tmp_path: Path) -> None:
    cell = "javascript:alert('linkedin.com/in/lea')"
    write(tmp_path, "Lead", lead(1, LinkedIn_URL__c=cell))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.linkedin_url, found.kept["LinkedIn_URL__c"]) == ("", cell)
    assert "LinkedIn_URL__c" in only(report, "bad_linkedin_url").message
