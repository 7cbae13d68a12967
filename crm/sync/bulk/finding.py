"""Which records the rows of a batch are about, found and locked at once, in the order of ids that every door keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import prefetch_related_objects

from crm.core.api.problems import Problem, not_there, problem_of
from crm.sync.bulk.rows import Row, refuse_twice
from crm.sync.models import ExternalId
from crm.sync.upserting import refuse_merged

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

# What the policies of records look at.
ASKED = ("owner", "queue")


def find_records(view: RecordViewSet, rows: Sequence[Row], *, operation: str, system: str) -> None:
    """Put into each row its record, locked; refuse rows whose record is not there, or is another row's as well."""
    wanted = [row.external_id for row in rows if row.external_id and row.problem is None]
    if wanted:
        known = ids_of(view.model, system, wanted)
        for row in rows:
            if row.external_id in known:
                row.id = known[row.external_id]
    refuse_twice(rows)
    ids = sorted({row.id for row in rows if row.id is not None and row.problem is None})
    kind: Any = view.model
    locked = kind._base_manager.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    found = {one.pk: one for one in locked}
    prefetch_related_objects(list(found.values()), *(name for name in ASKED if _has(kind, name)))
    for row in rows:
        if row.problem is not None:
            continue
        row.record = found.get(row.id)
        if row.record is None and row.external_id and row.id is not None:
            # An id that outlived its record is free for a new one; not that of one that was merged.
            try:
                refuse_merged(kind, row.id)
            except Problem as gone:
                row.refuse(gone)
                continue
            row.id = None
        _judge(view, row, operation)


def ids_of(kind: type[Any], system: str, values: Sequence[str]) -> dict[str, int]:
    """Our ids of the records that a system calls so."""
    known = ExternalId.objects.filter(object=kind._meta.model_name, system=system, value__in=values)
    return dict(known.values_list("value", "record_id"))


def _judge(view: RecordViewSet, row: Row, operation: str) -> None:
    """Refuse what the operation does not do with a record that is there, or that is not."""
    if operation == "create":
        if row.record is not None:
            said = f"The system has told us of this id: it is {row.record.pk} here."
            row.refuse(Problem(409, "exists", said))
    elif row.record is None and row.id is not None:
        row.refuse(problem_of(not_there(view.model, row.id)) or Problem(404, "not_found", "There is no such record."))
    elif row.record is None and operation in ("update", "delete"):
        row.refuse(Problem(404, "not_found", "There is no record that the system calls so."))
    elif row.record is None and row.version is not None:
        row.refuse(Problem(412, "stale", "There is no record that the system calls so: not at this version either."))


def _has(kind: type[Any], name: str) -> bool:
    return any(field.name == name for field in kind._meta.concrete_fields)
