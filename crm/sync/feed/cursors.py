"""A follower's place as text: opaque, signed, and bound to the objects that are followed, and to the company's own
fields of them: where the handbook names others, records are told otherwise without a change of theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.core import signing

from crm.core.api.own import own_fields
from crm.core.api.problems import Flaw, Problem, bad_request
from crm.core.api.resources import followed
from crm.history.feed import Cursor

SALT = "crm.sync.feed.cursor"
LONGEST = 2000
CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class Place:
    """What a cursor says: where in the feed, and the resources that are followed, sorted."""

    cursor: Cursor
    objects: tuple[str, ...]
    own: str = ""


def own_told(objects: Sequence[str]) -> str:
    """Which fields of the company's own are told of these resources, in a word; empty where there are none."""
    views = followed()
    found = {name: own_fields(views[name].model) for name in sorted(set(objects)) if name in views}
    told = [
        [name, one.name, one.key, schema["type"], schema.get("format")]
        for name, known in found.items()
        for one in known.values()
        for schema in [one.schema()]
    ]
    return blake2b(json.dumps(sorted(told, key=str)).encode(), digest_size=6).hexdigest() if told else ""


def make_cursor(cursor: Cursor, objects: Sequence[str]) -> str:
    """The text of a place; for these resources (`leads`) and no others."""
    token = cursor.token.hex if cursor.token else ""
    place: list[Any] = [cursor.pos, cursor.change_id, token, sorted(set(objects))]
    if own := own_told(objects):
        place.append(own)
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
    pos, change_id, token, objects, *own = found
    if type(pos) is not int or type(change_id) is not int or not isinstance(objects, list) or len(own) > 1:
        raise ValueError("no cursor of changes")
    cursor = Cursor(pos, change_id, UUID(hex=token) if token else None)
    return Place(cursor, tuple(str(name) for name in objects), *(str(word) for word in own))


def _looks_like_one(text: str) -> bool:
    """Whether another installation of ours could have signed it."""
    try:
        _place(json.loads(signing.b64_decode(text.rpartition(":")[0].encode())))
    except (ValueError, TypeError):
        return False
    return True
