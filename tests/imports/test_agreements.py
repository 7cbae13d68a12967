"""Contracts with their dates, and what contacts are to opportunities."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from accounts.models import Account, Contact
from contracts.models import ContactRole, Contract, Opportunity
from contracts.signing import ContractStatus
from crm import handbook
from crm.core.acting import acting
from crm.history.models import Move
from crm.imports.models import HeldRow
from crm.people.models import User
from tests.imports.activities import contact_role, contract
from tests.imports.export import NOW, account, bring_in, codes, contact, counts, id_of, only, opportunity, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with a customer."""
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Contact", contact(1), contact(2))
    write(tmp_path, "Opportunity", opportunity(1))
    return tmp_path


def test_a_contract_has_its_dates(folder: Path) -> None:
    write(folder, "Contract", contract(1, OpportunityId=id_of("Opportunity", 1), Description="Net 30"))
    assert counts(bring_in(folder), "Contract") == {"read": 1, "created": 1}
    found = Contract.objects.get()
    assert (found.name, found.description) == ("Contract 00000001", "Net 30")
    assert (found.effective_date, found.end_date) == (date(2025, 7, 1), date(2026, 6, 30))
    assert found.close_date == date(2025, 6, 24)
    assert (found.account, found.opportunity) == (Account.objects.get(), Opportunity.objects.get())
    assert (found.kept["Status"], found.kept["ContractTerm"]) == ("Activated", "12")
    assert counts(bring_in(folder), "Contract") == {"read": 1, "unchanged": 1}


@pytest.mark.parametrize(
    ("columns", "closed", "ends", "told"),
    [
        ({"CompanySignedDate": "2025-06-30"}, date(2025, 6, 30), date(2026, 6, 30), []),
        ({"CustomerSignedDate": ""}, date(2025, 6, 25), date(2026, 6, 30), []),
        ({"CustomerSignedDate": "", "ActivatedDate": ""}, None, date(2026, 6, 30), ["no_close_date"]),
        ({"CustomerSignedDate": "", "Status": "Draft"}, None, date(2026, 6, 30), []),
        ({"EndDate": ""}, date(2025, 6, 24), date(2026, 6, 30), []),
        ({"EndDate": "", "ContractTerm": "14", "StartDate": "2024-12-31"}, date(2025, 6, 24), date(2026, 2, 27), []),
        ({"EndDate": "2025-06-30"}, date(2025, 6, 24), None, ["bad_date"]),
        ({"EndDate": "", "ContractTerm": "a year"}, date(2025, 6, 24), None, ["bad_number"]),
        ({"Status": "Frozen"}, date(2025, 6, 24), date(2026, 6, 30), ["unmapped_value"]),
    ],
)
def test_what_is_not_written_down_is_worked_out_or_told(
    folder: Path, columns: dict[str, str], closed: date | None, ends: date | None, told: list[str]
) -> None:
    write(folder, "Contract", contract(1, **columns))
    report = bring_in(folder)
    found = Contract.objects.get()
    assert (found.close_date, found.end_date) == (closed, ends)
    assert [p.code for p in report.problems if p.file == "Contract.csv"] == told


@pytest.mark.parametrize(
    ("columns", "status", "since"),
    [
        ({}, "active", date(2025, 7, 1)),
        ({"Status": "Draft"}, "draft", None),
        ({"Status": "Sent"}, "sent", None),
        ({"Status": "Terminated"}, "terminated", None),
        ({"Status": "Activated", "StartDate": "2026-12-01", "EndDate": "2027-11-30"}, "signed", None),
        ({"Status": "Expired", "StartDate": "2024-01-01", "EndDate": "2024-12-31"}, "expired", date(2025, 1, 1)),
        ({"Status": "Activated", "StartDate": "2024-01-01", "EndDate": "2024-12-31"}, "expired", date(2025, 1, 1)),
        ({"Status": "Activated", "StartDate": ""}, "signed", None),
        ({"Status": "Frozen"}, "active", date(2025, 7, 1)),
        ({"Status": "Frozen", "CustomerSignedDate": "", "ActivatedDate": ""}, "draft", None),
        ({"Status": "", "CustomerSignedDate": "", "ActivatedDate": ""}, "draft", None),
    ],
)
def test_it_is_placed_in_the_status_that_it_has(
    folder: Path, columns: dict[str, str], status: str, since: date | None
) -> None:
    """An unsigned one stays a draft; a signed one is in force or over by its dates, since the day that made it so."""
    write(folder, "Contract", contract(1, **columns))
    bring_in(folder)
    found = Contract.objects.get()
    assert found.status == status
    steps = [(step.verb, step.to_state, step.via) for step in Move.objects.of(found)]
    assert steps == ([("place", status, "import")] if status != "draft" else [])
    if since is not None:
        assert found.status_since.astimezone(handbook.current().zone).date() == since
    assert counts(bring_in(folder), "Contract")["unchanged"] == 1


def test_a_status_that_changes_there_is_a_move_here_or_told(folder: Path) -> None:
    unsigned = {"CustomerSignedDate": "", "CompanySignedDate": "", "ActivatedDate": ""}
    for status in ("Draft", "Sent"):
        write(folder, "Contract", contract(1, Status=status, **unsigned))
        bring_in(folder)
    assert Contract.objects.get().status == "sent"
    write(folder, "Contract", contract(1, Status="Terminated"))
    report = bring_in(folder)
    assert Contract.objects.get().status == "sent"
    assert "no move leads there" in only(report, "status_not_moved").message


