"""A clock: one promise to answer somebody by a time, and everything that happened to it."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from crm.core.text import Line, Paragraphs
from crm.core.triggers import append_only
from crm.handbook.models import HandbookVersion
from crm.people.models import Team


class ClockQuerySet(models.QuerySet["Clock"]):
    """Reads of clocks."""

    def running(self) -> Self:
        """Those that somebody still waits on: neither answered, nor voided, nor held up."""
        return self.filter(stopped_at=None, voided_at=None, paused_at=None)

    def open(self) -> Self:
        """Those without an answer that are not voided; held up ones too."""
        return self.filter(stopped_at=None, voided_at=None)

    def due(self) -> Self:
        """Those with a step to take by now. The database's clock decides, whatever a worker's says."""
        return self.filter(next_at__lte=Now())


class Clock(models.Model):
    """One promise: by which policy of which handbook, from when, until when, and when it was kept.

    Whether it was kept is never stored: it follows from the times, by one definition in the database
    (`clock_verdict`). `next_at` is when the sweep has to look at it again; empty when nothing is left to do.
    """

    # The key of a policy, in the version of the handbook that the clock keeps whatever becomes of the file.
    policy = Line(max_length=40, blank=False)
    handbook = models.ForeignKey(HandbookVersion, models.PROTECT, related_name="clocks")
    channel = Line(max_length=40, blank=False)
    priority = Line(max_length=40)
    segment = Line(max_length=20, blank=False)
    tier = Line(max_length=40)
    started_at = models.DateTimeField("started")
    in_hours = models.BooleanField("came within business hours")
    target_at = models.DateTimeField("target", null=True)
    limit_at = models.DateTimeField("limit")
    next_at = models.DateTimeField("next step", null=True)
    # Rises with every change of the times, so that a step is taken once for each of them.
    round = models.IntegerField(default=0)
    paused_at = models.DateTimeField("held up since", null=True)
    stopped_at = models.DateTimeField("answered", null=True)
    stopped_by = Line(max_length=20)
    voided_at = models.DateTimeField("voided", null=True)
    # Came in from before (an import): it has its verdict, and nobody is told.
    quiet = models.BooleanField(default=False)
    # Whose it was when it was answered or its limit passed, whichever came first.
    verdict_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="clocks_judged"
    )
    verdict_team = models.ForeignKey(Team, models.PROTECT, null=True, db_index=False, related_name="clocks_judged")
    # Business time until the first response, in seconds; held up time is not in it.
    worked_seconds = models.IntegerField(null=True)

    objects = ClockQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_at=None) | Q(target_at__lte=F("limit_at")),
                name="clocks_clock_target_before_limit",
                violation_error_message="The target is before the limit.",
            ),
            models.CheckConstraint(
                condition=Q(limit_at__gt=F("started_at")),
                name="clocks_clock_limit_after_start",
                violation_error_message="The limit is after the start.",
            ),
            models.CheckConstraint(
                condition=Q(stopped_at=None) | Q(stopped_at__gte=F("started_at")),
                name="clocks_clock_stopped_after_start",
                violation_error_message="A response comes after the request.",
            ),
            models.CheckConstraint(
                condition=Q(next_at=None) | Q(voided_at=None, paused_at=None, stopped_at=None),
                name="clocks_clock_only_running_has_steps",
                violation_error_message="Nothing is due for what is answered, voided or held up.",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], name="clocks_clock_due", condition=Q(next_at__isnull=False)),
            models.Index(
                fields=["limit_at", "id"], name="clocks_clock_open", condition=Q(stopped_at=None, voided_at=None)
            ),
            models.Index(fields=["started_at", "id"], name="clocks_clock_by_start"),
            models.Index(
                fields=["id"],
                include=[
                    "policy",
                    "limit_at",
                    "paused_at",
                    "stopped_at",
                    "voided_at",
                    "verdict_owner",
                    "verdict_team",
                    "worked_seconds",
                ],
                name="clocks_clock_verdicts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}, from {self.started_at:%Y-%m-%d %H:%M} UTC"


class ClockEvent(models.Model):
    """One thing that happened to a clock; only ever added.

    `at` is when it was true, `recorded_at` when it was written: the difference is how late it was. A step (a warning,
    the breach, an escalation) is taken once for each `round` of the clock's times.
    """

    class Kind(models.TextChoices):
        """What happened."""

        STARTED = "started", "Started"
        PAUSED = "paused", "Held up"
        RESUMED = "resumed", "Resumed"
        WARNED = "warned", "Warned"
        STOPPED = "stopped", "Answered"
        BREACHED = "breached", "Limit passed"
        ESCALATED = "escalated", "Escalated"
        RECALCULATED = "recalculated", "Recalculated"
        VOIDED = "voided", "Voided"
        REOPENED = "reopened", "Opened again"

    clock = models.ForeignKey(Clock, models.PROTECT, related_name="events")
    kind = Line(max_length=20, blank=False, choices=Kind)
    # Which one of the policy's steps: "warn_75", "target", "before_closing", "limit", "escalate_1" ...
    step = Line(max_length=40)
    round = models.IntegerField(default=0)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="clock_events"
    )
    reason = Paragraphs()
    # What it was about: the times before and after, who was told, the touch that answered.
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["clock", "step", "round"], condition=~Q(step=""), name="clocks_event_step_once"
            )
        ]
        indexes = [models.Index(fields=["kind", "at"], name="clocks_event_by_kind")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.step}".strip()
