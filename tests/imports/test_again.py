"""Importing again: what changed there comes in, what changed here stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm.core.acting import acting
from crm.core.door import move
from crm.history.models import Change
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.imports.export import (
    NOW,
    account,
    bring_in,
    codes,
    contact,
    counts,
    id_of,
    lead,
    only,
    write,
)

pytestmark = pytest.mark.django_db
LATER = "2026-03-06T10:00:00.000+0000"


def again(folder: Path, **columns: Any) -> tuple[dict[str, int], Lead]:
    """Import the lead with these columns changed: the counts, and the lead."""
    write(folder, "Lead", lead(1, **columns))
    return counts(bring_in(folder), "Lead"), Lead.objects.get()


def edit(found: Lead, user: User, **values: Any) -> None:
    """A person changes fields here."""
    with acting(actor=user, via="admin", at=NOW):
        for name, value in values.items():
            setattr(found, name, value)
        found.save(update_fields=list(values))


def test_only_what_changed_there_is_brought_in(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Title="Buyer", Phone="4155552671")
    edit(found, alice, title="Head buyer")
    answer, found = again(tmp_path, Title="Buyer", Phone="4155552672", LastModifiedDate=LATER)
    assert answer == {"read": 1, "updated": 1}
    assert (found.title, found.phone, found.phone_key) == ("Head buyer", "4155552672", "+14155552672")
    change = Change.objects.of(found)[0]
    assert change.transaction.via == "import"
    assert change.what is not None
    assert set(change.what) == {"phone", "phone_key"}


def test_an_unchanged_file_does_not_revert_an_edit(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Title="Buyer")
    edit(found, alice, title="Head buyer", description="Met at the fair")
    answer, found = again(tmp_path, Title="Buyer")
    assert answer == {"read": 1, "unchanged": 1}
    assert (found.title, found.description, found.version) == ("Head buyer", "Met at the fair", 2)


def test_a_cleared_cell_clears_the_field(tmp_path: Path) -> None:
    again(tmp_path, Title="Buyer", NumberOfEmployees="5", LeadType__c="Business")
    answer, found = again(tmp_path)
    assert answer == {"read": 1, "updated": 1}
    assert (found.title, found.employees, found.kept) == ("", None, {})


def test_a_column_that_is_missing_now_says_nothing(tmp_path: Path) -> None:
    again(tmp_path, Title="Buyer", LeadType__c="Business")
    row = lead(1)
    del row["Title"], row["LeadType__c"]
    write(tmp_path, "Lead", row)
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "unchanged": 1}
    found = Lead.objects.get()
    assert (found.title, found.kept) == ("Buyer", {"LeadType__c": "Business"})


def test_the_same_edit_on_both_sides_is_no_change(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Title="Buyer")
    edit(found, alice, title="Head buyer")
    answer, found = again(tmp_path, Title="Head buyer")
    assert (answer, found.version) == ({"read": 1, "unchanged": 1}, 2)


def test_the_order_of_columns_and_rows_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, LeadType__c="Business", Fax="1"), lead(2))
    bring_in(tmp_path)
    rows = [
        dict(reversed(row.items()))
        for row in (lead(2, Fax="", LeadType__c=""), lead(1, Fax="1", LeadType__c="Business"))
    ]
    write(tmp_path, "Lead", *rows)
    assert counts(bring_in(tmp_path), "Lead") == {"read": 2, "unchanged": 2}


def test_a_lead_that_loses_its_address_there_keeps_it_here(tmp_path: Path) -> None:
    again(tmp_path, Email="lea@globex.example")
    write(tmp_path, "Lead", lead(1, Email="", Title="Buyer"))
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 1, "updated": 1, "flagged": 1}
    assert "left as it was" in only(report, "no_email_or_linkedin").message
    found = Lead.objects.get()
    assert (found.email, found.title) == ("lea@globex.example", "Buyer")


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_an_unchanged_file_leaves_our_moves_alone(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Status="New", Title="Buyer")
    move(found, "work", actor=alice, at=NOW, via="test", owner=alice.pk)
    answer, found = again(tmp_path, Status="New", Title="Buyer")
    assert (answer, found.status) == ({"read": 1, "unchanged": 1}, Status.WORKING_TO_ENGAGE)
    answer, found = again(tmp_path, Status="New", Title="Head buyer", LastModifiedDate=LATER)
    assert (answer, found.status, found.title) == ({"read": 1, "updated": 1}, Status.WORKING_TO_ENGAGE, "Head buyer")


def test_a_status_that_changed_there_before_ours_is_left(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Status="New")
    move(found, "work", actor=alice, at=NOW, via="test", owner=alice.pk)
    write(tmp_path, "Lead", lead(1, Status="Nurturing", Title="Buyer"))
    report = bring_in(tmp_path)
    found.refresh_from_db()
    assert (found.status, found.title) == (Status.WORKING_TO_ENGAGE, "Buyer")
    assert only(report, "status_left").message.endswith("where it was moved later.")
    assert counts(report, "Lead") == {"read": 1, "updated": 1, "flagged": 1}
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "unchanged": 1}


def test_a_status_that_changed_there_after_ours_is_a_move(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Status="New")
    edit(found, alice, owner=alice)
    move(found, "nurture", actor=alice, at=NOW, via="test", nurture_reason="no_budget")
    answer, found = again(tmp_path, Status="Working", LastModifiedDate=LATER)
    assert (answer["updated"], found.status) == (1, Status.WORKING_TO_ENGAGE)
    assert (found.nurture_reason, found.come_back_on) == ("", None)


def test_no_file_takes_a_lead_out_of_do_not_contact(alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Status="New")
    move(found, "do_not_contact", actor=alice, at=NOW, via="test", do_not_contact_reason="asked_us")
    write(tmp_path, "Lead", lead(1, Status="Working", LastModifiedDate=LATER))
    report = bring_in(tmp_path)
    found.refresh_from_db()
    assert found.status == Status.CLOSED_DO_NOT_CONTACT
    assert only(report, "status_left").message.endswith("which no file changes.")


def test_a_lead_that_is_converted_there_is_converted_here_by_a_person(tmp_path: Path) -> None:
    again(tmp_path, Status="Working")
    write(tmp_path, "Account", account(1))
    converted = {"IsConverted": "1", "Status": "Qualified", "ConvertedDate": "2025-07-01", "LastModifiedDate": LATER}
    write(tmp_path, "Lead", lead(1, ConvertedAccountId=id_of("Account", 1), **converted))
    report = bring_in(tmp_path)
    assert codes(report) == ["status_not_moved"]
    found = Lead.objects.get()
    assert (found.status, found.converted_account, found.converted_at) == (Status.WORKING_TO_ENGAGE, None, None)


def test_what_it_was_converted_into_here_stays(ann: User, alice: User, tmp_path: Path) -> None:
    _, found = again(tmp_path, Status="Working to convert")
    edit(found, alice, budget="confirmed", authority="confirmed", need="confirmed", timing="confirmed")
    facts: dict[str, Any] = {
        "opportunity_owner": ann.pk,
        "type": "new_business",
        "next_step": "Call",
        "next_step_due": NOW.date(),
    }
    move(found, "convert", actor=alice, at=NOW, via="test", **facts)
    ours = Lead.objects.get().converted_account
    write(tmp_path, "Account", account(1))
    converted = {"IsConverted": "1", "ConvertedDate": "2025-07-01", "LastModifiedDate": LATER}
    answer, found = again(tmp_path, Status="Qualified", ConvertedAccountId=id_of("Account", 1), **converted)
    assert (found.status, found.converted_account) == (Status.SAO_CONVERTED, ours)
    assert answer["read"] == 1


# --- what is gone -----------------------------------------------------------------------------------------------------


def test_a_lead_that_was_deleted_here_stays_deleted(mona: User, tmp_path: Path) -> None:
    _, found = again(tmp_path)
    with acting(actor=mona, via="admin", at=NOW):
        found.delete()
    assert counts(bring_in(tmp_path), "Lead") == {"read": 1, "unchanged": 1}
    write(tmp_path, "Lead", lead(1, Title="Buyer"))
    report = bring_in(tmp_path)
    assert codes(report) == ["deleted_here"]
    assert not Lead.objects.exists()


def test_a_lead_that_was_deleted_there_stays_here(tmp_path: Path) -> None:
    again(tmp_path)
    answer, found = again(tmp_path, IsDeleted="1", Title="Buyer")
    assert (answer, found.title) == ({"read": 1, "rejected": 1}, "")


def test_two_ids_of_one_record_write_it_once(tmp_path: Path) -> None:
    write(tmp_path, "Contact", contact(1), contact(2))
    bring_in(tmp_path)
    first, second = ExternalId.objects.filter(object="contact").order_by("value")
    ExternalId.objects.filter(pk=second.pk).update(record_id=first.record_id)
    write(tmp_path, "Contact", contact(1, Title="Buyer"), contact(2, Title="Seller"))
    bring_in(tmp_path)
    assert not Change.objects.filter(object="contact", record_id=first.record_id, version__gt=2).exists()
