"""Reading a request's body: JSON in UTF-8, of a bounded size, each name once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from crm.core.api.problems import Flaw, Problem, bad_request, invalid, pointer_to
from crm.core.text import whole_number

MOST_BYTES = 5 * 1024 * 1024


class StrictJson(BaseParser):
    """JSON as RFC 8259 has it: no NaN, no duplicate names, no lone surrogates, nothing but UTF-8."""

    media_type = "application/json"

    def limit(self) -> int:
        """How long the body may be, in bytes."""
        return int(getattr(settings, "API_MOST_BYTES", MOST_BYTES))

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python values.

        Raises:
            Problem: 400 `malformed`, `incomplete` or `duplicate_name`, 413 `too_large`, 415 for a coding.
        """
        body = read_body(stream, parser_context, self.limit())
        try:
            # Strict about encodings and numbers; it would take the last of two equal names without a word.
            orjson.loads(body)
            return json.loads(body, object_pairs_hook=once_each, parse_constant=no_number)
        except (ValueError, RecursionError) as error:
            where = f", at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise bad_request("malformed", f"The body is not JSON in UTF-8{where}.") from error


def read_body(stream: Any, parser_context: Mapping[str, Any] | None, limit: int) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises:
        Problem: 400 `incomplete`, 413 `too_large`, 415 for a coding.
    """
    sent = parser_context["request"].META if parser_context else {}
    if sent.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise Problem(415, "unsupported_media_type", "Bodies are sent as they are: no Content-Encoding is taken.")
    body = stream.read(limit + 1)
    if len(body) > limit:
        words = f"The body is larger than {limit // 1024:,} KB: send less at once."
        raise Problem(413, "too_large", words, headers={"Connection": "close"})
    if len(body) < (whole_number(sent.get("CONTENT_LENGTH") or "0") or 0):
        # What came by then may well be JSON: who was cut off cannot know what became of it.
        raise bad_request("incomplete", "The connection ended before the body did. Nothing was stored.")
    return bytes(body)


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with each name once. Raises a problem that says which come twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise invalid(
            Flaw(name, "duplicate_name", f"“{name}” is there more than once.", pointer_to(name)) for name in twice
        )
    return found


def no_number(name: str) -> NoReturn:
    """Refuse what Python takes for a number and JSON does not."""
    raise ValueError(f"{name} is no number of JSON")


def body_of(request: Request) -> dict[str, Any]:
    """The request's body, which is one JSON object; no body at all is an empty one.

    Raises:
        Problem: 400 `not_an_object`, and what `StrictJson` raises.
    """
    data = request.data
    if not isinstance(data, dict):
        raise bad_request("not_an_object", "The body is one JSON object.")
    return dict(data.items())
