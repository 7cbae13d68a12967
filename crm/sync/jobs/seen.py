"""Ids that came before in a job: the first row that names a record counts, each later one is refused and names it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import connection

from crm.core.api.problems import Flaw
from crm.core.text import tidy
from crm.sync.bulk.engine import RowResult, Unreadable
from crm.sync.bulk.finding import ids_of
from crm.sync.models import BulkJob, BulkKey

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet
    from crm.sync.jobs.reading import Row

INSERT = """
    INSERT INTO sync_bulkkey (bulk_id, key, row)
    SELECT %s, key, min(row) FROM unnest(%s::uuid[], %s::bigint[]) AS named (key, row) GROUP BY key ORDER BY key
    ON CONFLICT (bulk_id, key) DO NOTHING
"""
DONE = ("created", "updated", "unchanged", "deleted")


def refuse_seen(bulk: BulkJob, rows: Sequence[Row], view: type[RecordViewSet], *, first: int) -> list[Row]:
    """The rows, each whose record an earlier row of the job names replaced by its refusal; `first` is their first
    index. From now on these rows are earlier ones."""
    given = [_named(row) for row in rows]
    elsewhere = [name for _, name in given if name]
    known = ids_of(view.model, bulk.system, elsewhere) if elsewhere else {}
    keys = [
        [_hash("external_id", name)] * bool(name)
        + [_hash("id", number) for number in (pk, known.get(name)) if number is not None]
        for pk, name in given
    ]
    _remember(bulk, [(key, first + place) for place, held in enumerate(keys) for key in held])
    wanted = {key for held in keys for key in held}
    before = dict(BulkKey.objects.filter(bulk=bulk, key__in=wanted).values_list("key", "row")) if wanted else {}
    found: list[Row] = []
    for place, (row, held) in enumerate(zip(rows, keys, strict=True)):
        earlier = min((before[key] for key in held), default=first + place)
        pk, name = given[place]
        found.append(row if earlier >= first + place else _twice(earlier, pk, name))
    return found


def remember_done(bulk: BulkJob, results: Iterable[RowResult]) -> None:
    """Records that were made or found by another id are known by ours from now on."""
    _remember(bulk, [(_hash("id", one.id), one.index) for one in results if one.id and one.outcome in DONE])


def _remember(bulk: BulkJob, keys: Sequence[tuple[uuid.UUID, int]]) -> None:
    if keys:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [bulk.pk, [key for key, _ in keys], [row for _, row in keys]])


def _twice(earlier: int, pk: int | None, name: str) -> Unreadable:
    said = f"Row {earlier} has the same id: of two rows about one record the first counts."
    flaw = Flaw("external_id" if name else "id", "duplicate_key", said)
    return Unreadable("duplicate_key", said, [flaw], id=pk, external_id=name)


def _named(row: Row) -> tuple[int | None, str]:
    """Our id and the other system's, as far as they are any."""
    if isinstance(row, Unreadable):
        return None, ""
    pk, name = row.get("id"), row.get("external_id")
    number = pk if isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**63 else None
    return number, tidy(name) if isinstance(name, str) else ""


def _hash(kind: str, name: object) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.sha256(f"{kind}:{name}".encode("utf-8", "surrogatepass")).digest()[:16])
