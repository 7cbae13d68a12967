"""What an erasure blanked without changing it now: records that were deleted before, or whose history alone named the
person. Followers are told of those too, at the end of the erasing transaction, so that they forget what they know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import connection

from crm.history.feed import END, Cursor, Row
from crm.history.models import Transaction
from crm.sync.feed.erasures import Ref
from crm.sync.feed.images import present

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]


def ended(erased: Mapping[int, set[Ref]], after: Cursor, end: Cursor) -> dict[int, Transaction]:
    """Those of the erasing transactions that are told to their end between two cursors."""
    if not erased or after == end:
        return {}
    found = Transaction.objects.filter(pk__in=erased)
    return {
        one.pk: one
        for one in found
        if one.pos is not None and (after.pos, after.change_id) < (one.pos, END) <= (end.pos, end.change_id)
    }


def unchanged(
    views: Mapping[str, View], refs: Mapping[int, set[Ref]], rows: Iterable[Row]
) -> dict[int, list[dict[str, Any]]]:
    """What is told of each transaction's records that it has no change of: what is there of them now, or null.

    One question for each kind of record, and one for all that are gone.
    """
    told = {(row.transaction_id, row.object, row.record_id) for row in rows}
    wanted = {
        number: sorted(ref for ref in some if ref[0] in views and (number, *ref) not in told)
        for number, some in refs.items()
    }
    every = {ref for some in wanted.values() for ref in some}
    here: dict[Ref, dict[str, Any]] = {}
    for name, view in views.items():
        if ids := [pk for kind, pk in every if kind == name]:
            here |= {(name, pk): record for pk, record in present(view, ids).items()}
    gone = _last_versions(every - here.keys())
    found: dict[int, list[dict[str, Any]]] = {}
    for number, some in wanted.items():
        for name, pk in some:
            record = here.get((name, pk))
            version = record["version"] if record else gone.get((name, pk))
            if version is not None:
                one = {"object": views[name].resource, "id": pk, "version": version, "record": record}
                found.setdefault(number, []).append(one)
    return found


def _last_versions(refs: set[Ref]) -> dict[Ref, int]:
    """The versions at which records were deleted."""
    if not refs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.object, c.record_id, max(c.version) FROM history_change c"
            " JOIN unnest(%s::text[], %s::bigint[]) AS a (object, id) ON c.object = a.object AND c.record_id = a.id"
            " WHERE c.op = 'D' GROUP BY 1, 2",
            [[name for name, _ in refs], [pk for _, pk in refs]],
        )
        return {(name, pk): version for name, pk, version in cursor.fetchall()}
