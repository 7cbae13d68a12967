"""Requests to other servers: never to a private address, never past a redirect, never without an end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from crm.core import outbound
from crm.core.outbound import Forbidden, NoAnswer, why_not
from tests.notifications.servers import chat_server

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%lo",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_it_refuses_addresses_that_are_not_the_public_internet_s(address: str) -> None:
    assert why_not(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_it_asks_public_addresses(address: str) -> None:
    assert why_not(address) == ""


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
def test_no_permission_reaches_a_cloud_s_metadata(address: str) -> None:
    assert why_not(address, allowed=True)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What a name server says of names; every other is unknown."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def ask(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        return [entry for one in known[host] for entry in real(one, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return known


def send(url: str, **kwargs: Any) -> outbound.Answer:
    return outbound.post(url, b"{}", headers={"Content-Type": "application/json"}, **kwargs)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://localhost/x",
        "https://LOCALHOST./x",
        "https://inside.example/x",
        "https://both.example/x",
        "https://metadata.example/x",
        "https://six.example/x",
    ],
)
def test_it_refuses_whatever_leads_to_a_private_address(url: str, names: dict[str, list[str]]) -> None:
    names |= {
        "localhost": ["127.0.0.1", "::1"],
        "LOCALHOST": ["127.0.0.1"],
        "inside.example": ["10.0.0.5"],
        "both.example": ["1.1.1.1", "10.0.0.5"],
        "metadata.example": ["169.254.169.254"],
        "six.example": ["fd00::5"],
    }
    with pytest.raises(Forbidden) as refused:
        send(url)
    assert "/x" not in str(refused.value), "the path may be a secret"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://chat.example/x", "only https"),
        ("ftp://chat.example/x", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("https://user:word@chat.example/x", "a user or a password"),
        ("https://chat.example:99999/x", "no web address"),
        ("https:///x", "no web address"),
        ("https://chat.example/x y", "no web address"),
        ("https://chat.example/x\r\nHost: other", "no web address"),
        ("https://chat.example/ü", "no web address"),
        ("", "no web address"),
    ],
)
def test_it_refuses_what_is_no_address_of_the_web(url: str, why: str, names: dict[str, list[str]]) -> None:
    names["chat.example"] = ["1.1.1.1"]
    with pytest.raises(Forbidden, match=why) as refused:
        send(url)
    assert "word" not in str(refused.value).replace("password", "")


def test_it_says_that_a_name_is_not_known(names: dict[str, list[str]]) -> None:
    with pytest.raises(NoAnswer, match=r"nowhere\.example: its name is not known"):
        send("https://nowhere.example/x")


def test_it_asks_the_very_address_that_was_judged(names: dict[str, list[str]], settings: Settings) -> None:
    """A name that leads elsewhere the second time gains nothing: it is asked once."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["chat.example"]
    with chat_server() as room:
        names["chat.example"] = ["127.0.0.1"]
        port = room.address.split(":")[2].split("/")[0]
        place = outbound.locate(f"http://chat.example:{port}/x")
        assert place.addresses == ("127.0.0.1",)
        asked = []
        real = socket.getaddrinfo

        def counting(host: str, *args: Any, **kwargs: Any) -> Any:
            asked.append(host)
            return real(host, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", counting)
            answer = outbound.post(f"http://chat.example:{port}/x", b'{"text": "hello"}', headers={})
        assert answer.status == 200
        assert [host for host in asked if host != "127.0.0.1"] == ["chat.example"]
        assert room.texts == ["hello"]


def test_a_host_on_the_own_network_is_asked_when_it_is_allowed(settings: Settings) -> None:
    with chat_server() as room:
        with pytest.raises(Forbidden):
            send(room.address)
        settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
        outbound.post(room.address, b'{"text": "hello"}', headers={})
        assert room.texts == ["hello"]


def test_it_follows_no_redirect(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with chat_server() as room, chat_server() as other:
        room.answers = [(307, {"Location": other.address})]
        assert send(room.address).status == 307
        assert (room.got, other.got) == ([], [])


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that talks to whoever comes as it likes."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                line, _ = server.accept()
                threading.Thread(target=one, args=(line,), daemon=True).start()
        except OSError:
            return

    def one(line: socket.socket) -> None:
        with line:
            try:
                talk(line)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.close()


def drip(line: socket.socket) -> None:
    """A byte of a header now and then, forever: no wait is long, and together they never end."""
    line.recv(4096)
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        line.sendall(b"a")
        time.sleep(0.05)


def flood(line: socket.socket) -> None:
    """An answer without an end."""
    line.recv(4096)
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        line.sendall(b"a" * 65536)


def test_a_server_that_drips_is_left_in_time(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with listening(drip) as port, pytest.raises(NoAnswer, match="no answer within 1 seconds"):
        send(f"http://127.0.0.1:{port}/x", seconds=1)


def test_a_server_that_never_answers_is_left_in_time(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with listening(lambda line: time.sleep(20)) as port, pytest.raises(NoAnswer, match="no answer"):
        send(f"http://127.0.0.1:{port}/x", seconds=1)


def test_it_reads_no_more_than_the_limit(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with listening(flood) as port:
        answer = send(f"http://127.0.0.1:{port}/x", most=1000)
    assert (answer.status, len(answer.body)) == (200, 1000)


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70000 + b"\r\n\r\n"]
)
def test_what_is_no_answer_is_said_to_be_none(said: bytes, settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]

    def talk(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(said)

    with listening(talk) as port, pytest.raises(NoAnswer, match="the connection broke"):
        send(f"http://127.0.0.1:{port}/x")


def test_nobody_listens(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer, match=r"127\.0\.0\.1: nobody listens there"):
        send(f"http://127.0.0.1:{port}/x")


def test_nothing_is_sent_to_who_speaks_no_encryption(settings: Settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    heard: list[bytes] = []

    def talk(line: socket.socket) -> None:
        heard.append(line.recv(4096))
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with listening(talk) as port, pytest.raises(NoAnswer, match="no encrypted connection"):
        outbound.post(f"https://127.0.0.1:{port}/secret", b"secret", headers={})
    assert b"secret" not in b"".join(heard)
