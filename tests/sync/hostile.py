"""Bodies, headers and ids that no well-meaning program sends, beside those that one does."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

BROKEN: tuple[bytes, ...] = (
    b"",
    b"{",
    b"nothing",
    b"null",
    b"[]",
    b'"text"',
    b"1e999",
    b"\xff\xfe\x00",
    b'{"last_name": "\xed\xa0\x80"}',
    b'{"last_name": "\\ud800"}',
    b'{"last_name": NaN, "employees": Infinity}',
    b'{"last_name": "a", "last_name": "b"}',
    b"[" * 5_000,
    b'{"a":' * 5_000,
    b'{"employees": ' + b"9" * 5_000 + b"}",
    b"\x1f\x8b\x08\x00broken",
    b"first_name=Lea&last_name=Prospect",
    b'{"last_name": "x"}\n{"last_name": \n\n{"last_name": "y"}',
)
VALUES: tuple[Any, ...] = (
    None, "", " ", "\x00", "a\x00b", "\ud800", "x" * 70_000, "‮evil", "😀", "' OR 1=1 --", "%s%(x)s{}", "<script>",
    0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**40, 1.5, 1e308, -0.0, True, False, [], [1], {}, {"id": 1}, [[[]]],
    "2026-02-30", "0000-01-01", "9999-12-31T23:59:60Z", "2026-03-04T18:00:00", "-271821-04-20", "1e5", "NaN", "12.345",
    "123456789012345.67", "a@b.example", "@", "https://linkedin.com/in/x", "javascript:alert(1)", "+1 415 555 0100",
)  # fmt: skip
IDS: tuple[str, ...] = (
    "0", "-1", "999999999", "9223372036854775808", "1.0", "x", "%00", "%FF", "1%2F2", "..", "１", "null", "a" * 400,
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"If-Match": '"1.1"'},
    {"If-Match": "*"},
    {"If-Match": "W/,,"},
    {"If-None-Match": "*"},
    {"Idempotency-Key": "fuzz"},
    {"Idempotency-Key": "two words"},
    {"Content-Type": "text/csv"},
    {"Content-Type": "application/x-ndjson"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Encoding": "gzip"},
    {"Accept": "text/html"},
)


def value(draw: random.Random, ids: Sequence[int], depth: int = 0) -> Any:
    """Something that a field may hold, or nothing could."""
    kind = draw.random()
    if kind < 0.3 and ids:
        return draw.choice(ids)
    if kind < 0.35 and depth < 3:
        return [value(draw, ids, depth + 1) for _ in range(draw.randrange(4))]
    if kind < 0.4 and depth < 3:
        return {draw.choice(["id", "preview", "", "own", "\x00", "a.b"]): value(draw, ids, depth + 1)}
    return draw.choice(VALUES)


def known_value(schema: Mapping[str, Any], draw: random.Random, ids: Sequence[int]) -> Any:
    """Something of the form that the description says a field has."""
    if "enum" in schema:
        return draw.choice(schema["enum"])
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind in ("integer", "number"):
        return draw.choice([*ids, draw.randrange(1000)])
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "array":
        return [known_value(schema.get("items", {}), draw, ids) for _ in range(draw.randrange(3))]
    if kind == "object":
        return {name: known_value(one, draw, ids) for name, one in schema.get("properties", {}).items()}
    said = {
        "date": "2026-03-04",
        "date-time": "2026-03-04T18:00:00Z",
        "email": f"h{draw.randrange(10**6)}@fuzz.example",
        "decimal": "12.50",
    }
    return said.get(schema.get("format", ""), f"Word {draw.randrange(10**6)} 2026")


def fields(schema: Mapping[str, Any], draw: random.Random, ids: Sequence[int]) -> dict[str, Any]:
    """A body of some of the described fields: most of them as they should be, some not, and a stranger among them."""
    properties = dict(schema.get("properties", {}))
    needed = set(schema.get("required", ()))
    body = {
        name: known_value(one, draw, ids) if draw.random() < 0.8 else value(draw, ids)
        for name, one in properties.items()
        if draw.random() < (0.95 if name in needed else 0.15)
    }
    if draw.random() < 0.1:
        body[draw.choice(["stranger", "", "__class__", "version", "pk", "\x00"])] = value(draw, ids)
    return body


def as_bytes(body: Any) -> bytes:
    """JSON as lenient programs write it: with surrogates, NaN and all."""
    return json.dumps(body, ensure_ascii=True).encode()
