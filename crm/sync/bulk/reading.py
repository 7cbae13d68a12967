"""Reading the bodies of a whole batch: each as strictly as alone, without a query for each.

A body that is plainly right is read here, by the same fields of the same serializer, and what the same text came to
before is not worked out again. Whatever is not plainly right is given to the serializer, which says what is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models
from rest_framework.serializers import ValidationError

from crm.core.api.problems import Problem, invalid
from crm.sync.bulk.rows import Row

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

# What one field makes of one value does not depend on the row, where the value is one of these.
PLAIN = frozenset({str, int, bool, float, type(None)})
UNKNOWN: Any = object()
# So many values are remembered for each field.
REMEMBERED = 20_000


@dataclass(slots=True)
class Known:
    """One field: what judges a value, the attribute it goes to, what was judged before, and which records there are."""

    judge: Callable[[Any], Any]
    source: str
    there: set[int] | None
    made: dict[Any, Any] = field(default_factory=dict)


class Reader:
    """Reads the bodies of one batch for one view, of new records or of existing ones."""

    def __init__(self, view: RecordViewSet, rows: Sequence[Row], *, existing: Any = None) -> None:
        self.serializer = kind = view.serializer(existing)
        fields = {name: one for name, one in kind.fields.items() if not one.read_only}
        self.keys = {
            name: column
            for name, one in fields.items()
            if isinstance(column := getattr(one, "column", None), models.ForeignKey)
        }
        there, sendable = self._ask(rows), kind.sendable()
        known = {
            name: Known(one.run_validation, str(one.source), there.get(name))
            for name, one in fields.items()
            if name in sendable
        }
        only_placed = set() if existing is not None else set(kind.placed) - set(kind.writable)
        self.plain = {name: one for name, one in known.items() if name not in only_placed}
        self.placed = {name: one for name, one in known.items() if name in only_placed}
        self.needed = [name for name, one in fields.items() if one.required]

    def _ask(self, rows: Sequence[Row]) -> dict[str, set[int]]:
        """For each foreign key, which of the named records may be referred to: one query for each kind of record."""
        asked: dict[type[models.Model], set[int]] = defaultdict(set)
        for name, column in self.keys.items():
            kind: Any = column.remote_field.model
            asked[kind] |= {pk for row in rows if type(pk := row.body.get(name)) is int and 0 < pk < 2**63}
        there = {
            kind: set(self.serializer.available(kind).filter(pk__in=ids).values_list("pk", flat=True))
            for kind, ids in asked.items()
            if ids
        }
        return {name: there.get(column.remote_field.model, set()) for name, column in self.keys.items()}

    def read(self, row: Row) -> dict[str, Any]:
        """The values of a row by model attribute.

        Raises:
            Problem: as the serializer says it.
        """
        record, body = row.record, row.body
        self.serializer.instance = record
        values = self._plainly(body, record)
        if values is None:
            # One after another, in words, with the queries that it takes.
            return dict(self.serializer.read(body))
        if flaws := list(self.serializer.judge(values)):
            raise invalid(flaws)
        return values

    def _plainly(self, body: Mapping[str, Any], record: Any) -> dict[str, Any] | None:
        """The values of a body that is plainly right; None of any other."""
        if any(name not in body for name in self.needed):
            return None
        values: dict[str, Any] = {}
        placing, serializer = self.serializer.state in body, self.serializer
        try:
            for name, value in body.items():
                known = self.plain.get(name)
                if known is None:
                    if not placing or name not in self.placed:
                        return None
                    known = self.placed[name]
                if type(value) in PLAIN:
                    key = value if type(value) is str else (type(value), value)
                    made = known.made.get(key, UNKNOWN)
                    if made is UNKNOWN:
                        # Judged as of a new record: what only its own record may keep is for the serializer to say.
                        serializer.instance = None
                        made = known.judge(value)
                        if len(known.made) < REMEMBERED:
                            known.made[key] = made
                else:
                    serializer.instance = record
                    made = known.judge(value)
                refers = known.there is not None and made is not None and made not in known.there
                if refers and (record is None or made != getattr(record, known.source)):
                    return None
                values[known.source] = made
        except (ValidationError, Problem):
            return None
        finally:
            serializer.instance = record
        return values
