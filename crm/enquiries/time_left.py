"""How much time is left to answer each lead: kept beside the leads, so that a list of a million is sorted by it.

Triggers keep it (migration 0004), on every way of writing: a clock that starts, stops, is held up or gets other times,
an enquiry that is attached to another lead, a merge, a conversion, an undo. A lead is never a new version by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

BREACHED, AT_RISK, IN_TIME, HELD_UP, NONE = "breached", "at_risk", "in_time", "held_up", "none"
WORDS = {
    BREACHED: "Limit passed",
    AT_RISK: "At risk",
    IN_TIME: "In time",
    HELD_UP: "Held up",
    NONE: "Nothing to answer",
}


class TimeLeftQuerySet(models.QuerySet["TimeLeft"]):
    """Reads of what is left."""

    def in_state(self, state: str, *, at: datetime) -> Self:
        """The leads in one of the states but `NONE`, of which there are no rows to speak of."""
        ahead = Q(limit_at__gt=at)
        return self.filter(
            {
                BREACHED: Q(limit_at__lte=at),
                AT_RISK: ahead & Q(warned=True),
                IN_TIME: ahead & Q(warned=False),
                HELD_UP: Q(limit_at=None, held_up=True),
            }[state]
        )

    def open(self) -> Self:
        """The leads that somebody has to answer: their clock runs, or is held up."""
        return self.filter(Q(limit_at__isnull=False) | Q(held_up=True))


class TimeLeft(models.Model):
    """Of one lead the limit that comes first among its running clocks; no column of the lead, and no key to it.

    `limit_at` is empty when none runs. Nothing is owed to the lead then, or what is owed is held up.
    """

    lead_id = models.BigIntegerField(primary_key=True)
    limit_at = models.DateTimeField(null=True)
    # Whether somebody was warned of the clock whose limit comes first.
    warned = models.BooleanField(default=False)
    held_up = models.BooleanField(default=False)

    objects = TimeLeftQuerySet.as_manager()

    class Meta:
        verbose_name = "time left"
        verbose_name_plural = "times left"
        ordering = ["limit_at", "lead_id"]
        indexes = [
            models.Index(
                fields=["limit_at", "lead_id"], name="enquiries_time_left", condition=Q(limit_at__isnull=False)
            ),
            models.Index(fields=["lead_id"], name="enquiries_held_up", condition=Q(held_up=True)),
        ]

    def __str__(self) -> str:
        return f"lead {self.lead_id}, {self.limit_at}"

    def state(self, at: datetime) -> str:
        """Which of the states it is in."""
        if self.limit_at is None:
            return HELD_UP if self.held_up else NONE
        if self.limit_at <= at:
            return BREACHED
        return AT_RISK if self.warned else IN_TIME


def times_left(leads: Sequence[models.Model]) -> dict[int, TimeLeft]:
    """What is left of these leads, by their id, in one query."""
    return TimeLeft.objects.in_bulk([lead.pk for lead in leads])
