"""The feed: nothing is missed, each record's versions are in order, a cursor of another history is refused."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.feed import Cursor, number_transactions, read_feed
from crm.history.models import Change, Transaction
from crm.people.models import User
from tests.factories import make_account
from tests.races import in_thread, outcomes, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

INSERT_TOUCHED = "UPDATE accounts_account SET description = %s WHERE id = %s"


def follow(after: Cursor, limit: int = 1000) -> tuple[list[Change], Cursor]:
    """Everything there is after the cursor, page by page."""
    found: list[Change] = []
    while True:
        page, after = read_feed(after, limit=limit)
        if not page:
            return found, after
        found += page


def seen(changes: list[Change]) -> list[tuple[str, int, int]]:
    """Object, record and version of each change."""
    return [(change.object, change.record_id, change.version) for change in changes]


def test_a_change_that_commits_late_is_seen_after_one_that_commits_early() -> None:
    """A writes, B writes and commits, a follower reads, A commits, the follower reads again."""
    a, b = make_account(), make_account()
    _, cursor = follow(Cursor())
    with second_connection() as late:
        late.execute(INSERT_TOUCHED, ["late", a.pk])
        Account.objects.filter(pk=b.pk).update(description="early")
        first, cursor = follow(cursor)
        late.commit()
    second, cursor = follow(cursor)
    assert seen(first) == [("account", b.pk, 2)]
    assert seen(second) == [("account", a.pk, 2)]
    assert second[0].pk < first[0].pk, "A did not write first: the test proves nothing"
    assert follow(cursor)[0] == []


def test_a_cursor_on_a_number_taken_when_writing_would_lose_it() -> None:
    """The same, read the way it must not be: it shows that the test above can fail."""
    a, b = make_account(), make_account()
    bookmark = Change.objects.order_by("-id").values_list("id", flat=True)[0]
    with second_connection() as late:
        late.execute(INSERT_TOUCHED, ["late", a.pk])
        Account.objects.filter(pk=b.pk).update(description="early")
        first = list(Change.objects.filter(pk__gt=bookmark).order_by("id"))
        late.commit()
    second = list(Change.objects.filter(pk__gt=first[-1].pk).order_by("id"))
    assert seen(first) == [("account", b.pk, 2)]
    assert second == []
    assert Change.objects.filter(object="account", record_id=a.pk, version=2).exists()


def test_a_record_changed_early_in_one_transaction_and_late_in_another_stays_in_order() -> None:
    """A begins, B changes the record and commits, A changes it too: A's transaction is the older, its change is not."""
    shared, other = make_account(), make_account()
    _, cursor = follow(Cursor())
    with second_connection() as first:
        first.execute(INSERT_TOUCHED, ["first", other.pk])
        Account.objects.filter(pk=shared.pk).update(description="early")
        first.execute(INSERT_TOUCHED, ["late", shared.pk])
        first.commit()
    changes, _ = follow(cursor)
    assert [version for _, record, version in seen(changes) if record == shared.pk] == [2, 3]
    begun = [change.transaction_id for change in changes if change.record_id == shared.pk]
    assert begun[0] > begun[1], "A did not begin first: the test proves nothing"


def test_ordering_by_the_first_change_of_a_transaction_would_swap_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from crm.history import feed

    monkeypatch.setattr(feed, "NUMBER", feed.NUMBER.replace("max(c.id)", "min(c.id)"))
    assert "min(c.id)" in feed.NUMBER
    with pytest.raises(AssertionError, match=r"\[3, 2\] == \[2, 3\]"):
        test_a_record_changed_early_in_one_transaction_and_late_in_another_stays_in_order()


def test_pages_cut_a_transaction_without_losing_or_repeating_a_change() -> None:
    for n in range(7):
        make_account(name=f"Old {n}")
    _, cursor = follow(Cursor())
    with transaction.atomic():
        Account.objects.update(name="New")
        Account.objects.update(name="Newer")
    whole, _ = follow(cursor)
    assert len(whole) == 14
    for limit in (1, 3, 13):
        assert [change.pk for change in follow(cursor, limit)[0]] == [change.pk for change in whole]


