"""How bulk jobs look in the API's description (JSON Schema); tests hold the answers to it."""

from __future__ import annotations

from typing import Any

from crm.core.api.queries import LARGEST_ID
from crm.core.api.schema import RecordSchema
from crm.sync.bulk.rows import OPERATIONS
from crm.sync.jobs.states import OUTCOMES, STATES
from crm.sync.jobs.uploading import MB, MOST_OF_PART, MOST_PARTS

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
FORMS = ("ndjson", "csv")
OPENING: dict[str, Any] = {
    "type": "object",
    "required": ["operation"],
    "additionalProperties": False,
    "properties": {
        "operation": {**TEXT, "enum": list(OPERATIONS), "description": "What is done with each row."},
        "format": {
            **TEXT,
            "enum": list(FORMS),
            "default": "ndjson",
            "description": "What the parts are, joined: a JSON object on each line, or CSV (RFC 4180, UTF-8, commas)"
            " whose first line names fields. An empty cell of a CSV leaves its field alone; lists stand between"
            " semicolons or as JSON.",
        },
        "system": {
            **TEXT,
            "maxLength": 50,
            "pattern": "^[^/]*$",
            "description": "Whose ids the rows have in `external_id`.",
        },
        "all_or_nothing": {
            "type": "boolean",
            "default": False,
            "description": "If one row is rejected, nothing is stored; for up to 10,000 rows and 64 MB.",
        },
        "label": {**TEXT, "maxLength": 200, "description": "What people call it."},
    },
}
JOB: dict[str, Any] = {
    "type": "object",
    "required": ["id", "resource", "operation", "format", "state", "rows_done", "bytes_done", "bytes", "counts"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "resource": TEXT,
        "operation": {**TEXT, "enum": list(OPERATIONS)},
        "system": TEXT,
        "format": {**TEXT, "enum": list(FORMS)},
        "all_or_nothing": {"type": "boolean"},
        "label": TEXT,
        "state": {
            **TEXT,
            "enum": list(STATES),
            "description": "open: it takes parts; given_up: cancelled before it was started.",
        },
        "message": {**TEXT, "description": "Why it stopped."},
        "rows_done": {**COUNT, "description": "Rows that have an outcome so far."},
        "bytes_done": {**COUNT, "description": "How much of the upload they are."},
        "bytes": {**COUNT, "description": "The upload, all parts together."},
        "counts": {"type": "object", "properties": dict.fromkeys(OUTCOMES, COUNT)},
        "request_id": {**TEXT, "description": "What its changes have as request_id in the feed; empty until started."},
        "made_at": {"type": "string", "format": "date-time"},
        "closed_at": TIME,
        "started_at": TIME,
        "finished_at": TIME,
    },
}
PART: dict[str, Any] = {
    "type": "object",
    "required": ["part", "bytes", "sha256", "at"],
    "properties": {
        "part": {"type": "integer", "minimum": 1, "maximum": MOST_PARTS},
        "bytes": COUNT,
        "sha256": {**TEXT, "pattern": "^[0-9a-f]{64}$", "description": "Of the bytes that are stored."},
        "at": {"type": "string", "format": "date-time"},
    },
}
ONE_JOB: dict[str, Any] = {
    **JOB,
    "required": [*JOB["required"], "parts"],
    "properties": {**JOB["properties"], "parts": {"type": "array", "items": PART}},
}
JOBS: dict[str, Any] = {
    "type": "object",
    "required": ["results", "next", "next_cursor"],
    "properties": {
        "results": {"type": "array", "items": JOB},
        "next": {"type": ["string", "null"], "description": "Where the next page is; null on the last."},
        "next_cursor": {"type": ["string", "null"]},
    },
}
BYTES: dict[str, Any] = {
    name: {"type": "string", "format": "binary", "minLength": 1, "maxLength": MOST_OF_PART}
    for name in ("application/octet-stream", "application/x-ndjson", "text/csv")
}
FILE = {("200", name): TEXT for name in ("application/x-ndjson", "text/csv")}
DIGEST = "The SHA-256 or SHA-512 of the body: 400 digest_mismatch when other bytes arrive."
NUMBER: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MOST_PARTS}


def query(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the address."""
    return {"name": name, "in": "query", "description": text, "schema": schema}


LISTED = [
    query("state", "Only those that are so far.", {**TEXT, "enum": list(STATES)}),
    query("limit", "How many on a page.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
    query("cursor", "next_cursor of the page before; for the same state.", TEXT),
]
RESULT = [
    query("outcome", "Only rows that went so.", {**TEXT, "enum": list(OUTCOMES)}),
    query("format", "NDJSON, or CSV for a spreadsheet.", {**TEXT, "enum": list(FORMS), "default": "ndjson"}),
]
SENT = [
    {"name": name, "in": "header", "description": f"{DIGEST} {as_in}", "schema": TEXT}
    for name, as_in in (("Content-Digest", "sha-256=:base64: (RFC 9530)."), ("Digest", "sha-256=base64 (RFC 3230)."))
]
PARAMETERS = {"jobs": LISTED, "job_results": RESULT, "job_part": SENT}
# What an address answers beside what every other does.
MORE = {
    "job_part": {
        409: "The part is there with other bytes, or the job takes none any more.",
        413: f"A part has at most {MOST_OF_PART // MB} MB, all parts of a job 1 GB.",
        415: "Bodies are sent as they are, without Content-Encoding.",
    },
    "job_results": {409: "The job was not started.", 410: "The files were removed."},
}


class JobSchema(RecordSchema):
    """Describes the addresses of bulk jobs, by what each says it is about."""

    @property
    def about(self) -> str:
        """What the address is about."""
        return str(getattr(self.view, "about", ""))

    def get_operation_id(self) -> str:
        """Its resource and what it is about."""
        return f"{self.get_tags()[0]}_{'open_job' if (self.about, self.method) == ('jobs', 'POST') else self.about}"

    def _get_parameters(self) -> list[Any]:
        found = super()._get_parameters()
        for one in found:
            if one["in"] == "path":
                one["schema"] = NUMBER if one["name"] == "number" else {**NUMBER, "maximum": LARGEST_ID}
        return [*found, *(PARAMETERS.get(self.about, ()) if self.method in ("GET", "PUT") else ())]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        answers = operation["responses"]
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for number, words in MORE.get(self.about, {}).items():
            answers[str(number)] = {"description": words, "content": problem}
        if "201" in answers and self.method == "POST":
            answers["201"]["headers"] = {"Location": {"schema": TEXT, "description": "Where the job is."}}
        return operation
