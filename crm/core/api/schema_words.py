"""What the description says of each operation in few words, of the parts of an address, and of what a filter takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crm.core.api.queries import Before, Piece, RecordId, Since, Words, YesNo

# Of the actions that every resource has, as far as it did not make them its own.
SUMMARIES = {
    "list": "List {many}",
    "retrieve": "Read one of the {many}",
    "create": "Make one of the {many}",
    "partial_update": "Change one of the {many}",
    "destroy": "Delete one of the {many}",
}
ANSWERS = {
    "200": "What was asked for, or what came of it.",
    "201": "It was made: Location says where it is.",
    "202": "It is going to be done.",
}
PARTS = {
    "id": "The record's id here.",
    "system": "The other system, by the name that you give it, as `erp`.",
    "external_id": "The record's id in that system.",
    "number": "Which part it is, from 1.",
    "verb": "The move, as the record's moves name it.",
    "key": "Its key in the handbook.",
    "webhook": "The webhook's id.",
}
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The address of the record."}}
SENTENCE = re.compile(r"(?<=[.;])\s")


def summary_of(view: Any, description: str) -> str:
    """An operation in a few words: of the usual actions by their names, else its description's first sentence."""
    action = getattr(view, "action", None)
    usual = getattr(getattr(view, action or "", None), "__qualname__", "") == f"RecordViewSet.{action}"
    if usual and action in SUMMARIES:
        return SUMMARIES[action].format(many=view.resource.replace("_", " "))
    return SENTENCE.split(" ".join(description.split()), maxsplit=1)[0].rstrip(".:;")


def filter_schema(one: Any) -> dict[str, Any]:
    """What a filter takes, as the rest of its parameter."""
    if isinstance(one, Words):
        words = [key for key, _ in one.choices()]
        return {
            "schema": {"type": "array", "items": {"type": "string", "enum": words}},
            "style": "form",
            "explode": False,
        }
    found: dict[str, Any] = {"type": "string"}
    if isinstance(one, Since | Before):
        found["format"] = "date-time"
    elif isinstance(one, RecordId):
        found["pattern"] = "^(?:null|[1-9][0-9]*)$"
    elif isinstance(one, Piece):
        found["minLength"] = one.extra["min_length"]
    elif isinstance(one, YesNo):
        found = {"type": "boolean"}
    return {"schema": found}


def say_all(operation: dict[str, Any]) -> None:
    """Give words to the parts of the address and the answers that have none."""
    for one in operation.get("parameters", ()):
        if one.get("in") == "path" and not one.get("description"):
            one["description"] = PARTS.get(one["name"], "")
    answers: Mapping[str, dict[str, Any]] = operation["responses"]
    for code, answer in answers.items():
        answer["description"] = answer.get("description") or ANSWERS.get(code, "")
