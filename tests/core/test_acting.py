"""One domain call: one transaction, one row in the change log, one actor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Account
from crm.core.acting import acting, current
from crm.history.models import Change, Transaction
from crm.people.models import User

SETTINGS = ("crm.actor", "crm.actor_name", "crm.via", "crm.reason", "crm.at", "crm.request", "crm.transaction")


def settings_now() -> list[Any]:
    """The settings that triggers read, as this session has them now; '' and NULL both mean none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'''current_setting('{name}', true)''' for name in SETTINGS)}")
        return [value or "" for value in cursor.fetchone()]


def fail_after_writing(name: str) -> None:
    """Make an account, then fail."""
    Account.objects.create(name=name)
    raise ZeroDivisionError


class Checks:
    """What holds both as the outermost transaction and inside a larger one."""

    def test_it_says_who_how_why_and_when(self, alice: User, now: datetime) -> None:
        at = now - timedelta(days=3)
        with acting(actor=alice, via="admin", at=at, reason="they called"):
            Account.objects.create(name="Acme")
        change = Change.objects.select_related("transaction").get(object="account")
        logged = change.transaction
        assert (logged.actor_id, logged.actor_name, logged.via, logged.reason) == (
            alice.pk,
            "Alice",
            "admin",
            "they called",
        )
        assert change.at == at
        assert logged.recorded_at > at

    def test_all_its_writes_share_one_row(self, alice: User, now: datetime) -> None:
        before = Transaction.objects.count()
        with acting(actor=alice, via="admin", at=now):
            Account.objects.create(name="Acme")
            Account.objects.filter(name="Acme").update(name="Acme 2")
        assert Transaction.objects.count() == before + 1
        assert Change.objects.filter(object="account").values("transaction").distinct().count() == 1

    def test_two_calls_have_two_rows(self, alice: User, bob: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now):
            Account.objects.create(name="Acme")
        with acting(actor=bob, via="shell", at=now):
            Account.objects.create(name="Initech")
        rows = Change.objects.filter(object="account").order_by("id").values_list("transaction__actor_id", flat=True)
        assert list(rows) == [alice.pk, bob.pk]

    def test_nothing_of_it_is_left_after_it_ends(self, alice: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now, reason="x"):
            Account.objects.create(name="Acme")
            assert all(settings_now()[i] for i in (0, 1, 2, 3, 4, 6))
        assert settings_now() == [""] * len(SETTINGS)
        assert current() is None

    def test_nothing_of_it_is_left_after_it_fails(self, alice: User, now: datetime) -> None:
        before = settings_now()
        with pytest.raises(ZeroDivisionError), acting(actor=alice, via="admin", at=now, reason="x"):
            fail_after_writing("Acme")
        assert settings_now() == before
        assert not any(before[:-1])
        assert current() is None
        assert not Account.objects.exists()
        assert not Change.objects.filter(object="account").exists()

    def test_a_write_outside_is_logged_without_an_actor(self, alice: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now):
            Account.objects.create(name="Acme")
        Account.objects.update(name="Acme 2")
        last = Change.objects.select_related("transaction").filter(object="account", op="U").get()
        assert (last.transaction.actor_id, last.transaction.actor_name, last.transaction.via) == (None, "", "database")

    def test_calls_of_one_actor_join(self, alice: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now) as outer:
            Account.objects.create(name="Acme")
            with acting(actor=alice, via="shell", at=now + timedelta(hours=1), reason="inner") as inner:
                Account.objects.create(name="Initech")
                assert inner is outer
            assert current() is outer
            Account.objects.create(name="Hooli")
        assert Change.objects.filter(object="account").values("transaction").distinct().count() == 1

    def test_a_change_has_one_author(self, alice: User, bob: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now):
            Account.objects.create(name="Acme")
            with pytest.raises(RuntimeError, match="Alice is acting already"), acting(actor=bob, via="admin", at=now):
                pass
        assert Account.objects.count() == 1

    def test_a_joined_call_that_fails_leaves_nothing_and_the_outer_goes_on(self, alice: User, now: datetime) -> None:
        with acting(actor=alice, via="admin", at=now):
            Account.objects.create(name="Acme")
            with pytest.raises(ZeroDivisionError), acting(actor=alice, via="admin", at=now):
                fail_after_writing("Initech")
            Account.objects.create(name="Hooli")
        assert set(Account.objects.values_list("name", flat=True)) == {"Acme", "Hooli"}
        assert Change.objects.filter(object="account").values("transaction").distinct().count() == 1


@pytest.mark.django_db
class TestInsideALargerTransaction(Checks):
    """In a test's own transaction, or a script's."""

    def test_what_follows_is_not_this_actors(self, alice: User, now: datetime) -> None:
        with transaction.atomic():
            with acting(actor=alice, via="admin", at=now):
                Account.objects.create(name="Acme")
            Account.objects.create(name="Initech")
        rows = Change.objects.filter(object="account").order_by("id").values_list("transaction__via", flat=True)
        assert list(rows) == ["admin", "database"]


@pytest.mark.django_db(transaction=True)
class TestOutermost(Checks):
    """As in production: it commits."""


@pytest.mark.django_db
def test_an_unsaved_first_write_that_is_rolled_back_makes_no_row(alice: User, now: datetime) -> None:
    before = Transaction.objects.count()
    with acting(actor=alice, via="admin", at=now):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fail_after_writing("Acme")
        Account.objects.create(name="Initech")
    assert Transaction.objects.count() == before + 1
    assert Change.objects.get(object="account").transaction.actor_id == alice.pk


@pytest.mark.django_db
def test_reading_alone_writes_no_row(alice: User, now: datetime) -> None:
    before = Transaction.objects.count()
    with acting(actor=alice, via="admin", at=now):
        assert not Account.objects.exists()
    assert Transaction.objects.count() == before
