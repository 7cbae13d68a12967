"""Meetings of a record and of what belongs to it: those with notes, and those that passed without."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models import QuerySet

from crm.activities.models import ABOUT, Activity
from crm.activities.timeline import parts_seen
from crm.activities.timeline_rows import OWN, TOUCH, scope_of
from crm.core.permissions import may
from crm.people.models import User

WITH_NOTES = "AND r.kind = 'meeting' AND (r.notes_url <> '' OR r.text <> '')"
WITHOUT = "AND r.kind = 'meeting' AND r.outcome = 'held' AND r.notes_url = '' AND r.text = ''"


@dataclass(frozen=True, slots=True)
class Passed:
    """A meeting that passed without notes: with whom, when, and the touch that has none, or where to say more."""

    who: str
    at: datetime
    touch: Activity | None = None
    address: str = ""


# What knows of meetings that nobody has logged yet: gives those of a record that have passed.
Source = Callable[[models.Model, User, datetime], Iterable[Passed]]
S = TypeVar("S", bound=Source)
_sources: list[Source] = []


def knows_meetings(source: S) -> S:
    """Ask this function too, which meetings of a record have passed without notes."""
    _sources.append(source)
    return source


def meetings_with_notes(record: models.Model, *, user: User, most: int) -> list[Activity]:
    """The newest meetings whose notes are here or elsewhere."""
    return _meetings(record, WITH_NOTES, user, most)


def meetings_without_notes(record: models.Model, *, user: User, at: datetime, most: int) -> list[Passed]:
    """The newest meetings that were held, or whose time has passed, and of which nothing is written down."""
    logged = [Passed(str(touch.about), touch.happened_at, touch) for touch in _meetings(record, WITHOUT, user, most)]
    others = [one for source in _sources for one in source(record, user, at)]
    return sorted([*logged, *others], key=lambda one: one.at, reverse=True)[:most]


def _meetings(record: models.Model, condition: str, user: User, most: int) -> list[Activity]:
    if not may(user, "view", Activity):
        return []
    scope, kinds = scope_of(record, parts_seen(record, user))
    table, at, written = TOUCH
    each = [OWN.format(kind=kind, table=table, at=at, written=written, older=condition) for kind in kinds]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH scope AS MATERIALIZED ({scope}) SELECT q.id FROM ({' UNION '.join(each)}) q"
            " ORDER BY q.at DESC, q.id DESC LIMIT %(most)s",
            {"pk": record.pk, "most": most},
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    found: QuerySet[Any] = Activity.objects.filter(pk__in=ids).select_related("by", "contact__account", *ABOUT)
    return [touch for touch in found.newest_first() if may(user, "view", touch)]  # type: ignore[attr-defined]
