"""A real web server that is killed with kill -9 in the middle of a write: what is sent again is done once.

The long form kills it at random moments, many times.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from crm.people.models import User
from crm.sync.models import IdempotencyKey
from leads.models import Lead
from tests.children import running, wait_for
from tests.keys import make_key
from tests.races import second_connection, wait_until_blocked
from tests.sync.copies import versions_wrong
from tests.sync.waiting_wsgi import WAITS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
TOGETHER = 20
ROUNDS = 60
Answer = tuple[int, bytes, bool]


@dataclass(frozen=True)
class Server:
    """A gunicorn of one process that serves; its master makes another when that is killed."""

    port: int
    master: int

    def workers(self) -> list[int]:
        """The processes that serve now."""
        return [int(pid) for pid in Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()]

    def kill(self) -> None:
        """`kill -9` of the process that serves."""
        before = self.workers()
        for pid in before:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: set(self.workers()) - set(before))

    def send(self, key: str, path: str, body: Any, name: str, *, wait: bool = False) -> Answer | None:
        """POST under an Idempotency-Key: status, body, whether it is an answer that was kept; None without any."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Idempotency-Key": name}
        headers |= {WAITS: "1"} if wait else {}
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
            answer = line.getresponse()
            return answer.status, answer.read(), answer.headers.get("Idempotent-Replayed") == "true"
        except (OSError, http.client.HTTPException):
            return None
        finally:
            line.close()

    def insist(self, key: str, path: str, body: Any, name: str) -> Answer:
        """Send it again until it is answered, as a program does."""
        found: Answer = wait_for(partial(self.send, key, path, body, name))
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ("-c", "crm/gunicorn_config.py", "--preload", "--workers", "1", "--bind", f"127.0.0.1:{port}")
    with running("-m", "gunicorn", *flags, "tests.sync.waiting_wsgi", log=log, DEBUG="1", WEB_THREADS="24") as child:
        server = Server(port, child.pid)
        wait_for(lambda: listens(port))
        yield server


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def person(name: str) -> dict[str, str]:
    """A lead that nobody else is."""
    return {"last_name": name, "company": "Hooli", "email": f"{name}@hooli.example"}


def batch(name: str) -> list[dict[str, str]]:
    """Leads for a bulk request."""
    return [person(f"{name}-{n}") for n in range(5)]


BODIES = {"leads/": person, "leads/bulk/?operation=create": batch}


def stored(name: str) -> int:
    """How many leads came of the request of this name."""
    return Lead.objects.filter(email__startswith=name).count()


def test_a_server_killed_between_effect_and_answer_did_it_once_or_not_at_all(server: Server, root: User) -> None:
    key = make_key(root)
    for place, (path, body_of) in enumerate(BODIES.items()):
        count = 1 if body_of is person else 5
        # The records are written, and the answer is about to be kept beside them: nothing is committed.
        name = f"early{place}"
        with ThreadPoolExecutor(1) as pool, second_connection() as gate:
            gate.execute("LOCK TABLE sync_idempotencykey IN SHARE MODE")
            lost = pool.submit(server.send, key, path, body_of(name), name)
            wait_until_blocked(1)
            server.kill()
            assert lost.result(timeout=30) is None
            gate.rollback()
        wait_for(lambda: not busy())
        assert stored(name) == 0
        done = server.insist(key, path, body_of(name), name)
        assert (done[0] < 300, done[2], stored(name)) == (True, False, count), done
        # Both are committed, and nobody was told.
        name = f"late{place}"
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(server.send, key, path, body_of(name), name, wait=True)
            wait_for(partial(stored, name))
            server.kill()
            assert lost.result(timeout=30) is None
        again = [server.insist(key, path, body_of(name), name) for _ in range(2)]
        assert [kept for _, _, kept in again] == [True, True]
        assert again[0][:2] == again[1][:2]
        assert stored(name) == count
        told = {row["id"] for row in rows_of(json.loads(again[0][1]))}
        assert told == set(Lead.objects.filter(email__startswith=name).values_list("pk", flat=True))
    # Twenty at once are one.
    with ThreadPoolExecutor(TOGETHER) as pool:
        sent = [pool.submit(server.insist, key, "leads/", person("together"), "together") for _ in range(TOGETHER)]
        answers = [one.result(timeout=60) for one in sent]
    assert Counter(status for status, _, _ in answers) == {201: TOGETHER}
    assert len({body for _, body, _ in answers}) == 1
    assert sum(kept for _, _, kept in answers) == TOGETHER - 1
    assert stored("together") == 1
    assert versions_wrong() == []


def rows_of(body: Any) -> list[dict[str, Any]]:
    """The records that an answer tells of."""
    found: list[dict[str, Any]] = body.get("results", [body])
    return found


def busy() -> bool:
    """Whether a session of the killed process still has something open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_xid IS NOT NULL"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.soak
def test_a_server_killed_at_any_moment_does_everything_once(server: Server, root: User) -> None:
    """Programs that send again what they got no answer to, while the server is killed under them."""
    key, draw = make_key(root), random.Random(3)
    over = time.monotonic() + 120
    unanswered: Counter[str] = Counter()

    def work(number: int) -> int:
        turn = 0
        while time.monotonic() < over:
            turn += 1
            name, (path, body_of) = f"any{number}-{turn}-", list(BODIES.items())[turn % 2]
            while (answer := server.send(key, path, body_of(name), name)) is None or answer[0] in (409, 503):
                unanswered[path] += 1
                time.sleep(0.02)
            assert answer[0] in (200, 201), answer
        return turn

    kills = 0
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(4)]
        while time.monotonic() < over:
            time.sleep(draw.uniform(0.05, 0.4))
            server.kill()
            kills += 1
        turns = [one.result(timeout=60) for one in working]
    wanted: Counter[str] = Counter()
    for number, last in enumerate(turns):
        wanted.update({f"any{number}-{turn}-": 5 if turn % 2 else 1 for turn in range(1, last + 1)})
    emails = Lead.objects.filter(email__startswith="any").values_list("email", flat=True)
    made = Counter("-".join(email.split("@")[0].split("-")[:2]) + "-" for email in emails)
    assert made == wanted
    assert kills >= ROUNDS, kills
    assert sum(unanswered.values()) >= ROUNDS, "it was killed while nothing was asked"
    assert IdempotencyKey.objects.count() == sum(turns)
    assert versions_wrong() == []
