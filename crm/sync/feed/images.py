"""What records were at a version: one question for each kind of record on a page, whatever its size.

The log keeps no values of what was made. They are those of the row now, or of its last image before it was deleted,
with every later change taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection

from crm.core.api.representation import image_from_log, instant
from crm.core.api.resources import object_of
from crm.history.feed import Row

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]

IMAGES = """
    SELECT a.change_id, COALESCE(gone.what, to_jsonb(r)) || COALESCE(later.back, '{{}}'), r.version
    FROM unnest(%(changes)s::bigint[], %(records)s::bigint[]) AS a (change_id, record_id)
    LEFT JOIN LATERAL (
        SELECT c.id, c.what FROM history_change c
        WHERE c.object = %(object)s AND c.record_id = a.record_id AND c.id > a.change_id AND c.op = 'D'
        ORDER BY c.id LIMIT 1
    ) gone ON true
    LEFT JOIN (SELECT {columns} FROM {table}) r ON r.id = a.record_id AND gone.id IS NULL
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(one.key, one.value -> 0 ORDER BY c.id DESC) AS back
        FROM history_change c CROSS JOIN LATERAL jsonb_each(c.what) one
        WHERE c.object = %(object)s AND c.record_id = a.record_id AND c.id > a.change_id AND c.op = 'U'
          AND (gone.id IS NULL OR c.id < gone.id)
    ) later ON true
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a row says of itself now."""

    version: int
    updated_at: datetime


def images(view: View, rows: Sequence[Row]) -> dict[int, dict[str, Any] | None]:
    """The record after each of these changes, by the change's id; None where nothing is left of it."""
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            IMAGES.format(columns=_columns(view), table=view.model._meta.db_table),
            {
                "changes": [row.change_id for row in rows],
                "records": [row.record_id for row in rows],
                "object": object_of(view),
            },
        )
        found = {change_id: (image, version) for change_id, image, version in cursor.fetchall()}
    answer: dict[int, dict[str, Any] | None] = {}
    for row in rows:
        text, version = found[row.change_id]
        answer[row.change_id] = None if text is None else _told(view, row, _read(text), now=version == row.version)
    return answer


def present(view: View, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """These records as they are now, of those that are here."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.id, to_jsonb(r) FROM (SELECT {_columns(view)} FROM {view.model._meta.db_table}) r"
            " WHERE r.id = ANY(%s)",
            [sorted(set(ids))],
        )
        return {pk: image_from_log(view, _read(text)) for pk, text in cursor.fetchall()}


def standing(view: View, ids: Iterable[int]) -> dict[int, Standing]:
    """The version and the time of change of these rows, of those that are here."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = view.model._base_manager.filter(pk__in=wanted).values_list("pk", "version", "updated_at")
    return {pk: Standing(version, updated_at) for pk, version, updated_at in rows}


def _told(view: View, row: Row, image: dict[str, Any], *, now: bool) -> dict[str, Any]:
    """The record as answers have it.

    The log has no times of change. What was changed since has had its own; what an import brought with the time of
    another system is told here with that of its making.
    """
    image |= {"id": row.record_id, "version": row.version}
    if not now:
        image["updated_at"] = image["created_at"] if row.version == 1 else instant(row.at)
    return image_from_log(view, image)


def _read(text: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text, parse_float=Decimal) if isinstance(text, str) else text
    return found


def _columns(view: View) -> str:
    """The columns that the API tells, and no others."""
    told = set(view.serializer_class.columns().values())
    fields = view.model._meta.concrete_fields
    return ", ".join(f'"{field.column}"' for field in fields if field.attname in {*told, "id", "version"})
