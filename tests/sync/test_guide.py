"""The pages for those who build on the API: what they show works, exactly as it is printed."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from django.test import Client

from accounts.models import Account
from crm.core.api.deprecation import Deprecation
from crm.core.standard_webhooks import signed_headers
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.api import LeadViewSet
from leads.models import Lead
from tests.factories import make_lead
from tests.keys import make_key, program

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRINTED = re.compile(r"<code id=\"([\w-]+)\">(.*?)</code></pre>", re.DOTALL)
SPREADSHEET = """external_id,last_name,company,email,employees,phone
77,Moreau,Initech,moreau@initech.example,120,
78,Sato,Initech,sato@initech.example,,00 49 30 1234567
79,Nobody,Initech,,,
"""


@pytest.fixture
def printed(live_server: Any, root: User, tmp_path: Path) -> dict[str, Path]:
    """The programs as the guide prints them, each in a file."""
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    page = client.get("/api/guide/", headers={"Host": live_server.url.removeprefix("http://")}).content.decode()
    assert "https://crm.example.com" not in page
    found = {}
    for name, text in PRINTED.findall(page):
        found[name] = tmp_path / name
        found[name].write_text(unescape(text))
    assert set(found) == {"follow-sh", "follower-py", "write-sh", "upsert-py", "receive-py"}
    return found


def run(*words: Any, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    words = tuple(map(str, words))
    environment = {**os.environ, **more}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.django_db(transaction=True)
def test_the_printed_programs_load_follow_and_bring_in(
    printed: dict[str, Path], live_server: Any, root: User, tmp_path: Path
) -> None:
    key = make_key(root)
    lead = make_lead(owner=root, company="Hooli")
    if shutil.which("curl"):
        loaded = run("sh", printed["follow-sh"], folder=tmp_path, KEY=key)
        assert loaded.returncode == 0, loaded.stderr
        lines = [json.loads(line) for line in (tmp_path / "leads.ndjson").read_text().splitlines()]
        assert [line.get("id") for line in lines] == [lead.pk, None]
        assert json.loads(loaded.stdout)["transactions"] == []
        written = run("sh", printed["write-sh"], folder=tmp_path, KEY=key)
        assert written.returncode == 0, written.stderr
        told = json.loads(written.stdout.rpartition('{"created"')[1] + written.stdout.rpartition('{"created"')[2])
        assert (told["created"], told["updated"], told["rejected"]) == (1, 1, 1)
        assert Lead.objects.get(company="Initech", title="Head of sales").email == "moreau@initech.example"
    (tmp_path / "leads.csv").write_text(SPREADSHEET)
    words = (sys.executable, printed["upsert-py"], live_server.url, key, "leads", "erp", "leads.csv")
    first = run(*words, folder=tmp_path)
    assert (first.returncode, first.stderr) == (1, "")
    assert "line 4, 79: " in first.stdout
    assert "2 created, 0 updated, 0 unchanged, 1 rejected" in first.stdout
    moreau = Lead.objects.get(pk=ExternalId.objects.get(value="77").record_id)
    assert (moreau.employees, moreau.phone) == (120, "")
    assert "0 created, 0 updated, 2 unchanged, 1 rejected" in run(*words, folder=tmp_path).stdout
    for text, said in (
        ("external_id;last_name\n80;Ito\n".encode("utf-8-sig"), "CSV with commas"),
        ("external_id,last_name\n80,M\u00fcller\n".encode("latin-1"), "not UTF-8"),
    ):
        (tmp_path / "leads.csv").write_bytes(text)
        assert said in run(*words, folder=tmp_path).stderr.splitlines()[-1]
    (tmp_path / "leads.csv").write_text("external_id,name,domains\n1,Globex,globex.example; globex-eu.example\n")
    accounts = run(*words[:4], "accounts", *words[5:], folder=tmp_path)
    assert (accounts.returncode, accounts.stderr) == (0, ""), accounts.stdout
    assert Account.objects.get(name="Globex").domains == "globex-eu.example, globex.example"
    wrong = run(*words[:3], "plumb_00000000_" + "0" * 64, *words[4:], folder=tmp_path)
    assert "Send a key that is in use" in wrong.stderr


def test_a_spreadsheet_is_sent_again_when_what_stands_between_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Between(BaseHTTPRequestHandler):
        """A proxy whose server is away for a moment."""

        answers: ClassVar[list[tuple[int, bytes]]] = [(502, b"<html>Bad gateway</html>"), (200, b'{"results": []}')]

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = self.answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if status == 502 else "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    program = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "upsert_csv.py"))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert program["send"](f"http://127.0.0.1:{server.server_port}/", "key", [{}]) == {"results": []}
        server.shutdown()
    assert not Between.answers


@pytest.fixture
def listening(printed: dict[str, Path], live_server: Any, root: User, tmp_path: Path) -> Iterator[tuple[int, Any]]:
    """The printed receiver of webhooks, with the port it listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, str(printed["receive-py"]), live_server.url, make_key(root), SECRET, str(port)]
    program = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "place.txt").exists() or not (tmp_path / "place.txt").read_text():
            assert time.monotonic() < deadline
            assert program.poll() is None
            time.sleep(0.02)
        yield port, program
    finally:
        program.kill()
        program.wait()


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    """Send a message to the receiver; what it answers."""
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/", body, headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except URLError as error:
        raise AssertionError(error) from error


@pytest.mark.django_db(transaction=True)
def test_the_printed_receiver_believes_signed_messages_alone_and_reads_the_feed(
    listening: tuple[int, Any], root: User
) -> None:
    port, receiver = listening
    lead = make_lead(owner=root)
    body, now = b'{"type": "records.changed"}', int(time.time())
    assert post(port, body, signed_headers(["whsec_AAAA"], "msg_1", now, body)) == 401
    assert post(port, body, signed_headers([SECRET], "msg_1", now - 3600, body)) == 401
    assert post(port, body, {}) == 401
    both = signed_headers(["whsec_AAAA", SECRET], "msg_1", now, body)
    assert post(port, body, both) == 204
    assert receiver.stdout.readline().strip().endswith(f"created leads {lead.pk}")


@pytest.mark.django_db
def test_the_guide_asks_for_a_login_and_gives_its_programs_as_files(root: User) -> None:
    for address in ("/api/guide/", "/api/guide/changes/", "/api/guide/follower.py"):
        assert Client().get(address).status_code == 302
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    file = client.get("/api/guide/follower.py")
    assert file.headers["Content-Disposition"] == 'attachment; filename="follower.py"'
    assert "http://testserver" in file.content.decode()
    assert "Nothing is deprecated" in client.get("/api/guide/changes/").content.decode()
    for none in ("/api/guide/settings.py", "/api/guide/../manage.py"):
        assert client.get(none).status_code == 404


# --- deprecation ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_to_go_says_so_in_each_answer(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = program(root)
    assert "Deprecation" not in ask("GET", "leads/").headers
    going = Deprecation(since=date(2026, 11, 1), until=date(2027, 11, 30))
    monkeypatch.setattr(LeadViewSet, "deprecated", {"list": going})
    answer = ask("GET", "leads/")
    assert answer.headers["Deprecation"] == f"@{int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())}"
    assert answer.headers["Sunset"] == "Tue, 30 Nov 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/guide/changes/>; rel="deprecation"; type="text/html"'
    assert ask("GET", "leads/?no=thing").headers["Deprecation"], "an error says it too"
    assert "Deprecation" not in ask("GET", f"leads/{make_lead().pk}/").headers
