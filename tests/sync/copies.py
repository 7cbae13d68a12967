"""Followers for tests: one that dies at every step and gets pages again, one that believes everything; and the copies
that they hold, compared with what is stored."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import sqlite3
from collections import Counter
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.db import connection, models

from crm.core.api.resources import followed, object_of
from tests.children import ROOT
from tests.keys import Program

FOLLOWER = ROOT / "docs" / "follower.py"
_spec = importlib.util.spec_from_file_location("follower", FOLLOWER)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Follower: Any = _module.Follower
# Pages so small that transactions are cut.
PAGE = 5
# So often one dies before it has loaded everything: it takes long where many write.
DEATHS_LOADING = 1
# Fields that no column holds as they are told.
TOLD_OTHERWISE = {"own", "domains"}
Row = dict[str, Any]
Rows = dict[tuple[str, int], Row]


class Killed(Exception):
    """What ends a follower in the middle of something."""


class Fragile(sqlite3.Connection):
    """A file that its follower may die at, before and after any statement, and around each commit."""

    life: Mortal | None = None

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """The statement, if the follower lives."""
        word = " ".join(sql.split()[:3:2])
        self.end(f"before {word}")
        found = super().execute(sql, *values)
        self.end(f"after {word}")
        return found

    def __exit__(self, *raised: Any) -> Any:
        if raised[0] is None:
            self.end("before the commit")
        left = super().__exit__(*raised)
        if raised[0] is None:
            self.end("after the commit")
        return left

    def end(self, where: str) -> None:
        """Die here, perhaps."""
        if self.life is not None:
            self.life.may_die(where)


class Mortal(Follower):  # type: ignore[misc]
    """Dies at random (`deaths`), is started again, goes back to old places and is given old pages once more (`again`).

    A fearless one reads as fast as it can, never goes back and never dies.
    """

    def __init__(self, url: str, key: str, file: Path, *, seed: int, fearless: bool = False) -> None:
        self.given = (url, key, str(file))
        self.db: Any
        self.draw, self.always_fearless = random.Random(seed), fearless
        self.deaths: Counter[str] = Counter()
        self.ops: Counter[str] = Counter()
        self.again = self.steps = 0
        self.places: list[str] = []
        self.pages: list[Any] = []
        self.be_born()

    def be_born(self) -> None:
        """As a program that was started again: it knows its file and nothing else."""
        self.fearless = True
        super().__init__(*self.given)
        self.db.close()
        self.db = sqlite3.connect(self.given[2], isolation_level=None, factory=Fragile, check_same_thread=False)
        self.fearless = self.always_fearless
        self.loads = not has_place(Path(self.given[2]))
        self.db.life = self

    def may_die(self, where: str) -> None:
        """Once in a while; most readily where it has not died yet."""
        if self.fearless or (self.loads and self.deaths.total() >= DEATHS_LOADING):
            return
        if self.draw.random() < (0.001 if self.deaths[where] else 0.02):
            self.deaths[where] += 1
            raise Killed(where)

    def ask(self, path: str, **query: Any) -> Any:
        self.may_die("before asking")
        answer = super().ask(path, **query)
        self.may_die("before reading")
        if path == "changes":
            self.places.append(query["cursor"])
        return answer

    def apply(self, change: Any) -> None:
        self.ops[change["op"]] += 1
        self.pages.append(change)
        super().apply(change)

    def live(self, wait: int = 1) -> None:
        """One step, whatever becomes of it; now and then back to where it was before."""
        try:
            if self.places and not self.fearless and self.draw.random() < 0.15:
                self.go_back()
            self.steps += bool(self.step(wait=wait, limit=1000 if self.fearless else PAGE))
            self.loads = False
        except Killed:
            self.db.close()
            self.be_born()

    def go_back(self) -> None:
        """Read again from a place that it was at."""
        self.again += 1
        self.db.execute("UPDATE place SET cursor = ?", [self.draw.choice(self.places[-40:])])

    def drain(self) -> None:
        """Read until there is nothing more, without dying; then be given old pages once more."""
        self.fearless = True
        while self.step(wait=0, limit=1000):
            pass
        for change in self.draw.sample(self.pages, min(len(self.pages), 200)):
            self.again += 1
            super().apply(change)


class Credulous(Mortal):
    """The same without the rule of versions: whatever comes, it takes for newer than what it holds."""

    def apply(self, change: Any) -> None:
        self.forget(change)
        super().apply(change)

    def forget(self, change: Any) -> None:
        """The version that it holds."""
        self.db.execute("UPDATE records SET version = 0 WHERE object = ? AND id = ?", [change["object"], change["id"]])

    def drain(self) -> None:
        self.fearless = True
        while self.step(wait=0, limit=1000):
            pass
        for change in self.draw.sample(self.pages, min(len(self.pages), 200)):
            self.apply(change)


class InProcess(Follower):  # type: ignore[misc]
    """The follower of `docs/`, asking in this process; it dies before its n-th statement when it is told to."""

    def __init__(self, ask: Program, objects: str) -> None:
        self.program, self.fuse = ask, -1
        self.pages: list[Any] = []
        super().__init__("", "", ":memory:", objects)

    def ask(self, path: str, **query: Any) -> Any:
        words = "&".join(f"{name}={value}" for name, value in query.items() if name != "wait")
        answer = self.program("GET", f"{path}/?{words}")
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if answer.status_code >= 400:
            raise HTTPError(path, answer.status_code, answer.reason_phrase, Message(), io.BytesIO(body))
        return io.BytesIO(body)

    def apply(self, change: Any) -> None:
        if self.fuse == 0:
            self.fuse = -1
            raise Killed
        self.fuse -= 1
        self.pages.append(change)
        super().apply(change)

    def copy(self) -> Rows:
        """What it holds."""
        rows = self.db.execute("SELECT object, id, record FROM records WHERE record IS NOT NULL")
        return {(name, pk): json.loads(record) for name, pk, record in rows}


def copy_of(file: Path) -> Rows:
    """What a follower's file holds."""
    with sqlite3.connect(file) as db:
        rows = db.execute("SELECT object, id, record FROM records WHERE record IS NOT NULL").fetchall()
    db.close()
    return {(name, pk): json.loads(record) for name, pk, record in rows}


