"""The change log is only ever added to, through the application's own connection too."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from crm.core.door import move
from crm.history.feed import number_transactions
from crm.history.models import Change, Move, Transaction
from tests.factories import make_lead, make_user

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("history_move", "history_change", "history_transaction")


@pytest.fixture
def logged() -> None:
    alice = make_user("alice", role="sdr")
    lead = make_lead(owner=alice)
    move(lead, "work", actor=alice, at=lead.created_at, via="test")


def run(statement: str, *, upkeep: bool = False) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if upkeep:
            cursor.execute("SELECT set_config('crm.upkeep', 'on', true)")
        cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET id = id"])
def test_it_refuses_to_take_anything_out_of_the_log(logged: None, table: str, statement: str) -> None:
    before = [kind.objects.count() for kind in (Move, Change, Transaction)]
    with pytest.raises(IntegrityError, match="only ever added to"):
        run(statement.format(table))
    assert [kind.objects.count() for kind in (Move, Change, Transaction)] == before


def test_upkeep_may_and_only_in_the_transaction_that_says_so(logged: None) -> None:
    run("DELETE FROM history_move", upkeep=True)
    assert not Move.objects.exists()
    with pytest.raises(IntegrityError):
        run("DELETE FROM history_change")


def test_a_transaction_still_gets_its_place_in_the_feed(logged: None) -> None:
    assert number_transactions()
    assert not Transaction.objects.filter(pos=None).exists()


@pytest.mark.parametrize("table", ["leads_lead", "accounts_account", "people_user"])
def test_a_tracked_table_is_never_emptied_unlogged(logged: None, table: str) -> None:
    with pytest.raises(IntegrityError, match="emptied by DELETE"):
        run(f"TRUNCATE {table} CASCADE")
