"""Who records may be given to, and that they still may when the transaction ends."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from crm.core.errors import Missing, Refused
from crm.people.models import User

STAY = "SELECT id FROM people_user WHERE id = ANY(%s) AND is_active AND NOT is_service ORDER BY id FOR KEY SHARE"


def stay(people: Iterable[int], *, wait: bool = True) -> set[int]:
    """Of these, the active people, who stay active until the transaction ends: deactivating them waits for it.

    So nothing is given to somebody whose records were just handed over. Without `wait`, who is being deactivated at
    this moment counts as gone.
    """
    with connection.cursor() as cursor:
        cursor.execute(STAY if wait else f"{STAY} SKIP LOCKED", [list(people)])
        return {row[0] for row in cursor.fetchall()}


def refuse_owner(owner: User, field: str = "owner") -> None:
    """Refuse whom nothing can be given to, and keep the others from being deactivated until the transaction ends.

    Raises:
        Refused: `missing_facts` with `invalid_<field>` for a program and for who is not active.
    """
    if owner.pk not in stay([owner.pk]):
        message = f"{owner} cannot take records over: choose somebody who works here."
        raise Refused("missing_facts", message, [Missing(f"invalid_{field}", message, field)])
