"""The rows of a request: a JSON array, or NDJSON, in which a line that cannot be read spoils no other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from django.conf import settings

from crm.core.api.parsing import StrictJson, no_number, once_each, read_body
from crm.core.api.problems import Problem, bad_request
from crm.sync.bulk.rows import Unreadable

MOST_ROWS = 10_000
MOST_BYTES = 64 * 1024 * 1024


class SentRows(list[Any]):
    """The rows of a request. As a list of them it has a fingerprint, by which the same request is known again."""

    def fingerprint(self) -> str:
        """A hash of what the rows say, however their names are ordered and whichever of the two forms they came in."""
        digest = hashlib.sha256()
        for row in self:
            said = row.raw.decode("latin-1") if isinstance(row, Unreadable) else row
            digest.update(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
            digest.update(b"\n")
        return digest.hexdigest()


class RowsJson(StrictJson):
    """One JSON array of rows."""

    def limit(self) -> int:
        """How long the body may be, in bytes."""
        return most_bytes()

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The rows.

        Raises:
            Problem: 400 `not_an_array`, `no_rows`, `too_many_rows`; what `StrictJson` raises.
        """
        found = super().parse(stream, media_type, parser_context)
        if not isinstance(found, list):
            raise bad_request("not_an_array", "The body is a JSON array of rows, or NDJSON with its own Content-Type.")
        return counted(SentRows(found))


class RowsNdjson(StrictJson):
    """A JSON object on each line (NDJSON); lines of blanks are none."""

    media_type = "application/x-ndjson"

    def limit(self) -> int:
        """How long the body may be, in bytes."""
        return most_bytes()

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The rows; a line that cannot be read is one that is refused.

        Raises:
            Problem: 400 `incomplete`, `no_rows`, `too_many_rows`, 413, 415: nothing was stored.
        """
        body = read_body(stream, parser_context, self.limit())
        return counted(SentRows(read_lines(body.split(b"\n"))))


def most_bytes() -> int:
    """How long a body of many rows may be."""
    return int(getattr(settings, "API_MOST_BULK_BYTES", MOST_BYTES))


def counted(rows: SentRows) -> SentRows:
    """The rows, if they are as many as one request takes."""
    if not rows:
        raise bad_request("no_rows", "There are no rows in the body.")
    if len(rows) > MOST_ROWS:
        raise bad_request("too_many_rows", f"{MOST_ROWS:,} rows at most in one request: a job takes more.")
    return rows


def read_lines(lines: Sequence[bytes]) -> Iterator[Mapping[str, Any] | Unreadable]:
    """The row of each line that is not blank."""
    for line in lines:
        if line.strip():
            yield read_line(line)


def read_line(line: bytes) -> Mapping[str, Any] | Unreadable:
    """The row of one line, as strictly as a request's body is read."""
    try:
        # Strict about encodings and numbers; it would take the last of two equal names without a word.
        orjson.loads(line)
        found: Any = json.loads(line, object_pairs_hook=once_each, parse_constant=no_number)
    except Problem as problem:
        return Unreadable(problem.code, problem.detail, problem.errors, raw=line)
    except (ValueError, RecursionError):
        return Unreadable("malformed", "The line is not JSON in UTF-8.", raw=line)
    return found if isinstance(found, dict) else Unreadable("not_an_object", "A row is one JSON object.", raw=line)
