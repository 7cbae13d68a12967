"""Rituals as a file: how each stands, and what became of each time within a year; on record as every export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crm import handbook
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.telling import all_told

NOW = ["Ritual", "How often", "Whose it is", "Now", "Due since", "Next due", "Periods in a row", "Missed"]
TIME = ["From", "To", "Time", "Due", "Held", "By", "At", "What came of it"]
COLUMNS = [*NOW, *TIME]


def export_rituals(*, actor: User, at: datetime, via: str) -> Job:
    """Write how rituals stand into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    return FILE.export({}, title="rituals", said="", actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Everybody human who works here sees rituals.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Occasion):
        raise Refused("forbidden", "Rituals are for people who work here.")


def lines(asked: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """One line for each ritual as it stands, each followed by one for each time that is decided, the newest first."""
    yield COLUMNS
    for one in all_told(handbook.current(), at=at, histories=True)["rituals"]:
        yield [
            one["label"], one["frequency"], ", ".join(one["dri"]), one["state"], ", ".join(one["due"]),
            one["next_due"], one["streak"], len(one["missed"]), *[""] * len(TIME),
        ]  # fmt: skip
        for time in one["history"]:
            yield [
                one["label"], *[""] * (len(NOW) - 1), time["first_day"], time["last_day"], time["number"], time["due"],
                time["state"], time["by"], time["at"], time["came_of"],
            ]  # fmt: skip


FILE = FiguresFile("rituals.export", Occasion, lines, refuse_others)
