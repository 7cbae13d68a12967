"""Whoever has the address of a merged record is led to the one that it is now, however often that was merged since."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, models
from django.utils.formats import date_format

from crm import handbook
from crm.core.forwarding import Forward, Ref, use_finder, use_finder_of_many
from crm.duplicates.models import Tombstone
from crm.history.words import kind_name, kind_of

FOLLOW = """
    WITH RECURSIVE way (step, object, id) AS (
        SELECT 0, %s::text, %s::bigint
        UNION SELECT w.step + 1, t.survivor_object, t.survivor_id
        FROM way w JOIN duplicates_tombstone t ON t.object = w.object AND t.merged_id = w.id WHERE w.step < 1000)
    SELECT object, id FROM way ORDER BY step DESC LIMIT 1
"""
FOLLOW_ALL = """
    WITH RECURSIVE way (step, from_object, from_id, object, id) AS (
        SELECT 0, w.object, w.id, w.object, w.id FROM unnest(%s::text[], %s::bigint[]) AS w (object, id)
        UNION SELECT w.step + 1, w.from_object, w.from_id, t.survivor_object, t.survivor_id
        FROM way w JOIN duplicates_tombstone t ON t.object = w.object AND t.merged_id = w.id WHERE w.step < 1000)
    SELECT DISTINCT ON (from_object, from_id) from_object, from_id, object, id
    FROM way WHERE step > 0 ORDER BY from_object, from_id, step DESC
"""


@use_finder
def where_merged(kind: type[models.Model], pk: int) -> Forward | None:
    """The record at the end of the way, and who merged this one, into which."""
    name = str(kind._meta.model_name)
    stone = Tombstone.objects.filter(object=name, merged_id=pk).select_related("by").first()
    if stone is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, [name, pk])
        last, last_id = cursor.fetchone()
    survivor = kind_of(last)
    if survivor is None:
        return None
    day = date_format(stone.at.astimezone(handbook.current().zone), "DATE_FORMAT")
    said = f"{kind_name(name).capitalize()} {pk} was merged into {kind_name(last)} {last_id} by {stone.by} on {day}."
    return Forward(survivor, last_id, said)


@use_finder_of_many
def where_all_merged(refs: Collection[Ref]) -> dict[Ref, Ref]:
    """The records at the ends of the ways: one query, however many there are."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW_ALL, [[name for name, _ in refs], [pk for _, pk in refs]])
        return {(name, pk): (last, last_id) for name, pk, last, last_id in cursor.fetchall()}
