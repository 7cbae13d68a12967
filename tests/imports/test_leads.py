"""What becomes of one lead: status, conversion, words, values that are none, and columns we have no field for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crm.history.models import Move
from crm.imports.models import HeldRow
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.imports.export import (
    CREATED_AT,
    MODIFIED_AT,
    account,
    bring_in,
    codes,
    contact,
    counts,
    id_of,
    lead,
    only,
    opportunity,
    write,
)

pytestmark = pytest.mark.django_db


def one(folder: Path, **columns: Any) -> Lead:
    """The lead that this row becomes."""
    write(folder, "Lead", lead(1, **columns))
    bring_in(folder)
    return Lead.objects.get()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Open - Not Contacted", "new"),
        ("Working - Contacted", "working_to_engage"),
        ("Nurturing", "closed_nurture"),
        ("unqualified", "closed_nurture"),
        ("Meeting scheduled", "meeting_scheduled"),
    ],
)
def test_it_is_placed_where_the_handbook_says(word: str, status: str, tmp_path: Path) -> None:
    found = one(tmp_path, Status=word)
    assert found.status == status
    assert found.status_since == (CREATED_AT if status == "new" else MODIFIED_AT)
    assert [step.to_state for step in Move.objects.of(found)] == ([] if status == "new" else [status])
    assert (found.created_at, found.updated_at) == (CREATED_AT, MODIFIED_AT)


def test_a_word_of_theirs_that_several_become_is_kept(tmp_path: Path) -> None:
    assert one(tmp_path, Status="Unqualified", LeadSource="In-Store").kept == {
        "Status": "Unqualified",
        "LeadSource": "In-Store",
    }


def test_a_word_that_is_also_ours_is_not_kept_twice(tmp_path: Path) -> None:
    found = one(tmp_path, Status="Working to engage", Rating="Hot")
    assert (found.rating, found.kept) == ("hot", {})


def test_an_unknown_status_is_new_and_told(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Status="Frozen"))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.status, found.kept) == ("new", {"Status": "Frozen"})
    assert "Frozen" in only(report, "unknown_status").message
    assert counts(report, "Lead") == {"read": 1, "created": 1, "flagged": 1}


def test_nobody_is_put_under_do_not_contact(tmp_path: Path) -> None:
    found = one(tmp_path, Status="Closed do not contact")
    assert (found.status, found.kept["Status"]) == ("new", "Closed do not contact")


def test_unknown_words_are_kept_and_told_once_a_row(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, LeadSource="Skywriting", Industry="Alchemy", Rating="Lukewarm"))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.lead_source, found.industry, found.rating) == ("", "", "")
    assert found.kept == {"LeadSource": "Skywriting", "Industry": "Alchemy", "Rating": "Lukewarm"}
    message = only(report, "unmapped_value").message
    assert all(word in message for word in ("Skywriting", "Alchemy", "Lukewarm"))


def test_columns_without_a_field_are_kept_as_they_came(tmp_path: Path) -> None:
    found = one(tmp_path, LeadType__c=" Business ", Fax="1", Name="Lea Lead 1", Score__c="=1+1", Jigsaw="")
    assert found.kept == {"LeadType__c": " Business ", "Fax": "1", "Score__c": "=1+1"}


def test_a_linkedin_url_is_enough(tmp_path: Path) -> None:
    found = one(tmp_path, Email="", LinkedIn_URL__c="https://www.linkedin.com/in/lea/")
    assert found.linkedin_key == "in/lea"


@pytest.mark.parametrize("column", ["LinkedIn__c", "LinkedIn_Profile_URL__c", "Linkedin_Link__c", "acme__LinkedIn__c"])
def test_the_column_of_linkedin_has_many_names(column: str, tmp_path: Path) -> None:
    row = lead(1, Email="") | {column: "linkedin.com/in/lea"}
    del row["LinkedIn_URL__c"]
    write(tmp_path, "Lead", row)
    bring_in(tmp_path)
    assert Lead.objects.get().linkedin_url == "linkedin.com/in/lea"


def test_what_is_no_email_is_none(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email="n/a"), lead(2, Email="n/a", LinkedIn_URL__c="linkedin.com/in/lea"))
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 2, "created": 1, "flagged": 1, "rejected": 1}
    assert Lead.objects.get().kept == {"Email": "n/a"}
    assert HeldRow.objects.get().row["Email"] == "n/a"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"NumberOfEmployees": "many"}, "bad_number"),
        ({"NumberOfEmployees": "-5"}, "bad_number"),
        ({"NumberOfEmployees": "99999999999"}, "bad_number"),
        ({"CreatedDate": "yesterday"}, "bad_date"),
        ({"Title": "x" * 300}, "too_long"),
        ({"LinkedIn_URL__c": "lea"}, "bad_linkedin_url"),
        ({"HasOptedOutOfEmail": "1"}, "opted_out"),
    ],
)
def test_a_value_that_will_not_do_is_kept_and_told(columns: dict[str, str], code: str, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, **columns))
    report = bring_in(tmp_path)
    ((name, value),) = columns.items()
    assert Lead.objects.get().kept[name] == value
    assert name in only(report, code).message
    assert only(report, code).line == 2
    assert counts(report, "Lead") == {"read": 1, "created": 1, "flagged": 1}
    assert not report.unreadable


def test_zero_employees_are_unknown(tmp_path: Path) -> None:
    found = one(tmp_path, NumberOfEmployees="0")
    assert (found.employees, found.kept) == (None, {"NumberOfEmployees": "0"})


def test_text_is_text(tmp_path: Path) -> None:
    found = one(
        tmp_path, Company='<b>Acme</b>, "Inc"\t\\N', Description="=cmd|' /C calc'!A0\nline two\\", Title="e\u0301"
    )
    assert found.company == '<b>Acme</b>, "Inc"\t\\N'
    assert found.description == "=cmd|' /C calc'!A0\nline two\\"
    assert found.title == "\u00e9"


def test_deleted_rows_are_not_brought_in(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, IsDeleted="1"), lead(2, IsDeleted="true"), lead(3, IsDeleted="0"))
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 3, "created": 1, "rejected": 2}
    assert codes(report) == ["deleted_there", "deleted_there"]
    assert {held.code for held in HeldRow.objects.all()} == {"deleted_there"}


# --- conversion -------------------------------------------------------------------------------------------------------


def test_a_converted_lead_has_what_it_became(tmp_path: Path) -> None:
    links = {"ConvertedAccountId": id_of("Account", 1), "ConvertedContactId": id_of("Contact", 1)}
    links["ConvertedOpportunityId"] = id_of("Opportunity", 1)
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Contact", contact(1))
    write(tmp_path, "Opportunity", opportunity(1))
    write(tmp_path, "Lead", lead(1, Status="Qualified", IsConverted="1", ConvertedDate="2025-05-20", **links))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert found.status == Status.SAO_CONVERTED
    # The day's first moment in the company's zone.
    assert found.converted_at == found.status_since == datetime(2025, 5, 20, 7, tzinfo=UTC)
    assert found.converted_account is not None
    assert (found.converted_account.name, str(found.converted_contact)) == ("Acme 1", "Cora Contact 1")
    assert str(found.converted_opportunity) == "Acme 1 2025"
    assert Move.objects.of(found).get().to_state == Status.SAO_CONVERTED
    assert not report.problems


def test_it_may_have_been_converted_without_an_opportunity(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    found = one(tmp_path, IsConverted="true", ConvertedAccountId=id_of("Account", 1))
    assert (found.status, found.converted_opportunity) == (Status.SAO_CONVERTED, None)
    assert found.converted_at == MODIFIED_AT


@pytest.mark.parametrize("there", ["", id_of("Account", 9)])
def test_converted_into_an_account_that_is_not_here_it_waits(there: str, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, IsConverted="1", ConvertedAccountId=there))
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 1, "rejected": 1}
    assert only(report, "account_not_found").line == 2
    assert HeldRow.objects.get().code == "account_not_found"
    write(tmp_path, "Account", account(9))
    write(tmp_path, "Lead", lead(1, IsConverted="1", ConvertedAccountId=id_of("Account", 9)))
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "created": 1}
    released = HeldRow.objects.get()
    assert (released.state, released.record_id) == ("released", Lead.objects.get().pk)


def test_a_status_that_means_converted_does_not_convert(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Status="Qualified", ConvertedAccountId=id_of("Account", 1)))
    report = bring_in(tmp_path)
    found = Lead.objects.get()
    assert (found.status, found.converted_at) == (Status.WORKING_TO_CONVERT, None)
    assert found.kept == {"Status": "Qualified", "ConvertedAccountId": id_of("Account", 1)}
    assert codes(report) == ["not_converted"]


# --- duplicates -------------------------------------------------------------------------------------------------------


def test_one_that_is_here_already_is_named(tmp_path: Path) -> None:
    here = make_lead(first_name="Lea", last_name="Here", email="Lea@Globex.example")
    write(tmp_path, "Lead", lead(1, Email="lea+news@globex.example"), lead(2))
    report = bring_in(tmp_path)
    assert (
        only(report, "likely_duplicate").message
        == f"Likely the same person as lead {here.pk}, Lea Here: the same email."
    )
    assert counts(report, "Lead") == {"read": 2, "created": 2, "flagged": 1}


def test_one_linkedin_url_is_one_person(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Lead",
        lead(1, LinkedIn_URL__c="https://www.linkedin.com/in/lea/"),
        lead(2, LinkedIn_URL__c="linkedin.com/in/Lea?trk=x"),
    )
    report = bring_in(tmp_path)
    assert codes(report) == ["likely_duplicate", "likely_duplicate"]
    assert Lead.objects.count() == 2


def test_lines_of_text_end_as_those_that_people_enter_here(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Description="one\r\ntwo\rthree"))
    bring_in(tmp_path)
    assert Lead.objects.get().description == "one\ntwo\nthree"
