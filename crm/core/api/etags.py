"""Versions of records over HTTP (RFC 9110): `ETag: "<id>.<version>"`, `If-Match`, `If-None-Match`.

A page of a list, or a record that has no version, has a weak ETag of its bytes: who polls it is told that nothing is
new. What is asked for with `expand` has none: it follows from other records, and changes without a version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.problems import Flaw, bad_request
from crm.core.text import whole_number

TAGS = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')
HASH_BYTES = 16


def etag(pk: int, version: int) -> str:
    """The ETag of a record at a version."""
    return f'"{pk}.{version}"'


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request says of the versions it knows: `any` for `*`, else the tags; weak ones are for reading."""

    tags: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    any: bool = False

    def allows(self, pk: int, version: int) -> bool:
        """Whether a write on this version is what was meant."""
        return self.any or etag(pk, version) in self.tags

    def knows(self, tag: str) -> bool:
        """Whether the reader has exactly this already."""
        return self.any or tag.removeprefix("W/") in (*self.tags, *self.weak)

    def version_of(self, pk: int) -> int | None:
        """The latest version of this record among the tags, if one is of it."""
        found = [tag.strip('"').partition(".") for tag in self.tags]
        versions = [whole_number(version) for of, _, version in found if of == str(pk)]
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


def versioned(request: Request, row: dict[str, Any]) -> Response:
    """A record with its ETag; 304 to who has this version already."""
    known, tag = condition(request, "If-None-Match"), etag(row["id"], row["version"])
    if known is not None and known.knows(tag):
        return Response(None, status=304, headers={"ETag": tag})
    return Response(row, headers={"ETag": tag})


class Hashed(Response):
    """An answer without a version, with a weak ETag of its bytes; 304 to who has the same ones already."""

    def __init__(self, request: Request, data: Any) -> None:
        super().__init__(data)
        self.known = condition(request, "If-None-Match")

    @property
    def rendered_content(self) -> Any:
        """The bytes, or none."""
        body = super().rendered_content
        self.headers["ETag"] = tag = f'W/"{blake2b(body, digest_size=HASH_BYTES).hexdigest()}"'
        if self.known is None or not self.known.knows(tag):
            return body
        self.status_code = 304
        del self.headers["Content-Type"]
        return b""
