"""A follower's place as text: opaque, signed, and bound to the objects that are followed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core import signing

from crm.core.api.problems import Flaw, Problem, bad_request
from crm.history.feed import Cursor

SALT = "crm.sync.feed.cursor"
LONGEST = 2000
CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class Place:
    """What a cursor says: where in the feed, and the resources that are followed, sorted."""

    cursor: Cursor
    objects: tuple[str, ...]


def make_cursor(cursor: Cursor, objects: Sequence[str]) -> str:
    """The text of a place; for these resources (`leads`) and no others."""
    token = cursor.token.hex if cursor.token else ""
    place = [cursor.pos, cursor.change_id, token, sorted(set(objects))]
    # Of one place there is one text, whenever it is made.
    return signing.Signer(salt=SALT).sign_object(place)


def read_cursor(text: str) -> Place:
    """The place in a text.

    Raises:
        Problem: 400 `invalid_cursor` for what is no cursor, 410 `foreign_cursor` for one that was not signed here.
    """
    if len(text) <= LONGEST:
        try:
            return _place(signing.Signer(salt=SALT).unsign_object(text))
        except signing.BadSignature:
            if _looks_like_one(text):
                raise Problem(410, "foreign_cursor", "This cursor was not given out here: begin anew.") from None
        except (ValueError, TypeError):
            pass
    said = "This is no cursor of changes."
    raise bad_request("invalid_cursor", said, [Flaw(CURSOR, "invalid_cursor", said)])


def _place(found: Any) -> Place:
    """What was signed.

    Raises:
        ValueError: it is not of this form.
    """
    pos, change_id, token, objects = found
    if type(pos) is not int or type(change_id) is not int or not isinstance(objects, list):
        raise ValueError("no cursor of changes")
    return Place(Cursor(pos, change_id, UUID(hex=token) if token else None), tuple(str(name) for name in objects))


def _looks_like_one(text: str) -> bool:
    """Whether another installation of ours could have signed it."""
    try:
        _place(json.loads(signing.b64_decode(text.rpartition(":")[0].encode())))
    except (ValueError, TypeError):
        return False
    return True
