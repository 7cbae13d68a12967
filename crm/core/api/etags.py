"""Versions of records over HTTP (RFC 9110): `ETag: "<id>.<version>"`, `If-Match`, `If-None-Match`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rest_framework.request import Request

from crm.core.api.problems import Flaw, bad_request
from crm.core.text import whole_number

TAGS = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')


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

    def knows(self, pk: int, version: int) -> bool:
        """Whether the reader has this version already."""
        return self.any or etag(pk, version) in (*self.tags, *self.weak)

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
