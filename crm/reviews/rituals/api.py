"""Rituals over the API: `/api/v1/rituals/`, what `manage.py rituals --json` prints, with what became of each time."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.figures import FiguresView, shape
from crm.core.api.problems import Problem
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
ANSWER = shape(
    {
        "rituals": {"type": "array", "items": RITUAL, "description": "Those that are on, in the handbook's order."},
        "off": {"type": "array", "items": TEXT, "description": "The keys of those that are switched off."},
    }
)


class Rituals(FiguresView):
    """How every ritual stands."""

    resource = "rituals"
    scopes: ClassVar[dict[str, str]] = {"rituals": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "rituals"}

    @extend_schema(responses={200: ANSWER}, operation_id="rituals")
    def get(self, request: Request) -> Response:
        """What is due, done and missed now, and what became of each time within a year."""
        if not is_here(self.actor):
            raise Problem(403, "forbidden", "Rituals are for who works here.")
        self.no_query()
        return Response(all_told(handbook.current(), at=self.at, histories=True))
