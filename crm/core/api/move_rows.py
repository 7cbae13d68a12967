"""Many moves in one request, each row with its own facts, reason and time, by our id or by another system's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.core.api.elsewhere import ids_elsewhere
from crm.core.api.facts import facts_from, instant
from crm.core.api.problems import Flaw, invalid, pointer_to
from crm.core.door_rows import Asked
from crm.core.errors import Missing, Refused
from crm.core.flow import Stateful, Verb
from crm.core.text import tidy

NAMES = ("id", "external_id", "facts", "reason", "at", "if_version")
LARGEST = 2**63 - 1
LONGEST_ID = 255


def read_rows(sent: Any, *, most: int) -> list[Mapping[str, Any]]:
    """The rows of a body.

    Raises:
        Problem: 400 for what is no list of one to `most` objects.
    """
    if not isinstance(sent, list) or not 1 <= len(sent) <= most:
        raise invalid([Flaw("rows", "invalid_rows", f"Send a list of 1 to {most:,} rows.")])
    flaws = [
        Flaw(f"rows.{place}", "type", "A row is an object.", pointer_to("rows", place))
        for place, row in enumerate(sent)
        if not isinstance(row, dict)
    ]
    if flaws:
        raise invalid(flaws)
    return list(sent)


def find_ids(kind: type[Stateful], rows: Sequence[Mapping[str, Any]], system: str) -> list[int | None]:
    """Our id of each row's record; None where it names none."""
    texts = [row.get("external_id") for row in rows]
    wanted = {tidy(text) for text in texts if isinstance(text, str) and "\x00" not in text and len(text) <= LONGEST_ID}
    known = ids_elsewhere(kind, system, wanted) if system and wanted else {}
    return [
        known.get(tidy(text)) if isinstance(text, str) else _id(row.get("id"))
        for row, text in zip(rows, texts, strict=True)
    ]


def read_row(row: Mapping[str, Any], pk: int | None, info: Verb, *, now: datetime, places: bool) -> Asked | Refused:
    """What is asked of one record, or why it cannot be read."""
    wrong = [
        Missing("unknown_field", f"“{name}” is no field: {', '.join(NAMES)}.", name)
        for name in row
        if name not in NAMES
    ]
    if (row.get("id") is None) == (row.get("external_id") is None):
        wrong.append(Missing("needs_one", "Name the record by one of the two: id or external_id.", "id"))
    facts, reason, version = row.get("facts"), row.get("reason"), row.get("if_version")
    if not isinstance(facts, dict | None):
        wrong.append(Missing("type", "Send an object: each fact by its name.", "facts"))
    if not isinstance(reason, str | None):
        wrong.append(Missing("type", "Send a text.", "reason"))
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
        wrong.append(Missing("type", "Send the version that you read, a whole number.", "if_version"))
    at = None if row.get("at") is None else instant(row["at"])
    if row.get("at") is not None and not places:
        wrong.append(Missing("unknown_field", "Only a placed record is so since a time of its own.", "at"))
    elif row.get("at") is not None and (at is None or at > now or at.year < 1990):
        wrong.append(Missing("not_in_past", "Send a time that has passed, as 2026-03-04T18:00:00Z.", "at"))
    if wrong:
        return Refused("invalid", " ".join(item.message for item in wrong), wrong)
    if pk is None:
        return Refused("not_found", "There is no such record.")
    return Asked(pk, facts_from(info, facts or {}), reason or "", version, at)


def _id(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= LARGEST else None
