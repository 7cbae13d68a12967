"""Versions count real changes, on every way to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts.models import Account
from crm.core.acting import acting
from crm.core.errors import Stale
from crm.history.models import Change
from crm.people.models import User
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def log_of(record: models.Model) -> list[tuple[str, int, Any]]:
    """Op, version and what, oldest first."""
    return list(Change.objects.of(record).order_by("id").values_list("op", "version", "what"))


def execute(statement: str, *values: Any) -> None:
    """Write as another program would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize("way", ["save", "update", "bulk_update", "raw SQL"])
def test_a_write_that_changes_nothing_is_no_version(way: str) -> None:
    account = make_account(name="Old")
    before = (account.version, account.updated_at)
    if way == "save":
        account.save()
    elif way == "update":
        Account.objects.update(name="Old")
    elif way == "bulk_update":
        Account.objects.bulk_update([account], ["name", "employees"])
    else:
        execute("UPDATE accounts_account SET name = 'Old', version = 77, updated_at = now() + interval '1 day'")
    account.refresh_from_db()
    assert (account.version, account.updated_at) == before
    assert log_of(account) == [("I", 1, None)]


def test_a_version_cannot_be_forged() -> None:
    account = make_account(name="Old")
    execute("UPDATE accounts_account SET name = 'New', version = 77")
    account.refresh_from_db()
    assert account.version == 2


def test_an_id_never_changes() -> None:
    account = make_account()
    with pytest.raises(IntegrityError, match="id of a account never changes"), transaction.atomic():
        execute("UPDATE accounts_account SET id = id + 1000, name = 'Unseen' WHERE id = %s", account.pk)
    assert log_of(account) == [("I", 1, None)]


def test_the_time_of_change_is_the_calls_or_the_one_that_is_written(alice: User, now: datetime) -> None:
    account = make_account()
    with acting(actor=alice, via="test", at=now):
        Account.objects.update(name="One")
    account.refresh_from_db()
    assert account.updated_at == now
    theirs = now - timedelta(days=400)
    with acting(actor=alice, via="import", at=now):
        Account.objects.update(name="Two", updated_at=theirs)
    account.refresh_from_db()
    assert account.updated_at == theirs
    Account.objects.update(name="Three")
    account.refresh_from_db()
    assert datetime.now(UTC) - account.updated_at < timedelta(minutes=5)


def test_saving_what_somebody_else_changed_is_refused_with_both_values() -> None:
    mine = make_account(name="Old")
    theirs = Account.objects.get()
    theirs.name = "Theirs"
    theirs.save()
    mine.name = "Mine"
    with pytest.raises(Stale) as refused, transaction.atomic():
        mine.save()
    assert refused.value.changes == {"name": ("Mine", "Theirs")}
    assert Account.objects.get().name == "Theirs"


def test_saving_twice_is_no_conflict_with_oneself() -> None:
    account = make_account(name="Old")
    for name in ("One", "Two", "Three"):
        account.name = name
        account.save()
    assert (account.version, Account.objects.get().name) == (4, "Three")
