"""Bodies of unknown length: stored, measured, limited; under the real web server."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crm.core.spooling import IN_MEMORY, SpoolChunkedBodies
from tests.children import running, wait_for

LIMIT = 3 * IN_MEMORY


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Says how long the body is said to be, and how long it is; as Django, it reads no more than it was told."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    answer = f"{length} {len(body)} {body[-5:].decode()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


application = SpoolChunkedBodies(echo, limit=LIMIT)


def ask(body: bytes, **environ: Any) -> tuple[str, str]:
    started: list[str] = []
    parts = application({"wsgi.input": io.BytesIO(body), **environ}, lambda status, headers: started.append(status))
    text = b"".join(parts).decode()
    getattr(parts, "close", lambda: None)()
    return started[0], text


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.parametrize("size", [0, 5, IN_MEMORY, IN_MEMORY + 5, LIMIT])
def test_it_gives_a_chunked_body_a_length(size: int) -> None:
    assert ask(b"x" * size, **CHUNKED) == ("200 OK", f"{size} {size} {'x' * min(size, 5)}")


def test_it_leaves_a_body_with_a_length_alone() -> None:
    assert ask(b"12345678", CONTENT_LENGTH="8") == ("200 OK", "8 8 45678")


def test_it_does_not_read_what_the_server_does_not_end() -> None:
    class Endless:
        def read(self, size: int = -1) -> bytes:
            assert size == 0, "nobody may read this"
            return b""

    assert ask(b"", **{"wsgi.input": Endless(), "HTTP_TRANSFER_ENCODING": "chunked"}) == ("200 OK", "0 0 ")


def test_it_refuses_too_large_a_body_before_or_while_it_comes() -> None:
    assert ask(b"", CONTENT_LENGTH=str(LIMIT + 1))[0] == "413 Content Too Large"
    status, text = ask(b"x" * (LIMIT + 1), **CHUNKED)
    assert status == "413 Content Too Large"
    assert text == "The request is larger than 3 MB: send it in parts.\n"
    status, text = ask(b"", CONTENT_LENGTH=str(LIMIT + 1), PATH_INFO="/api/v1/leads/")
    assert (status, json.loads(text)["code"]) == ("413 Content Too Large", "too_large")


@pytest.fixture
def port(tmp_path: Path, django_db_setup: None) -> Iterator[int]:
    """gunicorn with its threads, serving `application` above."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    flags = ("--worker-class", "gthread", "--threads", "2", "--no-control-socket", "--bind", f"127.0.0.1:{number}")
    with running("-m", "gunicorn", *flags, "tests.core.test_spooling", log=tmp_path / "log"):
        wait_for(lambda: listens(number))
        yield number


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def exchange(port: int, chunks: list[bytes], *, requests: int = 1) -> str:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    sent = (head % b"" + body) * (requests - 1) + head % b"Connection: close\r\n" + body
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        answer = b""
        with suppress(OSError):  # refused before everything was sent
            line.sendall(sent)
        with suppress(OSError):
            while piece := line.recv(65536):
                answer += piece
    return answer.decode()


def test_gunicorn_s_chunked_bodies_arrive_whole(port: int) -> None:
    large = [b"a" * 65536] * 20 + [b"whole"]
    answer = exchange(port, large, requests=2)
    assert answer.count("200 OK") == 2, "and the connection serves the next request"
    assert answer.count(f"{20 * 65536 + 5} {20 * 65536 + 5} whole") == 2


def test_gunicorn_s_too_large_bodies_are_refused(port: int) -> None:
    assert "413 Content Too Large" in exchange(port, [b"a" * 65536] * 60)
    assert "200 OK" in exchange(port, [b"still there"])


def test_a_body_that_ends_too_early_reaches_nobody(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(65536).decode()
    assert "200 OK" not in answer
