"""Undoing an import: what it made is gone, what it changed is back, and the same file can be imported again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from accounts.models import Account, Contact
from crm.history.models import Change, Transaction
from crm.history.revert import Reverted, revert
from crm.imports.models import HeldRow
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.history.undo import row_of, undo, writing
from tests.imports.export import account, bring_in, contact, counts, id_of, lead, write

pytestmark = pytest.mark.django_db
KINDS = ("Account", "Contact", "Lead")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A company with its people, and leads: one converted, one that cannot be reached."""
    write(tmp_path, "Account", account(1), account(2, ParentId=id_of("Account", 1)))
    write(tmp_path, "Contact", contact(1, AccountId=id_of("Account", 1)))
    converted = {"IsConverted": "1", "Status": "Qualified", "ConvertedDate": "2025-05-09"}
    converted |= {"ConvertedAccountId": id_of("Account", 1), "ConvertedContactId": id_of("Contact", 1)}
    write(tmp_path, "Lead", lead(1, Status="Working"), lead(2, **converted), lead(3, Email=""))
    return tmp_path


def undo_import(root: User, now: datetime, *, since: int = 0) -> list[Reverted]:
    """Undo every transaction of the import, the newest first."""
    made = Transaction.objects.filter(pk__gt=since, via="import").order_by("-pk")
    return [revert(one, actor=root, at=now, via="test") for one in made]


def stored(folder: Path) -> list[dict[str, int]]:
    """Import, and count what became of the rows of each file."""
    report = bring_in(folder)
    return [counts(report, kind) for kind in KINDS]


def test_the_same_file_can_be_imported_again(export: Path, root: User, now: datetime) -> None:
    first = stored(export)
    for result in undo_import(root, now):
        assert {row.outcome for row in result.rows} == {"put_back"}
    assert not any(kind.objects.exists() for kind in (Account, Contact, Lead, HeldRow))
    assert stored(export) == first
    assert Lead.objects.filter(status=Status.SAO_CONVERTED, converted_account__name="Acme 1").exists()
    assert HeldRow.objects.waiting().count() == 1


def test_what_somebody_worked_on_stays_with_all_it_needs(export: Path, alice: User, root: User, now: datetime) -> None:
    stored(export)
    converted = Lead.objects.get(status=Status.SAO_CONVERTED)
    with writing(alice):
        converted.title = "Buyer"
        converted.save()
    undo_import(root, now)
    assert Lead.objects.get() == converted
    assert [account.name for account in Account.objects.all()] == ["Acme 1"]
    assert Contact.objects.count() == 1
    again = stored(export)
    assert again[0] == {"read": 2, "created": 1, "unchanged": 1}
    assert again[1] == {"read": 1, "unchanged": 1}


def test_an_undone_change_of_a_file_can_be_brought_in_again(export: Path, root: User, now: datetime) -> None:
    stored(export)
    before = Transaction.objects.order_by("-pk")[0].pk
    found = Lead.objects.get(email="lea1@globex.example")
    first = row_of(found)
    later = {"LastModifiedDate": "2026-03-01T10:00:00.000+0000"}
    write(export, "Lead", lead(1, Title="Buyer", Status="Working", Phone="4155552671", **later))
    stored(export)
    second = row_of(found)
    assert (second["title"], second["phone_key"]) == ("Buyer", "+14155552671")
    undo_import(root, now, since=before)
    assert row_of(found) == first
    stored(export)
    assert row_of(found) == second


def test_undoing_the_undo_brings_the_ids_back(export: Path, root: User, now: datetime) -> None:
    stored(export)
    ids = set(ExternalId.objects.values_list("object", "value", "record_id"))
    undo_import(root, now)
    assert not ExternalId.objects.filter(object__in=["account", "contact", "lead"]).exists()
    undone = Transaction.objects.filter(via="test").order_by("-pk")
    for transaction in undone:
        revert(transaction, actor=root, at=now, via="test")
    assert set(ExternalId.objects.values_list("object", "value", "record_id")) == ids
    assert Change.objects.filter(object="lead", op="I").count() == 4


def test_of_two_records_with_one_id_the_one_that_is_here_has_it(export: Path, root: User, now: datetime) -> None:
    stored(export)
    undo_import(root, now)
    undone = Transaction.objects.filter(via="test").order_by("-pk")
    stored(export)
    here = set(ExternalId.objects.filter(object="lead").values_list("record_id", flat=True))
    for transaction in undone:
        undo(transaction, by=root, at=now)
    assert set(ExternalId.objects.filter(object="lead").values_list("record_id", flat=True)) == here
    assert Lead.objects.count() == 4
