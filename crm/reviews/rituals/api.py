"""Rituals over the API: `/api/v1/rituals/` and `/api/v1/rituals/{key}/`, what `manage.py rituals --json` prints, with
what became of each time."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar

from django.http import Http404
from django.urls import URLPattern, re_path
from django_filters import FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.cursors import fingerprint, make_cursor, read_cursor
from crm.core.api.etags import Hashed
from crm.core.api.figures import KNOWN, UNCHANGED, FiguresView, parameter, shape
from crm.core.api.problems import Problem
from crm.core.api.queries import Reading
from crm.core.api.scopes import declare_right, declare_scopes
from crm.people.models import User
from crm.reviews.rituals.telling import all_told

SCOPE = "rituals:read"
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
DAY = {"type": "string", "format": "date"}
MAYBE_DAY = {"type": ["string", "null"], "format": "date"}
MAYBE_TEXT = {"type": ["string", "null"]}
MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}


def is_here(user: User) -> bool:
    """Whoever has a role here sees how rituals stand, programs too."""
    return bool(user.rights)


declare_scopes("rituals", read="See how rituals stand: due, done and missed, whose they are, what came of them")
declare_right(SCOPE, is_here)


TIME = shape(
    {
        "first_day": {**DAY, "description": "Of its period, in the company's calendar."},
        "last_day": DAY,
        "number": {**COUNT, "description": "Which time within the period, from 1."},
        "due": {**MAYBE_DAY, "description": "Null: welcome, never due."},
        "state": {"type": "string", "enum": ["done", "skipped", "missed"]},
        "at": MAYBE_TIME,
        "by": {**MAYBE_TEXT, "description": "By whom it was answered: an email; null where it was missed."},
        "came_of": {**TEXT, "description": "What came of it, or why it was skipped."},
        "checkup_run_id": {"type": ["integer", "null"], "description": "The run of the checkups that it was."},
    }
)
RITUAL = shape(
    {
        "key": TEXT,
        "place": {**COUNT, "description": "Which in the handbook's order, from 1."},
        "label": TEXT,
        "frequency": {**TEXT, "description": "In words, as “Three to four times a week”."},
        "dri": {"type": "array", "items": TEXT, "description": "Whose it is now, by email."},
        "state": {"type": "string", "enum": ["due", "missed", "done", "later"]},
        "due": {"type": "array", "items": DAY, "description": "Since when what is due now is due."},
        "next_due": MAYBE_DAY,
        "missed": {"type": "array", "items": DAY, "description": "The first days of periods of a year, newest first."},
        "streak": {**COUNT, "description": "How many periods in a row it was kept, up to now."},
        "last_done": shape(
            {"at": {"type": "string", "format": "date-time"}, "by": TEXT, "came_of": TEXT},
            type=["object", "null"],
        ),
        "history": {"type": "array", "items": TIME, "description": "What is decided of a year, the newest first."},
    }
)
PLACE = "place"
ANSWER = shape(
    {
        "results": {"type": "array", "items": RITUAL, "description": "Those that are on."},
        "next": MAYBE_TEXT,
        "next_cursor": MAYBE_TEXT,
        "off": {"type": "array", "items": TEXT, "description": "The keys of those that are switched off."},
    }
)


class RitualReading(Reading):
    """How rituals are listed: in the handbook's order, which is theirs by `place`; each is known by its key."""

    DEFAULT = PLACE

    def __init__(self) -> None:
        super().__init__({name: name for name in RITUAL["properties"]}, FilterSet)
        self.orderings = {PLACE: (PLACE,), f"-{PLACE}": (f"-{PLACE}",)}

    def chosen(self, params: Any) -> list[str]:
        """The fields that were asked for, and always the key."""
        found = super().chosen(params)
        return found if "key" in found else ["key", *found]


READING = RitualReading()
FIELDS = parameter("fields", "Only these fields, between commas; the key always.")


class RitualView(FiguresView):
    """What both addresses share: who may, and how every ritual stands."""

    resource = "rituals"
    scopes: ClassVar[dict[str, str]] = {"rituals": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "rituals"}

    def told(self) -> tuple[list[dict[str, Any]], list[str]]:
        """What is due, done and missed now, and what became of each time within a year; the keys of those off.

        Raises:
            Problem: 403 for who has no role here.
        """
        if not is_here(self.actor):
            raise Problem(403, "forbidden", "Rituals are for who works here.")
        found = all_told(handbook.current(), at=self.at, histories=True)
        return [{**row, PLACE: place} for place, row in enumerate(found["rituals"], start=1)], found["off"]


class Rituals(RitualView):
    """How every ritual stands."""

    @extend_schema(
        responses={200: ANSWER, 304: UNCHANGED},
        operation_id="rituals",
        parameters=[
            FIELDS,
            parameter("ordering", "In the handbook's order unless said.", enum=[*READING.orderings]),
            parameter("limit", "How many on a page, from 1 to 1000.", OpenApiTypes.INT),
            parameter("cursor", "next_cursor of the page before; for the same ordering."),
            KNOWN,
        ],
    )
    def get(self, request: Request) -> Response:
        """What is due, done and missed now, and what became of each time within a year."""
        query = READING.query(request.query_params)
        rows, off = self.told()
        back = query.ordering.startswith("-")
        bound_to = fingerprint(self.resource, query.ordering, {})
        if query.cursor:
            (last,) = read_cursor(query.cursor, bound_to)
            rows = [row for row in rows if (row[PLACE] < last if back else row[PLACE] > last)]
        rows.sort(key=itemgetter(PLACE), reverse=back)
        page = rows[: query.limit]
        following = make_cursor(bound_to, [page[-1][PLACE]]) if len(rows) > query.limit else None
        body = {
            "results": [{name: row[name] for name in query.fields} for row in page],
            "next": self.next_address(following),
            "next_cursor": following,
            "off": off,
        }
        return Hashed(request, body)


class OneRitual(RitualView):
    """How one ritual stands."""

    @extend_schema(responses={200: RITUAL, 304: UNCHANGED}, operation_id="rituals_retrieve", parameters=[FIELDS, KNOWN])
    def get(self, request: Request, key: str) -> Response:
        """The same of one, by its key in the handbook; one that is off is not there."""
        READING.refuse_unknown(request.query_params, {"fields"})
        names = READING.chosen(request.query_params)
        row = next((one for one in self.told()[0] if one["key"] == key), None)
        if row is None:
            raise Http404
        return Hashed(request, {name: row[name] for name in names})


addresses: list[URLPattern] = [
    re_path("^rituals/?$", Rituals.as_view(), name="rituals"),
    re_path("^rituals/(?P<key>[^/]+)/?$", OneRitual.as_view(), name="ritual"),
]