def test_a_rolled_back_write_is_never_seen_and_the_next_is() -> None:
    account = make_account()
    _, cursor = follow(Cursor())
    with second_connection() as other:
        other.execute(INSERT_TOUCHED, ["never", account.pk])
        other.rollback()
    Account.objects.update(description="seen")
    changes, _ = follow(cursor)
    assert [change.what for change in changes] == [{"description": ["", "seen"]}]


def test_numbering_waits_for_another_numbering() -> None:
    make_account()
    with second_connection() as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [0x706C756D62])
        future = in_thread(pool, number_transactions)
        wait_until_blocked(1)
        late = make_account()
        other.commit()
        assert future.result(timeout=10) >= 2, "what committed while it waited has its number too"
    assert Change.objects.of(late).get().transaction.pos


def test_numbering_is_refused_inside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        number_transactions()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), transaction.atomic():
        number_transactions()


def test_each_transaction_is_numbered_once_and_without_gaps() -> None:
    for _ in range(5):
        make_account()
    number_transactions()
    before = dict(Transaction.objects.values_list("id", "pos"))
    make_account()
    assert number_transactions() == 1
    assert number_transactions() == 0
    after = dict(Transaction.objects.values_list("id", "pos"))
    assert all(after[pk] == pos for pk, pos in before.items())
    assert sorted(pos or 0 for pos in after.values()) == list(range(1, len(after) + 1))


@contextmanager
def upkeep() -> Iterator[Any]:
    """A cursor whose transaction may take rows out of the log, as retention and restoring a backup do."""
    with transaction.atomic(), connection.cursor() as session:
        session.execute("SELECT set_config('crm.upkeep', 'on', true)")
        yield session


# --- another history --------------------------------------------------------------------------------------------------


def test_a_cursor_from_before_a_restored_backup_is_refused() -> None:
    make_account()
    _, cursor = follow(Cursor())
    # The backup is older than the cursor; what is written after it takes the same places in the feed.
    with upkeep() as session:
        session.execute("DELETE FROM history_change WHERE transaction_id = (SELECT max(id) FROM history_transaction)")
        session.execute("DELETE FROM history_transaction WHERE id = (SELECT max(id) FROM history_transaction)")
    with pytest.raises(Refused) as shorter:
        read_feed(cursor)
    make_account()
    number_transactions()
    assert Transaction.objects.filter(pos=cursor.pos).exists()
    with pytest.raises(Refused) as other:
        read_feed(cursor)
    assert (shorter.value.code, other.value.code) == ("gone", "gone")


def test_a_cursor_older_than_what_is_kept_is_refused() -> None:
    make_account()
    _, cursor = follow(Cursor())
    make_account()
    with upkeep() as session:
        session.execute("DELETE FROM history_transaction WHERE pos <= %s", [cursor.pos])
    with pytest.raises(Refused):
        read_feed(cursor)


