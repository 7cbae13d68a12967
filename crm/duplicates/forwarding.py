"""Whoever has the address of a merged record is led to the one that it is now, however often that was merged since."""

from __future__ import annotations

from django.db import connection, models
from django.utils.formats import date_format

from crm import handbook
from crm.core.forwarding import Forward, use_finder
from crm.duplicates.models import Tombstone
from crm.history.words import kind_name, kind_of

FOLLOW = """
    WITH RECURSIVE way (step, object, id) AS (
        SELECT 0, %s::text, %s::bigint
        UNION SELECT w.step + 1, t.survivor_object, t.survivor_id
        FROM way w JOIN duplicates_tombstone t ON t.object = w.object AND t.merged_id = w.id WHERE w.step < 1000)
    SELECT object, id FROM way ORDER BY step DESC LIMIT 1
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
