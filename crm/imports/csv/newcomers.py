"""People of a file who are not known here: made as users who own records and cannot log in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from crm import handbook
from crm.core.errors import Refused
from crm.core.keys import key_of
from crm.core.permissions import may
from crm.core.text import tidy
from crm.imports.csv import SYSTEM
from crm.imports.csv.links import People
from crm.imports.csv.plan import Plan
from crm.people.models import User
from crm.sync.models import ExternalId

# No mail is ever sent there: the domain cannot exist (RFC 2606).
NOWHERE = "imported.invalid"


def people_named(plan: Plan, found: Mapping[str, Any]) -> dict[str, int]:
    """Every name or address in the columns of people, with the number of its rows."""
    counts: dict[str, int] = {}
    for name, target in plan.targets().items():
        if target.kind == "person":
            for text, rows in found.get("columns", {}).get(name, {}).get("words", {}).items():
                counts[tidy(text)] = counts.get(tidy(text), 0) + rows
    return counts


def make_people(plan: Plan, texts: Iterable[str], *, actor: User) -> list[User]:
    """Make those who were chosen to be made: inactive, without a password. Inside `acting()`.

    Raises:
        Refused: `forbidden`, for who may not add users.
    """
    wanted = People(plan).to_make(texts)
    if wanted and not may(actor, "add", User):
        raise Refused("forbidden", "Users are made by administrators: choose somebody who is here.")
    made = []
    role = handbook.current().roles_with("standard")[0].key
    for text in wanted:
        first, _, last = ("", "", "") if "@" in text else text.partition(" ")
        user = User(email=_free_address(text), first_name=first[:100], last_name=last[:100], role=role, is_active=False)
        user.set_unusable_password()
        user.save(force_insert=True)
        ExternalId.objects.create(object="user", system=plan.system or SYSTEM, value=text[:255], record_id=user.pk)
        made.append(user)
    return made


def _free_address(text: str) -> str:
    """Their own address; of a name, one at which nothing arrives."""
    if "@" in text:
        return text[:254]
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", ".", plain).strip(".")[:60] or "user"
    number = 1
    while True:
        address = f"{stem}{number if number > 1 else ''}@{NOWHERE}"
        if not User.objects.filter(email_key=key_of("email_key", address)).exists():
            return address
        number += 1
