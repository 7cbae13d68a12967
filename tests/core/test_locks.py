"""Locks on things that may not have a row yet, and deadlocks tried again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import Account
from crm.core.acting import acting, retry_deadlocks
from crm.core.locks import hold
from crm.people.models import User
from tests.factories import make_account
from tests.races import in_thread, outcomes, second_connection, wait_until_blocked, waiting

HELD = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
"""


def held() -> int:
    """How many advisory locks this session holds."""
    with connection.cursor() as cursor:
        cursor.execute(HELD)
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_hold_lasts_until_the_transaction_ends() -> None:
    with transaction.atomic():
        hold(("email", "a@x.example"), ("domain", "x.example"))
        assert held() == 2
    assert held() == 0


@pytest.mark.django_db(transaction=True)
def test_hold_needs_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError, match="inside acting"):
        hold(("email", "a@x.example"))


@pytest.mark.django_db(transaction=True)
def test_holding_an_empty_key_holds_nothing() -> None:
    hold(("email", ""), ("linkedin", ""))
    with transaction.atomic():
        hold(("email", ""), ("domain", "x.example"), ("domain", "x.example"))
        assert held() == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_caller_waits_for_the_same_key_only() -> None:
    order: list[str] = []

    def second() -> None:
        with transaction.atomic():
            hold(("email", "other@x.example"))
            order.append("other key")
            hold(("email", "a@x.example"))
            order.append("same key")

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            hold(("email", "a@x.example"))
            future = in_thread(pool, second)
            wait_until_blocked(1)
            assert order == ["other key"]
            order.append("first ends")
        future.result(timeout=10)
    assert order == ["other key", "first ends", "same key"]


@pytest.mark.django_db(transaction=True)
def test_two_callers_with_the_same_keys_in_any_order_do_not_deadlock() -> None:
    keys = [("email", "a"), ("email", "b"), ("linkedin", "c"), ("domain", "d")]
    met = 0
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            together = threading.Barrier(2)

            def take(
                wanted: list[tuple[str, str]],
                together: threading.Barrier = together,
            ) -> None:
                with transaction.atomic():
                    together.wait(timeout=10)
                    hold(*wanted)
                    # Long enough for the other to arrive.
                    threading.Event().wait(0.01)

            futures = [in_thread(pool, lambda: take(keys)), in_thread(pool, lambda: take(keys[::-1]))]
            while not all(future.done() for future in futures):
                met += bool(waiting())
            assert outcomes(futures) == [None, None]
    assert met, "they never waited for each other: the test proves nothing"


# --- deadlocks --------------------------------------------------------------------------------------------------------


class Crossing:
    """Two calls that lock the same two rows the other way round, which meet in the middle the first time."""

    def __init__(self, actor: User, at: datetime, ids: list[int]) -> None:
        self.actor, self.at, self.ids = actor, at, ids
        self.middle = threading.Barrier(2)
        self.tries: dict[str, int] = {}
        self.errors: list[str] = []

    def write(self, name: str, ids: list[int]) -> str:
        self.tries[name] = self.tries.get(name, 0) + 1
        try:
            with acting(actor=self.actor, via="test", at=self.at):
                Account.objects.filter(pk=ids[0]).update(description=name)
                if self.tries[name] == 1:
                    self.middle.wait(timeout=10)
                Account.objects.filter(pk=ids[1]).update(description=name)
        except OperationalError as error:
            self.errors.append(getattr(error.__cause__, "sqlstate", ""))
            raise
        return name


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_tried_again_and_both_calls_succeed(alice: User, now: datetime) -> None:
    ids = [make_account().pk, make_account().pk]
    crossing = Crossing(alice, now, ids)
    write = retry_deadlocks(crossing.write)
    with ThreadPoolExecutor(2) as pool:
        futures = [in_thread(pool, lambda: write("one", ids)), in_thread(pool, lambda: write("two", ids[::-1]))]
        assert outcomes(futures) == ["one", "two"]
    assert crossing.errors == ["40P01"], "there was no deadlock: the test proves nothing"
    assert sorted(crossing.tries.values()) == [1, 2]
    assert Account.objects.values("description").distinct().count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_that_returns_is_raised_in_the_end(
    alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.core.acting.time.sleep", lambda seconds: None)
    ids = [make_account().pk, make_account().pk]
    lock = "SELECT FROM accounts_account WHERE id = %s FOR UPDATE"
    tries = 0

    @retry_deadlocks
    def always() -> None:
        nonlocal tries
        tries += 1
        with ThreadPoolExecutor(1) as pool, second_connection() as other:
            # A patient session: who looks for deadlocks first is their victim.
            other.execute("SET deadlock_timeout = '10s'")
            other.execute(lock, [ids[1]])
            with acting(actor=alice, via="test", at=now):
                Account.objects.filter(pk=ids[0]).update(description="mine")
                pool.submit(other.execute, lock, [ids[0]])
                wait_until_blocked(1)
                Account.objects.filter(pk=ids[1]).update(description="mine")

    with pytest.raises(OperationalError, match="deadlock"):
        always()
    assert tries == 3


@pytest.mark.django_db(transaction=True)
def test_a_part_of_a_larger_transaction_is_not_repeated(alice: User, now: datetime) -> None:
    ids = [make_account().pk, make_account().pk]
    crossing = Crossing(alice, now, ids)
    write = retry_deadlocks(crossing.write)

    def inside(name: str, order: list[int]) -> str:
        with transaction.atomic():
            return write(name, order)

    with ThreadPoolExecutor(2) as pool:
        futures = [in_thread(pool, lambda: inside("one", ids)), in_thread(pool, lambda: inside("two", ids[::-1]))]
        found = outcomes(futures)
    assert crossing.errors == ["40P01"]
    assert sum(isinstance(item, OperationalError) for item in found) == 1
    assert sorted(crossing.tries.values()) == [1, 1]


def test_other_errors_are_not_tried_again() -> None:
    tries = 0

    @retry_deadlocks
    def broken() -> None:
        nonlocal tries
        tries += 1
        raise OperationalError("the server went away")

    with pytest.raises(OperationalError):
        broken()
    assert tries == 1
