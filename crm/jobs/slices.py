"""A job's slices: stored from dictionaries, or cut from a query by the database itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Window
from django.db.models.functions import RowNumber

from crm.jobs.models import Job, JobSlice

AT_ONCE = 1000
# Cuts what two columns say: the ids, and the place of each.
CUT = """
    INSERT INTO jobs_jobslice (job_id, number, input, previewed)
    SELECT %s, 1 + part, jsonb_build_object('ids', jsonb_agg(id ORDER BY place)), false
    FROM (SELECT id, place, (place - 1) / %s AS part FROM ({found}) AS found (id, place)) AS parted
    GROUP BY part
    RETURNING jsonb_array_length(input -> 'ids')
"""


@dataclass(frozen=True, slots=True)
class IdSlices:
    """The ids that a query finds, `size` in a slice: frozen when the job is asked, and never sent through Python."""

    queryset: models.QuerySet[Any]
    size: int
    ordered: bool = False


def slices_of_ids(queryset: models.QuerySet[Any], size: int, *, ordered: bool = False) -> IdSlices:
    """Slices `{"ids": [...]}` of a query's rows, by their ids or in the query's own order; a million in seconds."""
    return IdSlices(queryset, size, ordered)


def store_slices(job: Job, slices: Iterable[Mapping[str, Any]] | IdSlices) -> int:
    """Store the slices of a new job; the number of rows in them.

    A slice counts as many rows as it has `ids`, or says itself in `rows`.
    """
    if isinstance(slices, IdSlices):
        return _cut(job, slices)
    total, rest = 0, enumerate(slices, start=1)
    while batch := list(islice(rest, AT_ONCE)):
        parts = []
        for number, given in batch:
            parts.append(JobSlice(job=job, number=number, input=dict(given)))
            total += len(given["ids"]) if "ids" in given else int(given.get("rows", 0))
        JobSlice.objects.bulk_create(parts)
    return total


def _cut(job: Job, slices: IdSlices) -> int:
    # A search that joins finds a row more than once.
    rows = slices.queryset.model._base_manager.filter(pk__in=slices.queryset.order_by().values("pk"))
    order: Any = (slices.queryset.query.order_by if slices.ordered else ()) or ("pk",)
    query = rows.order_by().annotate(place=Window(RowNumber(), order_by=[*order])).values("pk", "place").query
    try:
        found, values = query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(CUT.format(found=found), [job.pk, slices.size, *values])
        return sum(row[0] for row in cursor.fetchall())
