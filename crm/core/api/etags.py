"""Versions of records over HTTP (RFC 9110): `ETag: "<id>.<version>"`, `If-Match`, `If-None-Match`.

What is told of a record and follows from others changes without its version. It stands behind the version:
`"17.3.customer"`. A program that knows the version alone may say that alone: `If-Match: "17.3"`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rest_framework.request import Request

from crm.core.api.problems import Flaw, bad_request
from crm.core.text import whole_number

TAGS = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')


def etag(pk: int, version: int, beside: str = "") -> str:
    """The ETag of a record at a version, with what is told of it beside."""
    return f'"{pk}.{version}.{beside}"' if beside else f'"{pk}.{version}"'


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request says of the versions it knows: `any` for `*`, else the tags; weak ones are for reading.

    `beside` is what is told beside the record now; None where nobody asked, and only versions are compared.
    """

    tags: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    any: bool = False
    beside: str | None = None

    def allows(self, pk: int, version: int) -> bool:
        """Whether a write on this version is what was meant."""
        plain = etag(pk, version)
        if self.any or plain in self.tags:
            return True
        if self.beside is None:
            return any(tag.startswith(f"{plain[:-1]}.") for tag in self.tags)
        return etag(pk, version, self.beside) in self.tags

    def knows(self, pk: int, version: int) -> bool:
        """Whether the reader has exactly this already."""
        return self.any or etag(pk, version, self.beside or "") in (*self.tags, *self.weak)

    def version_of(self, pk: int) -> int | None:
        """The latest version of this record among the tags, if one is of it."""
        found = [[*tag.strip('"').split("."), ""] for tag in self.tags]
        versions = [whole_number(version) for of, version, *_ in found if of == str(pk)]
        return max((one for one in versions if one is not None), default=None)


def condition(request: Request, header: str) -> Condition | None:
    """The tags in `If-Match` or `If-None-Match`; None without the header.

    Raises:
        Problem: 400 when it cannot be read: a write that somebody meant to guard is never made unguarded.
    """
    given = request.headers.get(header)
    if given is None:
        return None
    if given.strip() == "*":
        return Condition(any=True)
    tags: list[str] = []
    weak: list[str] = []
    place = 0
    while place < len(given):
        found = TAGS.match(given, place)
        if found is None:
            break
        (weak if found[1] else tags).append(f'"{found[2]}"')
        place = found.end()
    if place < len(given) or not (tags or weak):
        message = f'{header} is "*" or ETags as they were given out, as in {header}: "17.3".'
        raise bad_request("invalid_header", message, [Flaw(header, "invalid_header", message)])
    return Condition(tuple(tags), tuple(weak))
