"""Asking other servers: never one on a private network, unless an administrator allowed it by name.

An address that somebody typed could lead to this machine, its neighbours or a cloud's metadata. So the name is resolved
once, every address it has is judged, and the connection goes to the very address that was judged: a name that changes
its mind meanwhile gains nothing. No redirect is followed, no answer is read beyond a limit, no request outlasts its
time. What is said of a failure names the host and nothing else of the address: the rest may be a secret.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from django.conf import settings

SECONDS = 15.0
CONNECT_SECONDS = 5.0
MOST_BYTES = 64 * 1024
# Addresses of IPv4 as IPv6 writes them for a translator (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")


class Forbidden(Exception):
    """This address is not asked, today or tomorrow; the message says why."""


class NoAnswer(Exception):
    """Nobody answered in time, or nobody is there; the next time it may be otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: the first of its bytes, up to the limit."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: the host as it was named, and the judged addresses it has."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def post(
    url: str, body: bytes, *, headers: Mapping[str, str], seconds: float = SECONDS, most: int = MOST_BYTES
) -> Answer:
    """Send a body and return the answer, whatever its status.

    Raises:
        Forbidden: the address is no web address, or leads where nothing may be sent.
        NoAnswer: its name is unknown, nobody listens, or the time is over.
    """
    return ask("POST", url, body=body, headers=headers, seconds=seconds, most=most)


def ask(
    method: Literal["GET", "HEAD", "POST"],
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str],
    seconds: float = SECONDS,
    most: int = MOST_BYTES,
) -> Answer:
    """Ask an address by any of these methods, and return the answer, whatever its status.

    Raises:
        Forbidden, NoAnswer: as `post`.
    """
    place = locate(url)
    with _reached(place, seconds) as raw, _ending(raw, seconds) as late:
        line = http.client.HTTPConnection(place.host, place.port)
        line.default_port = 443 if place.scheme == "https" else 80
        try:
            line.sock = _encrypted(raw, place.host) if place.scheme == "https" else raw
            line.request(method, place.path, body=body, headers={**headers, "Connection": "close"})
            answer = line.getresponse()
            if late.is_set():
                raise TimeoutError  # the connection's end was taken for the end of the headers
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read(most))
        except (OSError, http.client.HTTPException) as error:
            why = f"no answer within {seconds:.0f} seconds." if late.is_set() else _words(error)
            raise NoAnswer(f"{place.host}: {why}") from None
        finally:
            line.close()


def locate(url: str) -> Place:
    """Where an address leads, resolved and judged.

    Raises:
        Forbidden, NoAnswer: as `post`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Forbidden("This is no web address.") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host or any(ord(sign) <= 32 for sign in url):
        raise Forbidden("This is no web address.")
    if parts.username or parts.password:
        raise Forbidden(f"{host}: a user or a password in an address is not sent.")
    if parts.scheme == "http" and not is_allowed(host):
        raise Forbidden(f"{host}: only https is asked.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise Forbidden("This is no web address.")
    return Place(parts.scheme, host, port, path, tuple(judged(host, port)))


def judged(host: str, port: int = 443) -> list[str]:
    """The addresses of a host, each of which may be asked.

    Raises:
        Forbidden: when one of them is private and the host is not allowed.
        NoAnswer: when the name is unknown.
    """
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii")
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoAnswer(f"{host}: its name is not known.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if why := why_not(address, allowed=is_allowed(host)):
            raise Forbidden(f"{host}: {why}")
    return addresses


def is_allowed(host: str) -> bool:
    """Whether an administrator allows this host on the own network (`OUTBOUND_PRIVATE_HOSTS`)."""
    known = {one.lower().strip("[]").rstrip(".") for one in settings.OUTBOUND_PRIVATE_HOSTS}
    return host.lower().strip("[]").rstrip(".") in known


def why_not(address: str, *, allowed: bool = False) -> str:
    """Why nothing is sent to this address of IPv4 or IPv6; empty when it may be."""
    for one in _meant(ip_address(address.partition("%")[0])):
        if one.is_link_local or one.is_multicast or one.is_unspecified:
            return "its address is of no server."
        if not allowed and (not one.is_global or one.is_private or getattr(one, "is_site_local", False)):
            return "its address is a private one. OUTBOUND_PRIVATE_HOSTS allows hosts on the own network."
    return ""


def _meant(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and what it stands for: IPv6 can carry one of IPv4."""
    if isinstance(address, IPv6Address):
        carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in TRANSLATED:
            carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
        inner = [one for one in carried if one is not None]
        yield from inner
        if address.ipv4_mapped:
            return
    yield address


@contextmanager
def _reached(place: Place, seconds: float) -> Iterator[socket.socket]:
    """A connection to one of the judged addresses, the first that takes one."""
    last: Exception | None = None
    for address in place.addresses:
        try:
            raw = socket.create_connection((address, place.port), timeout=min(CONNECT_SECONDS, seconds))
        except OSError as error:
            last = error
            continue
        with raw:
            raw.settimeout(seconds)
            yield raw
        return
    raise NoAnswer(f"{place.host}: {_words(last)}")


@contextmanager
def _ending(raw: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """End the connection when the time is over: a server that sends a byte now and then never runs into a limit for
    each of them. The event says whether it came to that."""
    late = threading.Event()
    with raw.dup() as watched:
        timer = threading.Timer(seconds, _end, (watched, late))
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            timer.join()


def _encrypted(raw: socket.socket, host: str) -> Any:
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host)


def _end(watched: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # it may have ended by itself
        watched.shutdown(socket.SHUT_RDWR)


def _words(error: Exception | None) -> str:
    """What went wrong, without anything of the address."""
    if isinstance(error, TimeoutError):
        return "no answer in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})."
    if isinstance(error, ssl.SSLError):
        return "no encrypted connection."
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there."
    return f"the connection broke ({type(error).__name__})."
