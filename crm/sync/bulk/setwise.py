"""Many rows at once: judged together, copied into a temporary table, written by statements over sets.

A set that the database does not take is halved until what it does not take is found: the first rows are stored before
the later ones are tried, and the last few one by one, so that each row has the answer it would have had alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.models.signals import post_save

from crm.core.acting import because
from crm.core.api.etags import Condition, etag
from crm.core.api.many import Candidate, Many
from crm.core.api.problems import Problem
from crm.core.api.scopes import require_scope
from crm.core.api.writes import VIA, refuse_future
from crm.core.door import entry_move, next_ids, stale_since
from crm.core.errors import Refused, Stale
from crm.core.flow import Ask, Stateful
from crm.core.permissions import may
from crm.core.phones import PhoneKey, renew_keys
from crm.history.models import Move
from crm.sync.bulk.asking import problem_for
from crm.sync.bulk.reading import Reader
from crm.sync.bulk.rows import Row, RowResult
from crm.sync.bulk.singly import refuse_without, store_row
from crm.sync.store import drop, insert_plain, stage
from crm.sync.upserting import claim_ids

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

# Fewer are stored one by one: a set costs some statements of its own.
FEW = 8
SAYS_NO = (IntegrityError, DataError, Refused, ValidationError, Problem)


@dataclass(slots=True)
class Planned:
    """A row that was read, and may be stored with others."""

    row: Row
    values: dict[str, Any]
    candidate: Candidate
    at: Any = None
    used: bool = field(default=False)


class Sets:
    """Stores one batch of one view."""

    def __init__(self, view: RecordViewSet, *, operation: str, system: str) -> None:
        self.view, self.operation, self.system = view, operation, system
        self.model: Any = view.model
        self.many: Many = view.many(view)  # type: ignore[misc]
        self.flow = self.model.FLOW if issubclass(self.model, Stateful) else ""
        self.columns = {str(one.attname): one for one in self.model._meta.concrete_fields}
        self.documents = {name for name, one in self.columns.items() if isinstance(one, models.JSONField)}
        self.phones = {one.of: str(one.attname) for one in self.columns.values() if isinstance(one, PhoneKey)}

    def store(self, rows: Sequence[Row]) -> list[RowResult]:
        """What became of each row, in their order."""
        results: dict[int, RowResult] = {}
        planned = self.plan([row for row in rows if row.problem is None])
        alone = self.many.alone([one.candidate for one in planned])
        self.store_set([one for place, one in enumerate(planned) if place not in alone], results)
        for place in sorted(alone):
            self.singly(planned[place].row, results)
        return [results.get(row.index) or row.rejected() for row in rows]

    def singly(self, row: Row, results: dict[int, RowResult]) -> None:
        """Store one row by itself."""
        results[row.index] = store_row(self.view, row, operation=self.operation, system=self.system)

    # --- judging ------------------------------------------------------------------------------------------------------

    def plan(self, rows: Sequence[Row]) -> list[Planned]:
        """The rows that will do as far as can be seen; the others are told why not."""
        there = [row for row in rows if row.record is not None]
        fresh = Reader(self.view, [row for row in rows if row.record is None])
        changing = Reader(self.view, there, existing=there[0].record) if there else fresh
        found = []
        for row in rows:
            try:
                found.append(self.plan_new(row, fresh) if row.record is None else self.plan_change(row, changing))
            except Stale as stale:
                row.refuse(self.view.stale(stale))
            except Exception as error:
                problem = problem_for(error, self.view)
                if problem is None or problem.status >= 500:
                    raise
                row.refuse(problem)
        return found

    def plan_new(self, row: Row, reader: Reader) -> Planned:
        """A new record, as `RecordViewSet.bring_in` and `store` make it."""
        if not may(self.view.actor, "add", self.model):
            raise Problem(403, "forbidden", f"This key's user may add no {self.model._meta.verbose_name_plural}.")
        values = reader.read(row)
        state, at = (values.get(self.flow), values.get(f"{self.flow}_since")) if self.flow else (None, None)
        if self.flow:
            placing = state not in {None, *self.model.entry_states()}
            if at is not None or placing:
                require_scope(self.view.request, f"{self.view.resource}:place")
                refuse_future(self.model, at, now=self.view.at, name_of=self.view.serializer_class.name_of)
            if placing and not may(self.view.actor, "place", self.model):
                said = f"A {self.model._meta.verbose_name} is placed in a status by imports only."
                raise Refused("forbidden", said)
        plain = {name: value for name, value in values.items() if name not in (self.flow, f"{self.flow}_since")}
        return Planned(row, plain, Candidate(self.view.make(dict(plain)), plain.keys(), True, plain.keys(), state), at)

    def plan_change(self, row: Row, reader: Reader) -> Planned:
        """A change, as `change_record` makes it."""
        record = row.record
        refuse_without(self.view, "patch", "changes")
        if not may(self.view.actor, "change", record):
            raise Refused("forbidden", f"This key's user may not change this {self.model._meta.verbose_name}.")
        if row.version is not None and not Condition((etag(record.pk, row.version),)).allows(record.pk, record.version):
            self.view.kwargs = {"pk": str(record.pk)}
            raise stale_since(record, row.version)
        values = reader.read(row)
        changed = {name: value for name, value in values.items() if getattr(record, name) != value}
        return Planned(row, changed, Candidate(record, changed.keys(), False, values.keys()))

    # --- deleting -----------------------------------------------------------------------------------------------------

    def delete(self, rows: Sequence[Row]) -> list[RowResult]:
        """Delete together what nothing holds; what is held is looked for by halves, and told of by itself."""
        results: dict[int, RowResult] = {}
        wanted = []
        for row in rows:
            if row.problem is not None:
                continue
            fresh = row.version is None or row.version == row.record.version
            if fresh and may(self.view.actor, "delete", row.record):
                wanted.append(row)
            else:
                self.singly(row, results)
        self.delete_set(wanted, results)
        return [results.get(row.index) or row.rejected() for row in rows]

    def delete_set(self, rows: Sequence[Row], results: dict[int, RowResult]) -> None:
        """Delete these together, or halves of them."""
        if len(rows) < FEW:
            for row in rows:
                self.singly(row, results)
            return
        try:
            with transaction.atomic():
                self.model._base_manager.filter(pk__in=[row.record.pk for row in rows]).delete()
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        except SAYS_NO:
            middle = len(rows) // 2
            self.delete_set(rows[:middle], results)
            self.delete_set(rows[middle:], results)
            return
        for row in rows:
            results[row.index] = RowResult(row.index, "deleted", row.record.pk, row.external_id)

    # --- storing ------------------------------------------------------------------------------------------------------

    def store_set(self, planned: Sequence[Planned], results: dict[int, RowResult]) -> None:
        """Store these together; what the database does not take is looked for by halves, in their order."""
        if not planned:
            return
        if len(planned) < FEW:
            for one in planned:
                self.singly(one.row, results)
            return
        try:
            with transaction.atomic():
                found = [*self.insert([one for one in planned if one.candidate.new])]
                found += self.update([one for one in planned if not one.candidate.new])
                with connection.cursor() as cursor:
                    # What the database would say no to only at the end, it says of these now.
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        except SAYS_NO as error:
            if wrong := self.breaking(planned, error):
                for one in wrong.values():
                    self.singly(one.row, results)
                self.store_set([one for one in planned if id(one) not in wrong], results)
                return
            middle = len(planned) // 2
            self.store_set(planned[:middle], results)
            self.store_set(planned[middle:], results)
            return
        results |= {result.index: result for result in found}

    def breaking(self, planned: Sequence[Planned], error: Exception) -> dict[int, Planned]:
        """Those that break the check which the database named: looking for each by halves stores the others often."""
        named = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        rule = next((one for one in self.model._meta.constraints if one.name == named), None)
        if not isinstance(rule, models.CheckConstraint):
            return {}
        found = {}
        for one in planned:
            record = one.candidate.record
            if not one.candidate.new:
                for name, value in one.values.items():
                    setattr(record, name, value)
            try:
                rule.validate(self.model, record)
            except ValidationError:
                found[id(one)] = one
        return found

    def insert(self, planned: Sequence[Planned]) -> list[RowResult]:
        """Make the new records, with their moves, for each reason by one statement."""
        if not planned:
            return []
        for one in planned:
            self.ready(one)
        by_record = {id(one.candidate.record): one for one in planned}
        ids = next_ids(self.model, len(planned))
        for one, pk in zip(planned, ids, strict=True):
            one.candidate.record.pk = pk
        for why, candidates in self.many.groups([one.candidate for one in planned]):
            # As every reason of a domain call that has none of its own.
            with because(f" {why}" if why else ""):
                some = [by_record[id(candidate.record)] for candidate in candidates]
                self.write_moves(some)
                self.copy_new(some)
        if self.system and (
            named := {one.row.external_id: one.candidate.record.pk for one in planned if one.row.external_id}
        ):
            claim_ids(self.model, self.system, named)
        self.many.stored([one.candidate for one in planned])
        if post_save.has_listeners(self.model):
            for one in planned:
                post_save.send(self.model, instance=one.candidate.record, created=True, raw=False, using="default")
        return [RowResult(one.row.index, "created", one.candidate.record.pk, one.row.external_id, 1) for one in planned]

    def ready(self, one: Planned) -> None:
        """Make the record of an attempt: of one that was undone nothing is left."""
        record = self.view.make(dict(one.values)) if one.used else one.candidate.record
        one.used = True
        one.candidate = replace(one.candidate, record=record)
        self.many.complete(record, one.values.keys())
        for of, key in self.phones.items():
            if record.__dict__.get(of):
                self.columns[key].pre_save(record, True)
        if self.flow:
            record.__dict__[self.flow] = one.candidate.state or record.current_state
            setattr(record, f"{self.flow}_since", one.at or self.view.at)

    def write_moves(self, planned: Sequence[Planned]) -> None:
        """The moves that explain in which status new records begin, where it is not the first."""
        if not self.flow:
            return
        entries, initial, moves = self.model.entry_states(), self.model.initial_state(), []
        for one in planned:
            record = one.candidate.record
            if record.current_state != initial:
                verb = "create" if record.current_state in entries else "place"
                at = getattr(record, f"{self.flow}_since")
                moves.append(entry_move(record, verb=verb, ask=Ask(self.view.actor, at, VIA, "")))
        for step in Move.objects.bulk_create(moves, batch_size=1000):
            post_save.send(Move, instance=step, created=True, raw=False, using="default")

    def copy_new(self, planned: Sequence[Planned]) -> None:
        """Copy the new records into a temporary table, and from there into their own."""
        first = planned[0].candidate.record
        given = {name for one in planned for name in one.values} | {*self.many.also, *self.made(first, planned[0])}
        given |= {key for of, key in self.phones.items() if of in given}
        given |= {self.flow, f"{self.flow}_since"} if self.flow else set()
        names = sorted(name for name in given if name in self.columns)
        rows = ((one.candidate.record.pk, *self.written(one.candidate.record, names)) for one in planned)
        types = {name: str(self.columns[name].cast_db_type(connection)) for name in names}
        with connection.cursor() as cursor:
            stage(cursor, "bulk_new", {"record_id": "bigint", **types}, rows, joined=False)
            insert_plain(cursor, self.model, "bulk_new", names)
            drop(cursor, "bulk_new")

    def made(self, record: Any, one: Planned) -> set[str]:
        """The attributes that `make` sets beside those of the row: where they differ from what is the default."""
        plain = self.model()
        return {
            name
            for name, column in self.columns.items()
            if not isinstance(column, models.GeneratedField)
            and name not in ("id", *one.values)
            and name in record.__dict__
            and record.__dict__[name] != plain.__dict__.get(name)
        }

    def written(self, record: Any, names: Sequence[str]) -> list[Any]:
        """The values of a record in the form COPY takes; texts were tidied when they were read."""
        values = record.__dict__
        found = [values[name] for name in names]
        for place, name in enumerate(names):
            if name in self.documents:
                found[place] = self.columns[name].get_db_prep_save(found[place], connection)
        return found

    def update(self, planned: Sequence[Planned]) -> list[RowResult]:
        """Bring existing records up to their rows by one statement; a row that says nothing new writes nothing."""
        written: dict[int, int] = {}
        changing = [one for one in planned if one.values]
        if changing:
            for one in changing:
                record = one.candidate.record
                for name, value in one.values.items():
                    setattr(record, name, value)
                also = {*self.many.complete(record, one.values.keys())}
                also |= {str(self.model._meta.get_field(key).attname) for key in renew_keys(record, one.values.keys())}
                one.values.update({name: getattr(record, name) for name in also})
            written = self.copy_changed(changing)
        found = []
        for one in planned:
            pk, version = one.candidate.record.pk, written.get(one.candidate.record.pk)
            outcome = "unchanged" if version is None else "updated"
            told = version or one.candidate.record.version
            found.append(RowResult(one.row.index, outcome, pk, one.row.external_id, told))
        return found

    def copy_changed(self, planned: Sequence[Planned]) -> dict[int, int]:
        """Write the changes; the version of each record that was changed."""
        names = sorted({name for one in planned for name in one.values})
        types = {name: str(self.columns[name].cast_db_type(connection)) for name in names}
        rows = ((one.candidate.record.pk, *self.written(one.candidate.record, names)) for one in planned)
        sets = ", ".join(f'"{self.columns[name].column}" = s."{name}"' for name in names)
        with connection.cursor() as cursor:
            stage(cursor, "bulk_changed", {"record_id": "bigint", **types}, rows)
            cursor.execute(
                f"UPDATE {self.model._meta.db_table} r SET {sets} FROM bulk_changed s WHERE r.id = s.record_id"
                " RETURNING r.id, r.version"
            )
            written = dict(cursor.fetchall())
            drop(cursor, "bulk_changed")
        return written
