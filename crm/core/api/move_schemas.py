"""How moves look in the API's description (JSON Schema); tests hold the answers to it."""

from __future__ import annotations

from typing import Any

JSON = "application/json"
TEXT: dict[str, Any] = {"type": "string"}
ID: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


MISSING = _object(
    ["field", "code", "message"],
    field={**TEXT, "description": "The fact or field that would supply it; empty when no single one would."},
    code={**TEXT, "description": "Stable, for programs."},
    message=TEXT,
)
MISSINGS = {"type": "array", "items": MISSING}
MADE = _object(
    ["id", "version", "verb"],
    id={**ID, "description": "The record that was moved."},
    version={"type": "integer", "description": "Its version now."},
    verb=TEXT,
    at={"type": "string", "format": "date-time", "description": "When it was true."},
    via=TEXT,
    actor_id={"type": ["integer", "null"]},
    reason=TEXT,
    facts={"type": "object"},
    to=TEXT,
    **{"from": TEXT},
)
VERDICT = _object(
    ["verb", "label", "to", "to_label", "allowed", "code", "message", "missing", "asks", "who", "facts"],
    verb=TEXT,
    label=TEXT,
    to={"type": ["string", "null"], "description": "The status it leads to; null while that depends on the facts."},
    to_label={"type": ["string", "null"]},
    allowed={"type": "boolean", "description": "Whether it can be made now, with the facts in `asks`."},
    code={**TEXT, "description": "Why not; empty when it is allowed."},
    message=TEXT,
    missing={**MISSINGS, "description": "What is missing on the record or elsewhere: no fact of the move supplies it."},
    asks={**MISSINGS, "description": "What has to be sent with the move."},
    who={**TEXT, "description": "Who may make it."},
    facts={"type": "object", "description": "What may be sent with it, as JSON Schema."},
)
MOVES = _object(
    ["id", "version", "moves"],
    id=ID,
    version={"type": "integer"},
    moves={"type": "array", "items": VERDICT},
)
FACTS = {
    "type": "object",
    "description": "The facts the move asks for, by name; `GET .../moves/` says which, and of what type.",
}
REASON = {"type": ["string", "null"], "description": "Why, in words; some moves need it."}
AT = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "Only for `place`: since when the other system has it in that status.",
}
MOVE_BODY = {JSON: _object([], facts=FACTS, reason=REASON, at=AT)}
CONVERT_BODY = {JSON: _object([], facts=FACTS, reason=REASON)}
MOVE = MADE
ONE_OF_MANY = _object(
    [],
    id=ID,
    external_id={**TEXT, "maxLength": 255, "description": "What the system in `system` calls the record."},
    facts=FACTS,
    reason=REASON,
    at=AT,
    if_version={"type": ["integer", "null"], "minimum": 1, "description": "Only if the record is at this version."},
)
MANY_BODY = {
    JSON: _object(
        ["verb"],
        verb=TEXT,
        ids={
            "type": "array",
            "items": ID,
            "minItems": 1,
            "maxItems": 1000,
            "description": "Records that are moved with the same facts; or else send `rows`.",
        },
        facts=FACTS,
        reason=REASON,
        rows={
            "type": "array",
            "items": ONE_OF_MANY,
            "minItems": 1,
            "maxItems": 1000,
            "description": "Records with facts and a reason of their own; then there are none beside them.",
        },
        system={**TEXT, "maxLength": 50, "description": "Whose ids the rows have in `external_id`."},
    )
}
ROW = _object(
    ["index", "id", "outcome"],
    index={"type": "integer", "description": "Its place in `ids` or `rows`."},
    id={**ID, "type": ["integer", "null"], "description": "null: the row names no record that is here."},
    outcome={"type": "string", "enum": ["moved", "refused"]},
    etag=TEXT,
    move=MADE,
    code=TEXT,
    message=TEXT,
    errors=MISSINGS,
)
MANY = _object(
    ["moved", "refused", "results"],
    moved={"type": "integer"},
    refused={"type": "integer"},
    results={"type": "array", "items": ROW},
)
CANDIDATES = {
    "type": "array",
    "items": _object(
        ["id", "name", "why", "exact"],
        id=ID,
        name=TEXT,
        why=TEXT,
        exact={"type": "boolean", "description": "Used without asking; others are only shown."},
    ),
}
PREVIEW = _object(
    ["account_name", "account_id", "accounts", "contacts", "opportunities"],
    account_name={**TEXT, "description": "What a new account would be called."},
    account_id={"type": ["integer", "null"], "description": "The account that is used unless told otherwise."},
    accounts=CANDIDATES,
    contacts=CANDIDATES,
    opportunities=CANDIDATES,
)
CONVERSION = _object(
    ["id", "version", "verb", "account_id", "contact_id", "opportunity_id"],
    **{**MADE["properties"], "account_id": ID, "contact_id": ID, "opportunity_id": ID},
)
