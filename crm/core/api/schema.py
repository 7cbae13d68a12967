"""The description of the API (OpenAPI): each operation with its parameters, bodies, and every answer it can give."""

from __future__ import annotations

from typing import Any

from django.db import models
from drf_spectacular.openapi import AutoSchema

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem: urn:plumb:problem: and its code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The sentence people read at the other doors."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "pointer", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "The field or parameter; empty: none in particular."},
                    "pointer": {"type": "string", "description": "Where it is in the body (RFC 6901)."},
                    "code": {"type": "string", "description": "Stable, for programs."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
WORDS = {
    400: "The request will not do: each wrong field, parameter or header is named.",
    401: "No key, or none that may be used any more.",
    403: "The key lacks a scope, or its user may not.",
    404: "There is no such record.",
    405: "This address has no such method.",
    406: "Answers are JSON only.",
    409: "It conflicts with what is stored.",
    412: "Somebody changed the record since the version in If-Match; their changes are named.",
    413: "The body is too large.",
    415: "Bodies are JSON only.",
    429: "Too many requests: Retry-After says how many seconds to wait.",
    503: "The database did not answer in time; nothing was written.",
}
EVERYWHERE = (400, 401, 403, 404, 405, 406, 429, 503)
BODY = (409, 413, 415)
VERSIONED = (409, 412)


class RecordSchema(AutoSchema):
    """Describes a view of the API by what it declares."""