def has_place(file: Path) -> bool:
    """Whether a follower has loaded everything once."""
    with sqlite3.connect(file, timeout=30) as db:
        found = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'place'").fetchone()[0]
        found = found and db.execute("SELECT count(*) FROM place").fetchone()[0]
    db.close()
    return bool(found)


def listed(url: str, key: str) -> Rows:
    """What the API lists of every object, page by page."""
    found: Rows = {}
    for name in followed():
        following: str | None = f"{url}/api/v1/{name}/?limit=1000&ordering=id"
        while following:
            with urlopen(Request(following, headers={"Authorization": f"Bearer {key}"}), timeout=30) as answer:
                page = json.load(answer)
            found |= {(name, row["id"]): row for row in page["results"]}
            following = page["next"]
    return found


def differences(copy: Rows, other: Rows) -> list[str]:
    """What a copy has, lacks or has otherwise, field by field."""
    found = [f"{key}: only in the copy" for key in copy.keys() - other.keys()]
    found += [f"{key}: not in the copy" for key in other.keys() - copy.keys()]
    for key in copy.keys() & other.keys():
        mine, theirs = copy[key], other[key]
        found += [
            f"{key}.{name}: {mine.get(name, 'nothing')!r}, not {theirs.get(name, 'nothing')!r}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name, ...) != theirs.get(name, ...)
        ]
    return sorted(found)


def differences_from_tables(copy: Rows) -> list[str]:
    """The same beside the tables themselves: what is copied is read as the columns' own values."""
    found: list[str] = []
    for resource, view in followed().items():
        columns = {
            name: column for name, column in view.serializer_class.columns().items() if name not in TOLD_OTHERWISE
        }
        stored = {row["id"]: row for row in view.model._base_manager.values(*set(columns.values()))}
        kept = {pk: row for (name, pk), row in copy.items() if name == resource}
        found += [f"{resource} {pk}: here or there alone" for pk in stored.keys() ^ kept.keys()]
        for pk in stored.keys() & kept.keys():
            for name, column in columns.items():
                if value_of(view.model, column, kept[pk].get(name)) != stored[pk][column]:
                    found.append(f"{resource} {pk}.{name}: {kept[pk].get(name)!r}, not {stored[pk][column]!r}")
    return found


def value_of(kind: type[models.Model], column: str, said: Any) -> Any:
    """What JSON says of a column, as the column's value."""
    fields = {field.attname: field for field in kind._meta.concrete_fields}
    return fields[column].to_python(said)


def late_commits() -> int:
    """Transactions that were numbered after others whose last change is younger: they committed late."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM (
                SELECT max(c.id) AS last, max(max(c.id)) OVER (
                    ORDER BY t.pos ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                FROM history_transaction t JOIN history_change c ON c.transaction_id = t.id
                WHERE t.pos IS NOT NULL GROUP BY t.id) numbered
            WHERE last < before
            """
        )
        return int(cursor.fetchone()[0])


def versions_wrong() -> list[tuple[str, int, int, int]]:
    """Records whose version is not the number of their changes: (object, id, version, changes)."""
    found: list[tuple[str, int, int, int]] = []
    with connection.cursor() as cursor:
        for view in followed().values():
            cursor.execute(
                f"""
                SELECT %s, r.id, r.version, count(c.id) FROM {view.model._meta.db_table} r
                LEFT JOIN history_change c ON c.object = %s AND c.record_id = r.id AND c.op <> 'D'
                GROUP BY r.id, r.version HAVING count(c.id) <> r.version
                """,
                [object_of(view)] * 2,
            )
            found += cursor.fetchall()
    return found
