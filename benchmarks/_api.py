"""What API benchmarks share: Plumb under gunicorn on a scratch database, a key, and one connection that is kept."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _measure import FIRST_DAY, database_url
from django.conf import settings
from django.db import connection

from crm.people.models import User
from crm.sync.services import make_api_key

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE = 60


class Caller:
    """A client with one connection, as programs keep it."""

    def __init__(self, port: int, key: str) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
        # As the proxy says it that ends TLS.
        self.headers = {"X-Forwarded-Proto": "https", "Authorization": f"Bearer {key}"}

    def ask(self, method: str, address: str, body: Any = None, *, expected: int = 200) -> Any:
        """One request; an answer other than the expected one would be measured for nothing."""
        sent = None if body is None else json.dumps(body)
        headers = self.headers if body is None else self.headers | {"Content-Type": "application/json"}
        self.connection.request(method, address, body=sent, headers=headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == expected, (answer.status, content[:1000])
        return content


def make_key() -> str:
    """A key of an administrator that may do everything with leads, as often as it likes."""
    actor = User.objects.create_user("api@bench.example", role="administrator")
    scopes = ["leads:read", "leads:write"]
    _, key = make_api_key(name="benchmark", user=actor, scopes=scopes, actor=actor, at=FIRST_DAY, via="benchmark")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_apikey SET per_minute = 2000000000")
    return key


@contextmanager
def served(key: str) -> Iterator[Caller]:
    """Plumb under gunicorn as it runs in production, one process, on the database in use."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": HOST,
        "TRUST_PROXY_HEADERS": "1",
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "DEBUG": "0",
        "LOG_LEVEL": "ERROR",
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(ROOT / "crm" / "gunicorn_config.py"),
        "--pythonpath",
        "benchmarks",
        "_api_server:application",
    ]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:
        try:
            _wait(port, server)
            yield Caller(port, key)
        finally:
            server.terminate()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("gunicorn does not answer")
