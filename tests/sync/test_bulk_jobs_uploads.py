"""Uploading: parts arrive whole or not at all, once each, and under the real web server as well."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from crm.people.models import User
from crm.sync.jobs import uploading
from crm.sync.jobs.said import PART
from crm.sync.models import BulkJob, BulkPart
from tests.children import running, wait_for
from tests.keys import Program, make_key, program
from tests.races import race, second_connection
from tests.sync.bulk_jobs import answer, lead, lines, opened, outcomes, results, work

MB = 1024 * 1024
pytestmark = pytest.mark.crash
LONG = bool(os.environ.get("CRM_SOAK"))


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


def files(where: str) -> list[str]:
    """What lies in the storage for a job."""
    folder = f"bulk/{where.split('/')[2]}"
    return sorted(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else []


def digest(body: bytes, name: str = "sha256") -> str:
    """A sum in base64."""
    return base64.b64encode(hashlib.new(name, body).digest()).decode()


@pytest.mark.django_db
def test_a_part_is_stored_whole_and_once(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = program(root)
    where = opened(ask)
    put = f"{where}parts/"
    sent = lines(lead(1), lead(2))
    first = answer(ask("PUT", f"{put}1/", sent[:100], Content_Digest=f"sha-256=:{digest(sent[:100])}:"), 201)
    assert (first["part"], first["bytes"], first["sha256"]) == (1, 100, hashlib.sha256(sent[:100]).hexdigest())
    assert first.keys() == PART["properties"].keys()
    # Sent again it is the same part; other bytes are refused, and nothing of them is kept.
    again = answer(ask("PUT", f"{put}1/", sent[:100], Digest=f"md5=x,SHA-512={digest(sent[:100], 'sha512')}"))
    assert again == first
    assert answer(ask("PUT", f"{put}1/", sent[100:]), 409)["code"] == "part_differs"
    for number, headers, code in (
        (2, {"Content_Digest": f"sha-256=:{digest(b'x')}:"}, "digest_mismatch"),
        (2, {"Digest": f"sha-256={digest(b'x')}"}, "digest_mismatch"),
        (2, {"Content_Digest": "sha-256=:?:"}, "invalid_header"),
        (2, {"Content_Digest": "md5=:YQ==:"}, "invalid_header"),
        (0, {}, "invalid_part"),
        (1001, {}, "invalid_part"),
    ):
        assert answer(ask("PUT", f"{put}{number}/", sent[100:], **headers), 400)["code"] == code
    assert answer(ask("PUT", f"{put}2/", b""), 400)["code"] == "no_bytes"
    assert answer(ask("PUT", f"{put}2/", b"x", Content_Encoding="gzip"), 415)
    assert answer(ask("POST", f"{where}start/", {"now": True}), 400)["code"] == "invalid"
    assert len(files(where)) == 1
    # Too much: of a part, or of all parts.
    monkeypatch.setattr(uploading, "MOST_OF_PART", 200)
    monkeypatch.setattr(uploading, "MOST_OF_JOB", 250)
    assert "A part has at most" in answer(ask("PUT", f"{put}2/", b"x" * 201), 413)["detail"]
    assert "together" in answer(ask("PUT", f"{put}2/", b"x" * 151), 413)["detail"]
    monkeypatch.undo()
    # Parts may come in any order, none may be missing in between.
    answer(ask("PUT", f"{put}4/", sent[200:]), 201)
    refused = answer(ask("POST", f"{where}start/"), 409)
    assert (refused["code"], [one["field"] for one in refused["errors"]]) == ("missing_parts", ["parts.2", "parts.3"])
    answer(ask("PUT", f"{put}3/", sent[150:200]), 201)
    answer(ask("PUT", f"{put}2/", sent[100:150]), 201)
    started = answer(ask("POST", f"{where}start/"))
    assert [part["part"] for part in started["parts"]] == [1, 2, 3, 4]
    assert (started["bytes"], len(files(where))) == (len(sent), 4)
    # What was lost on the way is answered still; more is not taken.
    answer(ask("PUT", f"{put}4/", sent[200:]))
    assert answer(ask("PUT", f"{put}5/", b"x"), 409)["code"] == "closed"
    assert len(files(where)) == 4
    work(ask, where)
    assert outcomes(results(ask, where)) == [(0, "created", ""), (1, "created", "")]

    where = opened(ask)
    assert answer(ask("POST", f"{where}start/"), 409)["code"] == "no_parts"
    answer(ask("PUT", f"{where}parts/1/", b"x"), 201)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert answer(ask("POST", f"{where}cancel/"))["state"] == "given_up"
    assert answer(ask("PUT", f"{where}parts/2/", b"x"), 409)["code"] == "closed"
    assert answer(ask("POST", f"{where}start/"), 409)["code"] == "given_up"
    assert answer(ask("POST", f"{where}resume/"), 409)["code"] == "given_up"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_send_one_part_at_once_one_wins(root: User) -> None:
    key = make_key(root)

    def sending(path: str, body: bytes) -> Callable[[], int]:
        return lambda: int(Program(key)("PUT", path, body).status_code)

    for bodies, answers in (((b"one", b"two"), [201, 409]), ((b"one", b"one"), [200, 201])):
        where = opened(program(root))
        path = f"{where}parts/1/"
        pk = int(where.split("/")[2])
        found = race(
            *(sending(path, body) for body in bodies),
            behind="SELECT 1 FROM sync_bulkjob WHERE id = %s FOR UPDATE",
            values=(pk,),
        )
        assert sorted(found) == answers
        part = BulkPart.objects.get(bulk=pk)
        assert files(where) == [Path(part.file).name]
        with default_storage.open(part.file) as stored:
            assert hashlib.sha256(stored.read()).hexdigest() == part.sha256
        assert BulkJob.objects.get(pk=pk).bytes == 3


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_slice_that_is_at_work(root: User) -> None:
    ask = program(root)
    where, whole = opened(ask, lines(lead(1))), opened(ask, lines(lead(2)), all_or_nothing=True)
    for one in (where, whole):
        answer(ask("POST", f"{one}start/"))
    ids = [int(one.split("/")[2]) for one in (where, whole)]
    with connection.cursor() as cursor, second_connection() as slices:
        # As a slice does; the second holds its job as well.
        slices.execute("SELECT 1 FROM sync_bulkjob WHERE id = ANY(%s) FOR UPDATE", [ids])
        slices.execute("SELECT 1 FROM jobs_job WHERE input->>'bulk' = %s FOR UPDATE", [str(ids[1])])
        cursor.execute("SET lock_timeout = '3s'")
        try:
            answer(ask("PUT", f"{where}parts/1/", lines(lead(1))))
            answer(ask("POST", f"{where}start/"))
            assert answer(ask("POST", f"{where}cancel/"))["state"] == "cancelled"
            assert answer(ask("POST", f"{where}resume/"), 409)["code"] == "not_now"
            assert answer(ask("POST", f"{whole}cancel/"), 409)["code"] == "not_now"
            assert answer(ask("GET", whole))["state"] == "waiting"
        finally:
            cursor.execute("RESET lock_timeout")
    assert answer(ask("POST", f"{where}resume/"))["state"] == "waiting"
    assert answer(ask("POST", f"{whole}cancel/"))["state"] == "cancelled"


@pytest.fixture
def port(tmp_path: Path, transactional_db: None) -> Iterator[int]:
    """The production server, on the test's database and its files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    flags = ("-m", "gunicorn", "-c", "crm/gunicorn_config.py", "--workers", "1", "--bind", f"127.0.0.1:{number}")
    given = {"DEBUG": "true", "MEDIA_ROOT": str(tmp_path / "media")}
    with running(*flags, "crm.wsgi", log=tmp_path / "log", **given):
        wait_for(lambda: _listens(number))
        yield number


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_the_production_server_takes_bodies_of_unknown_length_whole(port: int, root: User, tmp_path: Path) -> None:
    key = make_key(root)
    headers = {"Authorization": f"Bearer {key}"}

    def send(method: str, path: str, body: Any = None, **more: str) -> tuple[int, Any]:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            with suppress(ConnectionError):  # refused before everything was sent
                line.request(method, f"/api/v1/{path}", body, {**headers, **more})
            found = line.getresponse()
            return found.status, json.loads(found.read())
        finally:
            line.close()

    where = opened(program(root))
    # A generator has no length: it is sent in chunks.
    sent = lines(*(lead(n) for n in range(3))) + b"\n" * (3 * MB)
    pieces = (sent[at : at + 50_000] for at in range(0, len(sent), 50_000))
    status, part = send("PUT", f"{where}parts/1/", pieces)
    assert (status, part["bytes"], part["sha256"]) == (201, len(sent), hashlib.sha256(sent).hexdigest())
    assert send("PUT", f"{where}parts/2/", iter([b""]))[0] == 400
    assert send("PUT", f"{where}parts/2/", None, **{"Content-Length": str(64 * MB + 1)})[0] == 413
    if LONG:
        assert send("PUT", f"{where}parts/2/", (b"x" * MB for _ in range(65)))[1]["code"] == "too_large"
    # The connection ends before the body does.
    head = f"PUT /api/v1/{where}parts/2/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
    for more in ("Content-Length: 1000\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall((head + more).encode())
            line.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda line=line: line.recv(65536), b""))  # type: ignore[misc]
        assert b" 20" not in said[:13]
    assert len(files(where)) == 1
    assert BulkPart.objects.count() == 1
    status, started = send("POST", f"{where}start/")
    assert (status, started["bytes"]) == (200, len(sent))
    ask = program(root)
    assert work(ask, where)["counts"]["created"] == 3
    reader = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    reader.request("GET", f"/api/v1/{where}results/", headers={**headers, "Accept": "application/x-ndjson"})
    found = reader.getresponse()
    *rows, end = [json.loads(row) for row in found.read().splitlines()]
    assert ([row["outcome"] for row in rows], end["count"]) == (["created"] * 3, 3)
    reader.close()
