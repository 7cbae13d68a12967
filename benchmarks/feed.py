"""Writing while somebody follows: eight writers and one follower, beside the same writes without history.

A transaction of a writer changes one to three leads, in sorted order, with the settings that `acting()` makes. The
follower reads the feed by what the address `/api/v1/changes/` answers with, as JSON, and keeps a copy; in the end it is
compared with the table. The limit is the same writers on the same table with its triggers switched off, and nobody
who follows. The server has to wait for its disk (`fsync` and `synchronous_commit` on), as in production.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import orjson
import psycopg
from _measure import FIRST_DAY, arguments, conclude, database_url, print_table, scratch_database, seed_leads
from django.db import connection
from django.utils import timezone

from crm.core.api.resources import followed
from crm.history.feed import Cursor, latest, number_transactions
from crm.sync.feed.images import present
from crm.sync.feed.reading import read_page
from leads.models import Lead

WRITERS, SECONDS = 8, 3.0
SETTINGS = "crm.actor crm.actor_name crm.via crm.reason crm.at crm.request crm.transaction".split()
FRAME = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in SETTINGS)
WRITE = "UPDATE leads_lead SET city = %s, description = %s WHERE id = ANY(%s)"


@dataclass
class Copy:
    """What the follower holds, and what it had to do for it."""

    cursor: Cursor
    records: dict[int, dict[str, Any]]
    changes: int = 0
    pages: int = 0
    behind: list[float] = field(default_factory=list)

    def read(self) -> int:
        """One page, taken over; how many changes it had."""
        page = read_page(["leads"], self.cursor, at=timezone.now())
        told = orjson.loads(orjson.dumps(page.transactions))
        for transaction in told:
            for change in transaction["changes"]:
                self.apply(change)
        self.cursor = page.cursor
        self.changes += page.count
        self.pages += bool(page.count)
        return page.count

    def apply(self, change: dict[str, Any]) -> None:
        """Take one change over: each record's versions rise by one."""
        held = self.records[change["id"]]
        assert change["version"] == held["version"] + 1, "a change was skipped"
        held |= {name: value["new"] for name, value in change["changed"].items()}
        held |= {name: change[name] for name in ("version", "updated_at")}


def write(url: str, ids: list[int], seed: int, start: Any, counted: Any) -> None:
    """One writer, in a process of its own."""
    draw, frame = random.Random(seed), ["1", "Writer", "api", "", FIRST_DAY.isoformat(), f"request-{seed}", ""]
    with psycopg.connect(url) as session:
        start.wait()
        began, count = time.perf_counter(), 0
        end = began + SECONDS
        while time.perf_counter() < end:
            picked = sorted(draw.sample(ids, draw.randint(1, 3)))
            session.execute(FRAME, frame)
            session.execute("SELECT id FROM leads_lead WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [picked])
            # Never what is there already: that would be no change.
            session.execute(WRITE, [f"City {count}", f"{began}.{seed}.{count}", picked])
            session.commit()
            count += 1
        counted.put(count)


def all_write(ids: list[int], copy: Copy | None) -> float:
    """Let all write for some seconds, while the copy follows; transactions a second."""
    url = database_url()
    connection.close()
    processes = multiprocessing.get_context("fork")
    start, counted = processes.Barrier(WRITERS), processes.Queue()
    writers = [processes.Process(target=write, args=(url, ids, seed, start, counted)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if copy is None or not copy.read():
            time.sleep(0.02)
    total: int = sum(counted.get() for _ in writers)
    ended = time.perf_counter()
    while copy is not None and copy.read():
        pass
    if copy is not None:
        copy.behind.append(time.perf_counter() - ended)
    return total / SECONDS


def followed_writes(ids: list[int]) -> tuple[float, Copy]:
    """With history and a follower, whose copy is compared in the end."""
    view = followed()["leads"]
    number_transactions()
    copy = Copy(latest(), present(view, ids))
    rate = all_write(ids, copy)
    assert copy.changes > 1.5 * rate * SECONDS, "it was not told of everything that was written"
    assert copy.records == present(view, ids), "the copy is not equal"
    return rate, copy


def plain_writes(ids: list[int]) -> float:
    """Without triggers and without a follower."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE leads_lead DISABLE TRIGGER USER")
    try:
        return all_write(ids, None)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE leads_lead ENABLE TRIGGER USER")


def main() -> None:
    """Measure in turn; the median round of each counts: ten processes meet every busy moment of the machine."""
    asked = arguments(__doc__ or "", rows=4000, rounds=5)
    with scratch_database():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            fsync = cursor.fetchone()
        seed_leads(asked.rows)
        ids = list(Lead.objects.order_by("pk").values_list("pk", flat=True))
        ours: list[float] = []
        limit: list[float] = []
        told: list[tuple[Any, ...]] = []
        for _ in range(asked.rounds):
            rate, copy = followed_writes(ids)
            ours.append(rate)
            limit.append(plain_writes(ids))
            told.append((f"{rate:.0f}", f"{limit[-1]:.0f}", copy.changes, copy.pages, f"{copy.behind[-1]:.2f} s"))
    print(f"{WRITERS} writers, 1 to 3 of {asked.rows:,} leads a transaction; fsync, synchronous_commit: {fsync}")
    print_table(("with history, followed (tx/s)", "without (tx/s)", "changes told", "pages", "behind at the end"), told)
    print("The copy was equal in each round.")
    conclude(
        work="8 writers and a follower",
        unit="tx/s",
        ours=median(ours),
        limit=median(limit),
        at_least=0.6,
        also=fsync == ("on", "on"),
    )


if __name__ == "__main__":
    main()