def rows_read(plan: dict[str, Any]) -> int:
    """All rows that a plan looked at, whether it kept them or not."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own + sum(rows_read(part) for part in plan.get("Plans", [])))


ADD = (
    "WITH made AS (INSERT INTO history_transaction (actor_name, via, request, reason, token)"
    " SELECT '', 'database', '', '', gen_random_uuid() FROM generate_series(1, %s) RETURNING id)"
    " INSERT INTO history_change (transaction_id, object, record_id, version, op, at)"
    " SELECT id, 'account', n, 1, 'I', now() FROM made, generate_series(1, %s) n"
)


def test_a_page_looks_at_what_it_tells_and_not_at_the_whole_log() -> None:
    """After an import, which is what PostgreSQL has counted; and when it has counted anew."""
    with connection.cursor() as session:
        session.execute(ADD, [2, 3000])
        session.execute("ANALYZE history_transaction, history_change")
        session.execute(ADD, [3000, 1])
        number_transactions()
        for counted in (False, True):
            if counted:
                session.execute("ANALYZE history_transaction, history_change")
            for before in (100, 8800):
                _, cursor = read_feed(Cursor(), limit=before)
                with CaptureQueriesContext(connection) as queries:
                    told, _ = read_feed(cursor, limit=100)
                (asked,) = (one["sql"] for one in queries if "ORDER BY t.pos, c.id" in one["sql"])
                session.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {asked}")
                plan = session.fetchone()[0][0]["Plan"]
                assert len(told) == 100
                assert rows_read(plan) < 15_000, plan


def test_an_empty_page_leaves_the_cursor_where_it_is() -> None:
    make_account()
    _, cursor = follow(Cursor())
    assert read_feed(cursor) == ([], cursor)


# --- many writers, one follower ---------------------------------------------------------------------------------------

WRITERS, ROUNDS, KEYS = 6, 60, 12


class Copy:
    """What a client knows of the accounts: it has nothing but the feed."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.versions: dict[int, int] = {}
        self.applied = 0

    def apply(self, change: Change) -> None:
        """Take one change over; each record's versions rise by one."""
        if change.object != "account":
            return
        self.applied += 1
        known = self.versions.get(change.record_id, 0)
        if change.op == "D":
            assert change.version == known
            del self.rows[change.record_id]
            return
        assert change.version == known + 1, f"account {change.record_id}: {known} then {change.version}"
        self.versions[change.record_id] = change.version
        row = self.rows.setdefault(change.record_id, {"description": ""})
        for name, (old, new) in (change.what or {}).items():
            assert row.get(name, old) == old
            row[name] = new


def write_at_random(actor: User, at: datetime, seed: int) -> int:
    """One writer: one to three changes a transaction, some rolled back, some records deleted and made."""
    choice = random.Random(seed)
    written = 0
    for n in range(ROUNDS):
        ids = list(Account.objects.order_by("id").values_list("id", flat=True))
        picked = sorted(choice.sample(ids, min(len(ids), choice.randint(1, 3))))
        try:
            with acting(actor=actor, via="test", at=at):
                for pk in picked:
                    written += Account.objects.filter(pk=pk).update(description=f"{seed}.{n}")
                    if choice.random() < 0.3:
                        threading.Event().wait(0.002)
                if choice.random() < 0.1:
                    Account.objects.filter(pk=picked[-1]).delete()
                    Account.objects.create(name="Another")
                if choice.random() < 0.1:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
    return written


def test_a_follower_holds_an_exact_copy_however_many_write(alice: User, now: datetime) -> None:
    for _ in range(KEYS):
        make_account()
    done = threading.Event()
    pages: list[int] = []
    copy, cursor = Copy(), Cursor()

    def write(seed: int) -> int:
        return write_at_random(alice, now, seed)

    def chase() -> None:
        nonlocal cursor
        while not done.is_set():
            page, cursor = read_feed(cursor, limit=7)
            pages.append(len(page))
            for change in page:
                copy.apply(change)

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        follower = in_thread(pool, chase)
        writers = [in_thread(pool, partial(write, seed)) for seed in range(WRITERS)]
        written = outcomes(writers)
        done.set()
        assert outcomes([follower]) == [None]
    rest, cursor = follow(cursor)
    for change in rest:
        copy.apply(change)

    assert sum(written) > WRITERS * ROUNDS, written
    assert copy.applied > WRITERS * ROUNDS
    assert sum(1 for count in pages if count) > 20, "the follower hardly read while they wrote"
    table = {pk: {"description": text} for pk, text in Account.objects.values_list("pk", "description")}
    assert {pk: {"description": row["description"]} for pk, row in copy.rows.items()} == table