def test_without_its_account_it_is_held(folder: Path) -> None:
    write(folder, "Contract", contract(1, AccountId=id_of("Account", 2)))
    assert counts(bring_in(folder), "Contract") == {"read": 1, "rejected": 1}
    assert HeldRow.objects.get().code == "account_not_found"
    write(folder, "Account", account(2))
    assert counts(bring_in(folder), "Contract") == {"read": 1, "created": 1}


def test_dates_that_would_cross_those_of_here_are_left(folder: Path, mona: User) -> None:
    write(folder, "Contract", contract(1))
    bring_in(folder)
    found = Contract.objects.get()
    with acting(actor=mona, via="admin", at=NOW):
        found.effective_date = date(2026, 5, 1)
        found.save(update_fields=["effective_date"])
    write(folder, "Contract", contract(1, EndDate="2026-04-30"))
    report = bring_in(folder)
    assert "both dates were left" in only(report, "dates_left").message
    found.refresh_from_db()
    assert (found.effective_date, found.end_date) == (date(2026, 5, 1), date(2026, 6, 30))


def test_a_contact_role_is_mapped(folder: Path) -> None:
    write(folder, "OpportunityContactRole", contact_role(1), contact_role(2, Role="Janitor", IsPrimary="0"))
    report = bring_in(folder)
    assert counts(report, "OpportunityContactRole") == {"read": 2, "created": 2, "flagged": 1}
    first, second = ContactRole.objects.order_by("pk")
    assert (first.role, first.is_primary, str(first.contact)) == ("decision_maker", True, "Cora Contact 1")
    assert (second.role, second.is_primary, second.kept["Role"]) == ("", False, "Janitor")
    assert counts(bring_in(folder), "OpportunityContactRole")["unchanged"] == 2


def test_the_same_role_twice_is_held(folder: Path) -> None:
    write(folder, "OpportunityContactRole", contact_role(1), contact_role(2))
    report = bring_in(folder)
    assert counts(report, "OpportunityContactRole") == {"read": 2, "created": 1, "rejected": 1}
    assert HeldRow.objects.get().code == "there_already"
    write(folder, "OpportunityContactRole", contact_role(3))
    assert counts(bring_in(folder), "OpportunityContactRole") == {"read": 1, "rejected": 1}


def test_a_role_that_becomes_another_one_is_left(folder: Path) -> None:
    write(folder, "OpportunityContactRole", contact_role(1), contact_role(2, Role="Influencer"))
    bring_in(folder)
    write(folder, "OpportunityContactRole", contact_role(1), contact_role(2))
    report = bring_in(folder)
    assert codes(report).count("there_already") == 1
    assert set(ContactRole.objects.values_list("role", flat=True)) == {"decision_maker", "influencer"}


def test_a_role_of_nobody_is_held(folder: Path) -> None:
    write(folder, "OpportunityContactRole", contact_role(1, ContactId=id_of("Contact", 9)))
    assert counts(bring_in(folder), "OpportunityContactRole") == {"read": 1, "rejected": 1}
    assert HeldRow.objects.get().code == "contact_not_found"
    write(folder, "Contact", contact(9))
    assert counts(bring_in(folder), "OpportunityContactRole") == {"read": 1, "created": 1}
    assert Contact.objects.count() == 3


def test_what_a_later_file_has_no_column_for_stays(folder: Path) -> None:
    signed = contract(1, EndDate="", Name="Frame agreement")
    write(folder, "Contract", signed)
    bring_in(folder)
    write(folder, "Contract", {"Id": signed["Id"], "AccountId": signed["AccountId"], "Description": "Net 30"})
    assert counts(bring_in(folder), "Contract") == {"read": 1, "updated": 1}
    found = Contract.objects.get()
    assert (found.name, found.description) == ("Frame agreement", "Net 30")
    assert (found.effective_date, found.end_date) == (date(2025, 7, 1), date(2026, 6, 30))
    assert (found.close_date, found.kept["ContractTerm"]) == (date(2025, 6, 24), "12")
    # What was seen of them still holds: the same dates again are no change, and cleared ones are cleared.
    write(folder, "Contract", signed | {"Description": "Net 30"})
    assert counts(bring_in(folder), "Contract") == {"read": 1, "unchanged": 1}
    write(folder, "Contract", signed | {"Description": "Net 30", "ContractTerm": ""})
    bring_in(folder)
    assert Contract.objects.get().end_date is None


def test_one_date_of_two_still_says_its_own(folder: Path) -> None:
    write(folder, "Contract", contract(1))
    bring_in(folder)
    ids = {"Id": id_of("Contract", 1), "AccountId": id_of("Account", 1)}
    write(folder, "Contract", ids | {"EndDate": "2027-06-30"})
    bring_in(folder)
    found = Contract.objects.get()
    assert (found.effective_date, found.end_date) == (date(2025, 7, 1), date(2027, 6, 30))
    write(folder, "Contract", ids | {"StartDate": "2027-07-01"})
    assert "both dates were left" in only(bring_in(folder), "dates_left").message
    found.refresh_from_db()
    assert (found.effective_date, found.end_date) == (date(2025, 7, 1), date(2027, 6, 30))


def test_a_file_that_says_terminated_says_what_to_do_about_the_contract_that_is_here(folder: Path) -> None:
    write(folder, "Contract", contract(1))
    bring_in(folder)
    before = Contract.objects.get().status
    assert before != "terminated"
    write(folder, "Contract", contract(1, Status="Terminated"))
    report = bring_in(folder)
    found = Contract.objects.get()
    said = only(report, "status_not_moved").message
    assert found.status == before
    assert "The file says Terminated" in said
    assert "Say on which day it was terminated." in said
    label = dict(ContractStatus.choices)[before]
    assert f"It is left as {label}: make the move “Terminate” on its page." in said
