"""Pages by keyset: a cursor says after which row the next page begins, so no page is slower than the first.

A cursor is opaque and signed, and holds for the list it was given out for: the same resource, filters and ordering.
Rows that nobody changes are met exactly once, whatever is inserted or deleted meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.core import signing
from django.db import models
from django.db.models import Q

from crm.core.api.problems import Flaw, Problem, bad_request

SALT = "crm.core.api.cursor"
LONGEST = 1000


def fingerprint(resource: str, ordering: str, filters: Mapping[str, str]) -> str:
    """What a cursor is bound to."""
    said = repr((resource, ordering, sorted(filters.items())))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def make_cursor(bound_to: str, position: Sequence[Any]) -> str:
    """The cursor after the row whose ordering columns have these values."""
    plain = [value.isoformat() if isinstance(value, datetime | date) else value for value in position]
    return _signer().sign_object([bound_to, *plain])


def read_cursor(text: str, bound_to: str) -> list[Any]:
    """The position in a cursor.

    Raises:
        Problem: 400 `invalid_cursor` for one that we did not give out, `other_cursor` for another list's.
    """
    try:
        found, *position = _signer().unsign_object(text) if len(text) <= LONGEST else [None]
    except (signing.BadSignature, ValueError, UnicodeError):
        found, position = None, []
    if found is None:
        raise _refuse("invalid_cursor", "This is no cursor of ours: begin again without one.")
    if found != bound_to:
        raise _refuse("other_cursor", "This cursor is of a list with other filters or another ordering.")
    return position


def _signer() -> signing.Signer:
    # Without the time in it: the same page has the same cursor, and so the same ETag.
    return signing.Signer(salt=SALT)


def _refuse(code: str, message: str) -> Problem:
    return bad_request(code, message, [Flaw("cursor", code, message)])


def after(rows: models.QuerySet[Any], columns: Sequence[str], position: Sequence[Any]) -> models.QuerySet[Any]:
    """The rows that come after a position in an ordering, the last column of which is unique."""
    names = [column.removeprefix("-") for column in columns]
    beyond = Q()
    for place in range(len(names)):
        same = dict(zip(names[:place], position, strict=False))
        word = "lt" if columns[place].startswith("-") else "gt"
        beyond |= Q(**same, **{f"{names[place]}__{word}": position[place]})
    if len(names) > 1:
        # Said once more for the first column alone: an index is walked from there.
        word = "lte" if columns[0].startswith("-") else "gte"
        rows = rows.filter(**{f"{names[0]}__{word}": position[0]})
    return rows.filter(beyond)
