"""The follower of `docs/` beside a server that is full, breaks off, forgets and refuses; and the rule of versions."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.sync.copies import Follower

Answer = tuple[int, dict[str, str], bytes]
LEAD = {"id": 1, "version": 1, "updated_at": "2026-03-01T17:00:00Z", "company": "Globex"}


class Scripted(BaseHTTPRequestHandler):
    """Answers as it was told, one answer after another."""

    answers: list[Answer]
    asked: list[str]

    def do_GET(self) -> None:
        """The next answer; one whose length is not what it says breaks off."""
        self.asked.append(self.path)
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Nothing."""


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers: its address, and what it was asked."""
    handler: Any = type("Told", (Scripted,), {"answers": list(answers), "asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert handler.answers == [], "it was asked less often"


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def export(*rows: Any, cursor: str = "first") -> Answer:
    return 200, {}, lines(*rows, {"_end": True, "count": len(rows), "cursor": cursor})


def page(*changes: Any, cursor: str) -> Answer:
    transactions = [{"id": 1, "changes": list(changes)}] if changes else []
    return 200, {}, json.dumps({"transactions": transactions, "cursor": cursor, "more": False}).encode()


def change(op: str, version: int, **more: Any) -> dict[str, Any]:
    return {"object": "leads", "id": 1, "version": version, "op": op, **more}


def to(company: str, version: int) -> dict[str, Any]:
    at = "2026-03-02T17:00:00Z"
    return change("updated", version, updated_at=at, changed={"company": {"old": "", "new": company}})


def held(file: Path) -> tuple[list[Any], list[Any]]:
    """The records and the cursor in a file."""
    with sqlite3.connect(file) as db:
        rows = db.execute("SELECT object, id, version, record FROM records").fetchall()
        place = [cursor for (cursor,) in db.execute("SELECT cursor FROM place")]
    db.close()
    return [(*row[:3], row[3] and json.loads(row[3])["company"]) for row in rows], place


def test_it_loads_and_follows_through_everything_that_goes_wrong(tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite3"
    cut = lines(LEAD, {"_end": True, "count": 1, "cursor": "x"})
    steps: list[tuple[Answer, float, tuple[list[Any], list[str]]]] = [
        # Nothing of an export that is not whole: without its last line, with another count, broken off.
        ((200, {}, lines(LEAD)), 5, ([], [])),
        ((200, {}, lines(LEAD, {"_end": True, "count": 2, "cursor": "x"})), 5, ([], [])),
        ((200, {"Content-Length": str(len(cut) + 9)}, cut[:-9]), 5, ([], [])),
        ((429, {"Retry-After": "7"}, b"{}"), 7, ([], [])),
        (export(LEAD), 0, ([("leads", 1, 1, "Globex")], ["first"])),
        # A page and its cursor, or neither.
        (page(to("Hooli", 2), cursor="second"), 0, ([("leads", 1, 2, "Hooli")], ["second"])),
        ((200, {"Content-Length": "999"}, b'{"transactions": ['), 5, ([("leads", 1, 2, "Hooli")], ["second"])),
        (page(to("Lost", 3), {"op": "updated"}, cursor="x"), -1, ([("leads", 1, 2, "Hooli")], ["second"])),
        ((503, {}, b""), 5, ([("leads", 1, 2, "Hooli")], ["second"])),
        (page(cursor="third"), 1, ([("leads", 1, 2, "Hooli")], ["third"])),
        # Where the cursor leads nowhere any more, it keeps what it has until it has everything anew.
        ((410, {}, b'{"code": "lost_cursor"}'), 0, ([("leads", 1, 2, "Hooli")], [])),
        (export(LEAD | {"company": "Anew"}, cursor="fourth"), 0, ([("leads", 1, 1, "Anew")], ["fourth"])),
    ]
    with serving(*(answer for answer, _, _ in steps)) as (url, asked):
        for number, (_, seconds, after) in enumerate(steps):
            follower = Follower(url, "a-key", str(file), "leads")
            if seconds < 0:
                with pytest.raises(KeyError):
                    follower.go()
            else:
                assert follower.go() == seconds, number
            follower.db.close()
            assert held(file) == after, number
    assert asked[0] == "/api/v1/leads/export/?objects=leads"
    assert asked[5] == "/api/v1/changes/?cursor=first&wait=30&limit=1000"
    gone = Follower(url, "a-key", str(file), "leads")
    assert gone.go() == 5, "nobody is there"
    gone.db.close()


def test_it_ends_with_the_reason_where_its_key_will_not_do(tmp_path: Path) -> None:
    with serving((403, {}, b'{"detail": "This key may not read leads."}')) as (url, _):
        follower = Follower(url, "a-key", str(tmp_path / "copy.sqlite3"), "leads")
        with pytest.raises(SystemExit, match="403: This key may not read leads"):
            follower.go()
        follower.db.close()


def test_of_a_record_only_what_is_newer_counts_in_whatever_order_it_comes() -> None:
    follower = Follower("", "", ":memory:", "leads")

    def after(*changes: Any) -> Any:
        for one in changes:
            follower.apply(one)
        row = follower.db.execute("SELECT version, record FROM records").fetchone()
        return row and (row[0], row[1] and json.loads(row[1]))

    first = change("created", 1, record=LEAD)
    # An export came after it was deleted: what was changed before that is of nobody.
    assert after(to("Hooli", 2)) is None
    known = LEAD | {"company": "Hooli", "version": 2, "updated_at": "2026-03-02T17:00:00Z"}
    assert after(first, to("Hooli", 2), first, to("Hooli", 2)) == (2, known)
    assert after(change("deleted", 1)) == (2, known)
    assert after(change("merged", 2), first, to("Hooli", 2)) == (2, None)
    back = change("created", 3, record=LEAD | {"version": 3})
    assert after(back, change("merged", 2)) == (3, LEAD | {"version": 3})
    blank = LEAD | {"version": 4, "company": ""}
    assert after(change("erased", 4, record=blank), to("Hooli", 2)) == (4, blank)
    assert after(change("erased", 4, record=None), back) == (4, None)
    follower.db.close()
