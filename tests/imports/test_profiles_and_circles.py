"""Links that lead to nobody: a LinkedIn URL of a company, a parent that is the row itself, a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import Account, Contact
from crm.core.errors import Refused
from crm.imports.models import HeldRow
from crm.imports.services import release_held_row
from crm.people.models import User
from leads.models import Lead
from tests.imports.export import NOW, account, bring_in, codes, contact, counts, id_of, lead, only, write

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "url",
    [
        "https://www.linkedin.com/company/globex",
        "linkedin.com",
        "https://www.linkedin.com/feed/",
        "notlinkedin.example/x",
    ],
)
def test_a_url_that_names_no_person_reaches_nobody(url: str, mona: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email="", LinkedIn_URL__c=url), lead(2, LinkedIn_URL__c=url))
    report = bring_in(tmp_path)
    assert only(report, "no_email_or_linkedin").line == 2
    assert counts(report, "Lead")["rejected"] == 1
    assert Lead.objects.get().linkedin_url in (url, "")
    held = HeldRow.objects.get()
    assert (held.code, held.row["LinkedIn_URL__c"]) == ("no_email_or_linkedin", url)
    with pytest.raises(Refused) as refused:
        release_held_row(held, values={"linkedin_url": url}, actor=mona, at=NOW, via="test")
    assert "no_email_or_linkedin" in refused.value.codes
    assert "A lead has an email or a LinkedIn profile URL" in refused.value.message
    release_held_row(held, values={"linkedin_url": "linkedin.com/in/lea"}, actor=mona, at=NOW, via="test")
    assert Lead.objects.filter(linkedin_key="in/lea").exists()


@pytest.mark.parametrize("path", ["in/lea", "pub/lea/1/2", "sales/lead/ACw,x", "sales/people/ACw"])
def test_a_profile_is_enough(path: str, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email="", LinkedIn_URL__c=f"https://www.linkedin.com/{path}"))
    assert not bring_in(tmp_path).problems
    assert Lead.objects.count() == 1


def test_a_profile_is_not_exchanged_for_a_company(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email="", LinkedIn_URL__c="linkedin.com/in/lea"))
    bring_in(tmp_path)
    write(tmp_path, "Lead", lead(1, Email="", LinkedIn_URL__c="linkedin.com/company/globex", Title="Buyer"))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.linkedin_url, found.title) == ("linkedin.com/in/lea", "Buyer")
    assert "left as it was" in only(report, "no_email_or_linkedin").message


def test_nobody_is_above_themselves(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1, ParentId=id_of("Account", 1)))
    write(tmp_path, "Contact", contact(1, ReportsToId=id_of("Contact", 1)))
    report = bring_in(tmp_path)
    assert codes(report) == ["own_parent", "own_parent"]
    assert "its own parent" in report.problems[0].message
    assert "report to themselves" in report.problems[1].message
    assert (Account.objects.get().parent, Contact.objects.get().reports_to) == (None, None)
    assert Account.objects.get().kept == {"ParentId": id_of("Account", 1)}


def test_a_circle_is_stored_and_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Account",
        account(1, ParentId=id_of("Account", 2)),
        account(2, ParentId=id_of("Account", 1)),
        account(3, ParentId=id_of("Account", 1)),
    )
    write(tmp_path, "Contact", *(contact(n, ReportsToId=id_of("Contact", n % 3 + 1)) for n in (1, 2, 3)), contact(4))
    report = bring_in(tmp_path)
    told = [(problem.file, problem.line, problem.code) for problem in report.problems]
    assert told == [
        ("Account.csv", 2, "circular"),
        ("Account.csv", 3, "circular"),
        *(("Contact.csv", line, "circular") for line in (2, 3, 4)),
    ]
    assert counts(report, "Account") == {"read": 3, "created": 3, "flagged": 2}
    assert Account.objects.filter(parent__isnull=False).count() == 3
