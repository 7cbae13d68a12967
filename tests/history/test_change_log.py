"""Every way to write is in the change log, with what was and what is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models, transaction

from accounts.models import Account
from contracts.models import Opportunity
from crm.activities.models import Activity, NextTouch
from crm.core.acting import acting
from crm.core.records import Record
from crm.history.models import Change, Move, Transaction
from crm.people.models import Team, User
from leads.models import Lead
from tests.factories import make_account, make_contact, make_lead, make_opportunity

pytestmark = pytest.mark.django_db

Write = Callable[[Account], object]


def log_of(record: models.Model) -> list[tuple[str, int, Any]]:
    """Op, version and what, oldest first."""
    return list(Change.objects.of(record).order_by("id").values_list("op", "version", "what"))


def execute(statement: str, *values: Any) -> None:
    """Write as another program would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def copy_in(statement: str, lines: str) -> None:
    """Write with COPY."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(lines)


def save(account: Account) -> None:
    account.name = "New"
    account.save()


def save_one_field(account: Account) -> None:
    account.name = "New"
    account.save(update_fields=["name"])


def bulk_update(account: Account) -> None:
    account.name = "New"
    Account.objects.bulk_update([account], ["name"])


def blank_row(**values: Any) -> dict[str, Any]:
    """Each column of an account that the database has no default for."""
    row: dict[str, Any] = {}
    for field in Account._meta.concrete_fields:
        if field.primary_key or field.has_db_default() or isinstance(field, models.GeneratedField):
            continue
        empty = "{}" if isinstance(field, models.JSONField) else None if field.null else ""
        row[str(field.column)] = "1" if field.name == "version" else empty
    return row | values


ROW = blank_row(name="Old")
CREATES: dict[str, Callable[[], object]] = {
    "save": lambda: Account(name="Old").save(),
    "create": lambda: Account.objects.create(name="Old"),
    "bulk_create": lambda: Account.objects.bulk_create([Account(name="Old")]),
    "raw SQL": lambda: execute(
        f"INSERT INTO accounts_account ({', '.join(ROW)}) VALUES ({', '.join(['%s'] * len(ROW))})", *ROW.values()
    ),
    "COPY": lambda: copy_in(
        f"COPY accounts_account ({', '.join(ROW)}) FROM STDIN",
        "\t".join("\\N" if value is None else value for value in ROW.values()) + "\n",
    ),
}
UPDATES: dict[str, Write] = {
    "save": save,
    "save of one field": save_one_field,
    "QuerySet.update": lambda account: Account.objects.filter(pk=account.pk).update(name="New"),
    "bulk_update": bulk_update,
    "update_or_create": lambda account: Account.objects.update_or_create(pk=account.pk, defaults={"name": "New"}),
    "raw SQL": lambda account: execute("UPDATE accounts_account SET name = 'New' WHERE id = %s", account.pk),
    "INSERT .. ON CONFLICT": lambda account: execute(
        f"INSERT INTO accounts_account (id, {', '.join(ROW)}) SELECT id, {', '.join(ROW)} FROM accounts_account "
        "WHERE id = %s ON CONFLICT (id) DO UPDATE SET name = 'New'",
        account.pk,
    ),
    "MERGE": lambda account: execute(
        "MERGE INTO accounts_account a USING (SELECT %s::bigint AS id) s ON a.id = s.id "
        "WHEN MATCHED THEN UPDATE SET name = 'New'",
        account.pk,
    ),
}
DELETES: dict[str, Write] = {
    "delete": lambda account: account.delete(),
    "QuerySet.delete": lambda account: Account.objects.filter(pk=account.pk).delete(),
    "_raw_delete": lambda account: Account.objects.filter(pk=account.pk)._raw_delete("default"),
    "raw SQL": lambda account: execute("DELETE FROM accounts_account WHERE id = %s", account.pk),
}


@pytest.mark.parametrize("way", CREATES)
def test_a_new_row_is_version_one_without_values(way: str, alice: User, now: datetime) -> None:
    with acting(actor=alice, via="test", at=now):
        CREATES[way]()
    account = Account.objects.get()
    assert log_of(account) == [("I", 1, None)]
    assert Change.objects.of(account).get().transaction.actor_id == alice.pk


@pytest.mark.parametrize("way", UPDATES)
def test_a_change_is_each_changed_field_with_old_and_new(way: str, alice: User, now: datetime) -> None:
    account = make_account(name="Old", phone="")
    with acting(actor=alice, via="test", at=now):
        UPDATES[way](account)
    assert log_of(account)[1:] == [("U", 2, {"name": ["Old", "New"]})]
    account.refresh_from_db()
    assert (account.name, account.version) == ("New", 2)
    assert account.updated_at == now
    assert Change.objects.of(account).first().transaction.actor_id == alice.pk  # type: ignore[union-attr]


@pytest.mark.parametrize("way", DELETES)
def test_a_deleted_row_leaves_its_last_image(way: str, alice: User, now: datetime) -> None:
    account = make_account(name="Old", kept={"Score__c": None})
    key = account.pk
    with acting(actor=alice, via="test", at=now):
        DELETES[way](account)
    account.pk = key
    op, version, image = log_of(account)[-1]
    assert (op, version, image["name"], image["id"]) == ("D", 1, "Old", key)
    assert image["kept"] == {"Score__c": None}
    assert "name_key" not in image, "a generated column cannot be written again"


def test_a_deleted_row_can_be_made_again_from_its_image(alice: User) -> None:
    account = make_account(name="Old", employees=7, kept={"a": [1, None]}, owner=alice)
    before = Account.objects.filter(pk=account.pk).values().get()
    account.delete()
    image = Change.objects.get(object="account", op="D").what
    columns = ", ".join(f'"{name}"' for name in image or {})
    execute(
        f"INSERT INTO accounts_account ({columns}) SELECT {columns}"
        " FROM jsonb_populate_record(NULL::accounts_account, %s)",
        json.dumps(image),
    )
    assert Account.objects.filter(pk=before["id"]).values().get() == before


def test_one_statement_over_many_rows_logs_each() -> None:
    accounts = [make_account(name=f"Old {n}") for n in range(30)]
    Account.objects.update(name="New")
    for n, account in enumerate(accounts):
        assert log_of(account)[1:] == [("U", 2, {"name": [f"Old {n}", "New"]})]
    assert Change.objects.filter(object="account", op="U").values("transaction").distinct().count() == 1


def test_deleting_a_lead_logs_each_touch_that_goes_with_it(alice: User, now: datetime) -> None:
    lead = make_lead()
    with acting(actor=alice, via="test", at=now):
        touches = [
            Activity.objects.create(lead=lead, kind="note", happened_at=now, by=alice, text=f"{n}") for n in range(3)
        ]
        NextTouch.objects.create(lead=lead, kind="call", due_on=now.date())
    key, touch_ids = lead.pk, [touch.pk for touch in touches]
    lead.delete()
    gone = Change.objects.filter(op="D").values_list("object", "record_id")
    assert set(gone) >= {("lead", key), *(("activity", pk) for pk in touch_ids)}
    assert gone.filter(object="nexttouch").count() == 1
    assert Change.objects.filter(op="D").values("transaction").distinct().count() == 1


def test_a_command_writes_into_the_log(alice: User) -> None:
    call_command("createsuperuser", email="new@example.com", interactive=False, verbosity=0, stdout=io.StringIO())
    made = User.objects.get(email="new@example.com")
    assert log_of(made)[0][:2] == ("I", 1)
    assert Change.objects.of(made).last().transaction.via == "database"  # type: ignore[union-attr]


# --- values -----------------------------------------------------------------------------------------------------------


def test_what_nobody_may_read_is_not_in_the_log(alice: User) -> None:
    alice.set_password("another long password")
    alice.save()
    User.objects.filter(pk=alice.pk).update(last_login=datetime.now(UTC))
    alice.refresh_from_db()
    assert alice.check_password("another long password")
    assert alice.version == 1, "what is not logged is no version either"
    alice.first_name = "Alicia"
    alice.set_password("a third long password")
    alice.save()
    assert log_of(alice)[1:] == [("U", 2, {"first_name": ["Alice", "Alicia"]})]
    key = alice.pk
    execute("DELETE FROM people_user WHERE id = %s", key)
    image = Change.objects.get(object="user", record_id=key, op="D").what or {}
    assert image["first_name"] == "Alicia"
    assert not {"password", "last_login"} & set(image)
    assert not Change.objects.filter(what__icontains="md5$").exists()


def test_documents_keep_their_nulls() -> None:
    account = make_account(kept={"a": None, "b": {"c": None}, "d": [None, 1]})
    Account.objects.update(kept={"a": 1, "b": {"c": None}, "d": [None]}, name="New")
    what = log_of(account)[-1][2]
    assert what["kept"] == [
        {"a": None, "b": {"c": None}, "d": [None, 1]},
        {"a": 1, "b": {"c": None}, "d": [None]},
    ]
    assert set(what) == {"kept", "name"}


def test_each_kind_of_value_is_logged_as_it_was(alice: User, bob: User) -> None:
    opportunity = make_opportunity(owner=alice)
    Opportunity.objects.update(owner=bob, amount=Decimal("1234.50"), close_on=date(2026, 5, 1), next_step="Call")
    assert log_of(opportunity)[-1][2] == {
        "owner_id": [alice.pk, bob.pk],
        "amount": [None, 1234.50],
        "close_on": [None, "2026-05-01"],
        "next_step": ["", "Call"],
    }
    Opportunity.objects.update(amount=None)
    assert log_of(opportunity)[-1][2] == {"amount": [1234.50, None]}


def test_generated_columns_are_not_logged() -> None:
    contact = make_contact(email="one@example.com")
    contact.email = "two@example.com"
    contact.save()
    assert log_of(contact)[-1][2] == {"email": ["one@example.com", "two@example.com"]}


def test_a_leads_every_column_can_change_at_once() -> None:
    """More columns than one call of PostgreSQL takes arguments for."""
    lead = make_lead()
    columns = {
        field.name: f"{field.name[:8]}!"
        for field in Lead._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not isinstance(field, models.GeneratedField)
        and not field.choices
        and field.name != "status"
    }
    assert len(columns) > 20
    Lead.objects.filter(pk=lead.pk).update(**columns)
    what = log_of(lead)[-1][2]
    assert set(what) == set(columns)
    assert all(new == columns[name] for name, (_, new) in what.items())


# --- transactions -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_writing_transaction_has_one_row_of_its_own() -> None:
    before = Transaction.objects.count()
    with transaction.atomic():
        Account.objects.create(name="One")
        Account.objects.create(name="Two")
        Account.objects.update(name="Three")
    Account.objects.create(name="Four")
    Account.objects.update(name="Five")
    assert Transaction.objects.count() == before + 3
    tokens = Transaction.objects.values_list("token", flat=True)
    assert len(set(tokens)) == len(tokens)


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_in_the_log() -> None:
    before = Transaction.objects.count()

    def fail() -> None:
        with transaction.atomic():
            make_account()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert Transaction.objects.count() == before
    assert not Change.objects.filter(object="account").exists()


def test_a_statement_over_no_row_makes_no_transaction() -> None:
    with transaction.atomic():
        # A fresh frame: the test's own setting up has a row already.
        execute("SELECT set_config('crm.transaction', '', true)")
        before = Transaction.objects.count()
        Account.objects.filter(pk=0).update(name="x")
        Account.objects.filter(pk=0).delete()
        execute(
            f"INSERT INTO accounts_account ({', '.join(ROW)}) SELECT {', '.join(ROW)} FROM accounts_account WHERE false"
        )
        assert Transaction.objects.count() == before


# --- every table ------------------------------------------------------------------------------------------------------

RECORDS = [model for model in apps.get_models() if issubclass(model, Record)]


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
def test_every_record_is_tracked(model: type[models.Model]) -> None:
    names = {trigger.name for trigger in model._meta.triggers}  # type: ignore[attr-defined]
    assert names >= {"count_version", "log_insert", "log_update", "log_delete"}
    with connection.cursor() as cursor:
        cursor.execute(
            # Those that follow a record elsewhere are made by migrations, under names of their own.
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled = 'O' AND NOT tgisinternal"
            " AND tgname LIKE 'pgtrigger%%'",
            [model._meta.db_table],
        )
        assert cursor.fetchone()[0] == len(names)


def test_no_two_records_have_one_name_in_the_log() -> None:
    names = [model._meta.model_name for model in RECORDS]
    assert len(set(names)) == len(names)
    assert {Lead, Account, Team, User, Activity} <= set(RECORDS)


def test_the_triggers_in_the_database_are_those_of_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_moves_and_changes_of_a_record_are_read_in_order(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    lead.company = "Initech"
    lead.save()
    lead.company = "Hooli"
    lead.save()
    assert [change.version for change in Change.objects.of(lead)] == [3, 2, 1]
    assert [change.version for change in Change.objects.of(lead).after_version(1)] == [3, 2]
    assert not Move.objects.of(lead).exists()
    assert str(Change.objects.of(lead).first()) == f"lead {lead.pk} version 3"
