"""Links between the files of an export, whatever the order of files and rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.history.models import Change
from crm.imports.models import HeldRow
from tests.imports.export import account, bring_in, codes, contact, counts, id_of, lead, only, opportunity, user, write

pytestmark = pytest.mark.django_db


def test_a_parent_may_come_after_its_child(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1, ParentId=id_of("Account", 3)), account(2), account(3))
    write(
        tmp_path,
        "Contact",
        contact(1, AccountId=id_of("Account", 2), ReportsToId=id_of("Contact", 2)),
        contact(2, AccountId=id_of("Account", 3)),
    )
    report = bring_in(tmp_path)
    assert not report.problems
    child = Account.objects.get(name="Acme 1")
    assert str(child.parent) == "Acme 3"
    cora = Contact.objects.get(last_name="Contact 1")
    assert (str(cora.account), str(cora.reports_to)) == ("Acme 2", "Cora Contact 2")
    assert "ParentId" not in child.kept


def test_an_owner_is_found_among_the_users(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1))
    write(tmp_path, "Account", account(1, OwnerId=id_of("User", 1)), account(2, OwnerId=id_of("User", 2)))
    report = bring_in(tmp_path)
    assert str(Account.objects.get(name="Acme 1").owner) == "Una User 1"
    assert Account.objects.get(name="Acme 2").kept["OwnerId"] == id_of("User", 2)
    assert codes(report) == ["owner_not_found"]
    assert counts(report, "Account") == {"read": 2, "created": 2}


def test_an_id_of_fifteen_characters_is_the_same_id(tmp_path: Path) -> None:
    # The last three of 001Nq00000J1MwVIAV say which of the fifteen before are capitals.
    write(tmp_path, "Account", account(1, Id="001Nq00000J1MwVIAV"))
    write(tmp_path, "Contact", contact(1, AccountId="001Nq00000J1MwV"))
    assert not bring_in(tmp_path).problems
    assert str(Contact.objects.get().account) == "Acme 1"


def test_a_link_that_leads_nowhere_is_kept_and_told(tmp_path: Path) -> None:
    write(tmp_path, "Contact", contact(1, AccountId=id_of("Account", 1), ReportsToId=id_of("Contact", 1)))
    report = bring_in(tmp_path)
    found = Contact.objects.get()
    assert (found.account, found.reports_to) == (None, None)
    assert found.kept == {"AccountId": id_of("Account", 1), "ReportsToId": id_of("Contact", 1)}
    assert "AccountId" in only(report, "unresolved_link").message
    assert counts(report, "Contact") == {"read": 1, "created": 1, "flagged": 1}


def test_it_is_followed_when_its_end_comes_later(tmp_path: Path) -> None:
    write(tmp_path, "Contact", contact(1, AccountId=id_of("Account", 1)))
    bring_in(tmp_path)
    write(tmp_path, "Account", account(1))
    report = bring_in(tmp_path)
    assert counts(report, "Contact") == {"read": 1, "updated": 1}
    found = Contact.objects.get()
    assert (str(found.account), found.kept, found.version) == ("Acme 1", {}, 2)


def test_an_opportunity_without_an_account_waits(tmp_path: Path) -> None:
    write(tmp_path, "Opportunity", opportunity(1), opportunity(2, AccountId=""))
    report = bring_in(tmp_path)
    assert counts(report, "Opportunity") == {"read": 2, "rejected": 2}
    assert [held.message for held in HeldRow.objects.order_by("line")] == [
        f"AccountId {id_of('Account', 1)} is not known here.",
        "It has no AccountId.",
    ]
    write(tmp_path, "Account", account(1))
    assert counts(bring_in(tmp_path), "Opportunity") == {"read": 2, "created": 1, "rejected": 1}


def test_stages_are_placed_as_the_handbook_says(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    write(
        tmp_path,
        "Opportunity",
        opportunity(1, StageName="Negotiation/Review", Amount="1823.15", Type="Existing Business"),
        opportunity(2, StageName="Signed", IsClosed="1", IsWon="1"),
        opportunity(3, StageName="Gone", IsClosed="1"),
        opportunity(4, StageName="Dreaming"),
        opportunity(5, StageName="Closed Lost", Amount="1.234", CloseDate="soon"),
    )
    report = bring_in(tmp_path)
    stages = dict(Opportunity.objects.order_by("name").values_list("name", "stage"))
    assert list(stages.values()) == ["negotiation", "closed_won", "closed_lost", "meeting_set", "closed_lost"]
    first, last = Opportunity.objects.get(stage="negotiation"), Opportunity.objects.get(name="Acme 5 2025")
    assert (str(first.amount), first.type, first.kept["Type"]) == ("1823.15", "expansion", "Existing Business")
    assert (last.amount, last.close_on) == (None, None)
    assert (last.kept["Amount"], last.kept["CloseDate"]) == ("1.234", "soon")
    assert codes(report) == ["unknown_stage", "unknown_stage", "unknown_stage", "bad_number", "bad_date"]


def test_contacts_and_accounts_without_a_name_wait(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1, Name=" "))
    write(tmp_path, "Contact", contact(1, FirstName="", LastName="", Email=""), contact(2, FirstName="", LastName=""))
    report = bring_in(tmp_path)
    assert codes(report) == ["no_name", "no_name_or_email"]
    assert Contact.objects.get().email == "c2@acme.example"


def test_rows_that_wait_are_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email=""))
    bring_in(tmp_path)
    changes = Change.objects.count()
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "rejected": 1}
    assert Change.objects.count() == changes
    write(tmp_path, "Lead", lead(1, Email="", Company="Initech"))
    bring_in(tmp_path)
    held = HeldRow.objects.get()
    assert (held.row["Company"], held.version) == ("Initech", 2)
