"""The feed as OpenAPI describes it."""

from __future__ import annotations

from typing import Any

from crm.core.api.figures import shape
from crm.core.api.schema import RecordSchema
from crm.sync.feed.reading import OPS

ID: dict[str, Any] = {"type": "integer", "minimum": 1}
TEXT: dict[str, Any] = {"type": "string"}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
RECORD: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "created: the record as it was at this version, as its own address tells it. erased: what is left of"
    " it now that a person was erased; null: nothing. Set it, whole, and forget what was there before.",
}
CHANGE: dict[str, Any] = {
    "type": "object",
    "required": ["object", "id", "version", "op", "at"],
    "properties": {
        "object": {**TEXT, "description": "The resource, as `leads`."},
        "id": ID,
        "version": {
            **ID,
            "description": "The record's version after it; one more than before it.",
        },
        "op": {
            "type": "string",
            "enum": [*OPS],
            "description": "created: made, or brought back under its id. updated: some fields changed. deleted. merged:"
            " deleted, and now `survivor`. erased: a person was erased.",
        },
        "at": {**TIME, "description": "When it was true."},
        "updated_at": {**TIME, "description": "updated: the record's updated_at from this version on."},
        "changed": {
            "type": "object",
            "description": "updated: each field that changed; none when it was nothing that is told here.",
            "additionalProperties": {
                "type": "object",
                "required": ["old", "new"],
                "properties": {"old": {}, "new": {}},
                "additionalProperties": False,
            },
        },
        "record": RECORD,
        "survivor": shape({"object": TEXT, "id": ID}, description="merged: the record that it is now."),
    },
    "additionalProperties": False,
}
TRANSACTION = shape(
    {
        "id": ID,
        "at": {**TIME, "description": "When it was written."},
        "actor": shape(
            {"id": ID, "name": TEXT}, type=["object", "null"], description="Who did it; null: nobody known here."
        ),
        "via": {**TEXT, "description": "By which door: admin, api, import, task …; `database`: past all of them."},
        "reason": TEXT,
        "request_id": {**TEXT, "description": "The X-Request-ID of the request that did it, or its job."},
        "complete": {"type": "boolean", "description": "false: its other changes are on the next page."},
        "changes": {"type": "array", "items": CHANGE},
    }
)
ANSWER = shape(
    {
        "transactions": {"type": "array", "items": TRANSACTION, "description": "In the order to apply them in."},
        "cursor": {**TEXT, "description": "What to ask with next: it moves on even when there are no changes."},
        "more": {"type": "boolean", "description": "Whether the next page can be read at once."},
    }
)
ETAG = {"ETag": {"schema": TEXT, "description": "Only of an answer without changes."}}


class ChangesSchema(RecordSchema):
    """The answers that this address has beside those of all."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """With 304, and 410 for a cursor that leads nowhere any more."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        answers = operation["responses"]
        answers["200"]["headers"] = dict(ETAG)
        answers["304"] = {"description": "Nothing new.", "headers": dict(ETAG)}
        answers["410"] = {
            "description": "This cursor leads nowhere any more: `code` is `lost_cursor` (a backup was restored),"
            " `expired_cursor` (too old), `changed_fields` (the company has other fields of its own) or"
            " `foreign_cursor` (of another installation). `resync.exports` are the addresses to begin a new copy from.",
            "content": answers["400"]["content"],
        }
        return operation
