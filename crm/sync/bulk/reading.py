"""Reading the bodies of a whole batch: each as strictly as alone, without a query for each.

A body that is plainly right is read here, by the same fields of the same serializer, and what the same text came to
before is not worked out again. Whatever is not plainly right is given to the serializer, which says what is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import models
from rest_framework.serializers import ValidationError

from crm.core.api.problems import Problem, invalid
from crm.sync.bulk.rows import Row

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

# What one field makes of one value does not depend on the row, where the value is one of these.
PLAIN = (str, int, bool, float)
# So many values are remembered for each field.
REMEMBERED = 20_000


class Reader:
    """Reads the bodies of one batch for one view, of new records or of existing ones."""

    def __init__(self, view: RecordViewSet, rows: Sequence[Row], *, existing: Any = None) -> None:
        self.view = view
        self.serializer = view.serializer(existing)
        kind = self.serializer
        self.fields = {name: field for name, field in kind.fields.items() if not field.read_only}
        self.known: dict[str, dict[Any, Any]] = {name: {} for name in self.fields}
        self.sources = {name: str(field.source) for name, field in self.fields.items()}
        self.keys = {
            name: column
            for name, field in self.fields.items()
            if isinstance(column := getattr(field, "column", None), models.ForeignKey)
        }
        sendable = kind.sendable()
        placed = set() if existing is not None else set(kind.placed) - set(kind.writable)
        self.plain = {name for name in self.fields if name in sendable and name not in placed}
        self.placed = placed
        self.needed = [name for name, field in self.fields.items() if field.required]
        self.there = self._ask(rows)

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
        if record is not None:
            self.serializer.instance = record
        values = self._plainly(body, record)
        if values is None:
            # One after another, in words, with the queries that it takes.
            return dict(self.serializer.read(body))
        if flaws := list(self.serializer.judge(values)):
            raise invalid(flaws)
        return values

    def _plainly(self, body: Mapping[str, Any], record: Any) -> dict[str, Any] | None:
        values: dict[str, Any] = {}
        placing = self.serializer.state in body
        for name in self.needed:
            if name not in body:
                return None
        for name, value in body.items():
            if name not in self.plain and not (placing and name in self.placed):
                return None
            try:
                made = self._value(name, value)
            except (ValidationError, Problem):
                return None
            there = name not in self.keys or made is None or made in self.there[name]
            if not there and (record is None or made != getattr(record, self.sources[name])):
                return None
            values[self.sources[name]] = made
        return values

    def _value(self, name: str, value: Any) -> Any:
        field = self.fields[name]
        if not isinstance(value, PLAIN):
            return field.run_validation(value)
        # Judged as of a new record: what only its own record may keep is for the serializer to say.
        record, self.serializer.instance = self.serializer.instance, None
        try:
            return self._judged(field, name, value)
        finally:
            self.serializer.instance = record

    def _judged(self, field: Any, name: str, value: Any) -> Any:
        known, key = self.known[name], (type(value), value)
        if key in known:
            return known[key]
        made = field.run_validation(value)
        if len(known) < REMEMBERED:
            known[key] = made
        return made
