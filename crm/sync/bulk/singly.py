"""One row at a time: through the same hooks of the resource's view as a request, in a savepoint of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from crm.core.api.etags import Condition, etag
from crm.core.api.problems import Problem
from crm.core.door import stale_since
from crm.core.errors import Stale
from crm.sync.bulk.asking import problem_for
from crm.sync.bulk.rows import Row, RowResult
from crm.sync.upserting import claim_ids

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet


def store_row(view: RecordViewSet, row: Row, *, operation: str, system: str) -> RowResult:
    """What became of one row.

    Raises:
        Exception: a fault of ours, or of the database: nothing of the whole batch can be stored then.
    """
    if row.problem is not None:
        return row.rejected()
    try:
        with transaction.atomic():
            result = _stored(view, row, operation, system)
            with connection.cursor() as cursor:
                # What the database would say no to only at the end, it says of this row now.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        return result
    except Stale as stale:
        row.refuse(view.stale(stale))
    except Exception as error:
        found = problem_for(error, view)
        if found is None or found.status >= 500:
            raise
        row.refuse(found)
    return row.rejected()


def _stored(view: RecordViewSet, row: Row, operation: str, system: str) -> RowResult:
    if row.record is None:
        pk, new = view.bring_in(row.body, known_as=(system, row.external_id) if row.external_id else None)
        if row.external_id:
            claim_ids(view.model, system, {row.external_id: pk})
        return RowResult(row.index, "created" if new else "unchanged", pk, row.external_id, version_of(view.model, pk))
    # Another row of the batch may have changed it since it was locked.
    pk, before = row.record.pk, version_of(view.model, row.record.pk)
    view.kwargs = {"pk": str(pk)}
    known = None if row.version is None else Condition(tags=(etag(pk, row.version),))
    if operation == "delete":
        refuse_without(view, "delete", "deletes")
        view.remove(pk, known)
        return RowResult(row.index, "deleted", pk, row.external_id)
    if operation == "upsert" and "patch" not in view.http_method_names:
        if row.version is not None and row.version != before:
            raise stale_since(row.record, row.version)
        # What somebody asked is what they asked: sent again it says nothing new.
        return RowResult(row.index, "unchanged", pk, row.external_id, before)
    refuse_without(view, "patch", "changes")
    view.change(pk, row.body, known)
    version = version_of(view.model, pk)
    return RowResult(row.index, "updated" if version != before else "unchanged", pk, row.external_id, version)


def refuse_without(view: RecordViewSet, method: str, does: str) -> None:
    """Refuse what the resource has no method for: nobody changes what somebody else said."""
    if method not in view.http_method_names:
        raise Problem(405, "method_not_allowed", f"Nobody {does} {view.resource} over the API.")


def version_of(kind: type[Any], pk: int) -> int | None:
    """The version that the record is at now."""
    found: int | None = kind._base_manager.filter(pk=pk).values_list("version", flat=True).first()
    return found
