"""Exports as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from crm.core.api.schema import RecordSchema

LINES = {
    "type": "string",
    "description": "One JSON object a line: the records, then `_end` with `count` and `cursor`.",
}
CELLS = {"type": "string", "description": "The names, a row for each record, and a row that begins with `_end`."}
HEADERS: dict[str, Any] = {
    "Plumb-Feed-Cursor": {
        "schema": {"type": "string"},
        "description": "Where the feed of changes goes on from; as the last line says it.",
    },
    "Content-Encoding": {
        "schema": {"type": "string", "enum": ["gzip"]},
        "description": "Where Accept-Encoding names gzip.",
    },
    "Content-Disposition": {"schema": {"type": "string"}, "description": "A name for the file."},
}


class ExportSchema(RecordSchema):
    """The parameters of the list that say which records, and those of the export."""

    def _get_parameters(self) -> list[Any]:
        listed = {one["name"]: one for one in self._list_parameters()}
        wanted = (*self.view.reading.filterset.base_filters, "fields")  # type: ignore[attr-defined]
        return [
            *super()._get_parameters(),
            *(listed[name] for name in wanted),
            {
                "name": "format",
                "in": "query",
                "description": "NDJSON unless said here or by Accept.",
                "schema": {"type": "string", "enum": ["ndjson", "csv"]},
            },
            {
                "name": "objects",
                "in": "query",
                "description": "Resources, between commas, that the cursor is to be of besides this one: whoever copies"
                " several exports each with all of them, and follows from the cursor of the first.",
                "schema": {"type": "string"},
            },
            {
                "name": "Accept-Encoding",
                "in": "header",
                "description": "gzip: the answer is compressed while it is sent.",
                "schema": {"type": "string"},
            },
        ]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            content = {"application/x-ndjson": {"schema": LINES}, "text/csv": {"schema": CELLS}}
            operation["responses"]["200"] = {
                "description": "All of it, if the last line says so.",
                "headers": HEADERS,
                "content": content,
            }
            busy = operation["responses"]["503"]
            said = " Or as many exports are sent as may be at once: Retry-After says when to ask again."
            operation["responses"]["503"] = {**busy, "description": busy["description"] + said}
        return operation
