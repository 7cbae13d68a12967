"""The rows of a batch: what came, what is known of each, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm.core.api.problems import Flaw, Problem, invalid
from crm.core.api.queries import LARGEST_ID
from crm.core.text import tidy
from crm.sync.models import ExternalId

OPERATIONS = ("create", "update", "upsert", "delete")
# What a row says beside the fields of its record.
RESERVED = ("id", "external_id", "if_version")
LONGEST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is refused before anybody looks at its fields: it could not be read, or its id came before."""

    code: str
    message: str
    errors: Sequence[Flaw] = ()
    id: int | None = None
    external_id: str = ""
    # What came, where it could not be read: another line is another request.
    raw: bytes = b""


@dataclass(slots=True)
class RowResult:
    """What became of one row: `outcome` is created, updated, unchanged, deleted, rejected or unprocessed.

    `version` is the record's now. `code`, `message` and `errors` say why, in the words that the row alone would have
    been answered with.
    """

    index: int
    outcome: str
    id: int | None = None
    external_id: str = ""
    version: int | None = None
    code: str = ""
    message: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "index": self.index,
            "outcome": self.outcome,
            "id": self.id,
            "external_id": self.external_id or None,
            "version": self.version,
            "code": self.code,
            "message": self.message,
            "errors": self.errors,
        }


@dataclass(slots=True)
class Row:
    """One row while it is worked: its fields, by what it is known, and which record that is."""

    index: int
    body: dict[str, Any]
    id: int | None = None
    external_id: str = ""
    version: int | None = None
    problem: Problem | None = None
    record: Any = None

    @property
    def key(self) -> tuple[str, Any] | None:
        """What it is known by; None where it makes a record that nobody has a name for yet."""
        if self.external_id:
            return ("external_id", self.external_id)
        return None if self.id is None else ("id", self.id)

    def refuse(self, problem: Problem) -> None:
        """Say why it will not do; what was said first stays."""
        self.problem = self.problem or problem

    def rejected(self) -> RowResult:
        """The answer of a row that was refused."""
        problem = self.problem or Problem(409, "conflict", "It was refused.")
        return RowResult(
            self.index,
            "rejected",
            self.id,
            self.external_id,
            None,
            problem.code,
            problem.detail,
            [flaw.as_json() for flaw in problem.errors],
        )


def read_rows(sent: Sequence[Mapping[str, Any] | Unreadable], *, operation: str, system: str, first: int) -> list[Row]:
    """The rows as they are worked; a name that came before refuses the later row."""
    rows = [_read(index, one, operation, system) for index, one in enumerate(sent, first)]
    refuse_twice(rows)
    return rows


def refuse_twice(rows: Sequence[Row]) -> None:
    """The first row of a name counts, whatever becomes of it; each later one names it."""
    seen: dict[tuple[str, Any], int] = {}
    for row in rows:
        keys = [key for key in (row.key, ("id", row.id) if row.id is not None else None) if key]
        before = next((seen[key] for key in keys if key in seen), None)
        if before is not None and before != row.index:
            said = f"Row {before} has the same id: of two rows about one record the first counts."
            row.refuse(Problem(409, "duplicate_key", said, [Flaw(str(keys[0][0]), "duplicate_key", said)]))
        for key in keys:
            seen.setdefault(key, row.index)


def _read(index: int, sent: Mapping[str, Any] | Unreadable, operation: str, system: str) -> Row:
    if isinstance(sent, Unreadable):
        problem = Problem(400, sent.code, sent.message, sent.errors)
        return Row(index, {}, sent.id, sent.external_id, problem=problem)
    if not isinstance(sent, Mapping):
        return Row(index, {}, problem=Problem(400, "not_an_object", "A row is one JSON object."))
    row = Row(index, {name: value for name, value in sent.items() if name not in RESERVED})
    flaws = [*_read_id(row, sent), *_read_external_id(row, sent, system), *_read_version(row, sent)]
    flaws = flaws or list(_misplaced(row, operation))
    if flaws:
        row.problem = invalid(flaws)
    return row


def _read_id(row: Row, sent: Mapping[str, Any]) -> list[Flaw]:
    pk = sent.get("id")
    if pk is None:
        return []
    if isinstance(pk, bool) or not isinstance(pk, int) or not 0 < pk <= LARGEST_ID:
        return [Flaw("id", "type", "Send our id of the record, a whole number.")]
    row.id = pk
    return []


def _read_external_id(row: Row, sent: Mapping[str, Any], system: str) -> list[Flaw]:
    value = sent.get("external_id")
    if value is None:
        return []
    longest: Any = ExternalId._meta.get_field("value").max_length  # type: ignore[union-attr]
    if not isinstance(value, str):
        return [Flaw("external_id", "type", "Send a text.")]
    if "\x00" in value:
        return [Flaw("external_id", "null_characters_not_allowed", "Null characters are not allowed.")]
    value = tidy(value)
    if not 1 <= len(value) <= longest or not _sayable(value):
        return [Flaw("external_id", "invalid_id", f"It is from 1 to {longest} characters long.")]
    row.external_id = value
    if not system:
        return [Flaw("external_id", "needs_system", "Say whose id it is: ?system=… names the system.")]
    return []


def _read_version(row: Row, sent: Mapping[str, Any]) -> list[Flaw]:
    version = sent.get("if_version")
    if version is None:
        return []
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version <= LONGEST_VERSION:
        return [Flaw("if_version", "type", "Send the version that you read, a whole number.")]
    row.version = version
    return []


def _misplaced(row: Row, operation: str) -> list[Flaw]:
    """What the operation needs and has not, or has no use for."""
    if operation == "create":
        flaws = [] if row.id is None else [Flaw("id", "read_only", "“id” is not set by hand.")]
        if row.version is not None:
            flaws.append(Flaw("if_version", "read_only", "A new record has no version yet."))
        return flaws
    if row.id is not None and row.external_id:
        return [Flaw("external_id", "two_ids", "Name the record by one of the two: id or external_id.")]
    if row.key is None:
        return [Flaw("external_id", "required", "Name the record: by our id, or by external_id with ?system=….")]
    if operation == "delete":
        return [Flaw(name, "unknown_field", f"“{name}” is no field here.") for name in row.body]
    return []


def _sayable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
