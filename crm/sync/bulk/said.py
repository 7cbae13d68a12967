"""How a batch looks in the API's description (JSON Schema); tests hold the answers to it."""

from __future__ import annotations

from typing import Any

from crm.core.api.queries import LARGEST_ID
from crm.sync.bulk.parsing import MOST_ROWS
from crm.sync.bulk.rows import OPERATIONS

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
ROW_IN: dict[str, Any] = {
    "type": "object",
    "description": "The fields of a record as in POST and PATCH, and by what it is known.",
    "properties": {
        "id": {"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "description": "Our id of an existing record."},
        "external_id": {**TEXT, "maxLength": 255, "description": "What the system in `system` calls it."},
        "if_version": {"type": "integer", "minimum": 1, "description": "Only if the record is at this version."},
    },
}
BODY: dict[str, Any] = {
    "application/json": {"type": "array", "items": ROW_IN, "minItems": 1, "maxItems": MOST_ROWS},
    "application/x-ndjson": {"type": "string", "description": "The same rows, a JSON object on each line."},
}
FLAW: dict[str, Any] = {
    "type": "object",
    "required": ["field", "pointer", "code", "message"],
    "properties": dict.fromkeys(("field", "pointer", "code", "message"), TEXT),
}
ROW_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["index", "outcome", "id", "external_id", "version", "code", "message", "errors"],
    "properties": {
        "index": {**COUNT, "description": "Its place among the rows, from 0."},
        "outcome": {
            **TEXT,
            "enum": ["created", "updated", "unchanged", "deleted", "rejected", "unprocessed"],
            "description": "unprocessed: nothing was stored, because all or nothing was asked for.",
        },
        "id": {"type": ["integer", "null"]},
        "external_id": {"type": ["string", "null"]},
        "version": {"type": ["integer", "null"], "description": "The record's version now."},
        "code": {**TEXT, "description": "Why not, for programs: what the row alone would have been answered with."},
        "message": TEXT,
        "errors": {"type": "array", "items": FLAW},
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "required": [
        "created",
        "updated",
        "unchanged",
        "deleted",
        "rejected",
        "unprocessed",
        "stored",
        "results",
    ],
    "properties": {
        **dict.fromkeys(("created", "updated", "unchanged", "deleted", "rejected", "unprocessed"), COUNT),
        "stored": {"type": "boolean", "description": "Whether any row was taken."},
        "results": {"type": "array", "items": ROW_OUT, "description": "One of each row, in the order of the rows."},
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "operation",
        "in": "query",
        "required": True,
        "description": "What is done with each row. upsert: what the system calls so is changed, or made.",
        "schema": {**TEXT, "enum": list(OPERATIONS)},
    },
    {
        "name": "system",
        "in": "query",
        "description": "Whose ids the rows have in `external_id`.",
        "schema": {**TEXT, "minLength": 1, "maxLength": 50, "pattern": "^[^/]+$"},
    },
    {
        "name": "all_or_nothing",
        "in": "query",
        "description": "true: if one row is rejected, nothing is stored and the others are unprocessed.",
        "schema": {"type": "boolean"},
    },
]
