"""What works outside requests: signs of life, and jobs in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm.core.text import Line

if TYPE_CHECKING:
    from crm.people.models import User


class Heartbeat(models.Model):
    """When a part last worked: `beat` sent a heartbeat, `worker` ran one. Brokers cannot all be asked, rows can."""

    part = Line(max_length=20, blank=False, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at:%Y-%m-%d %H:%M:%S}"


class JobQuerySet(models.QuerySet["Job"]):
    """Reads of jobs."""

    def unfinished(self) -> Self:
        """Those that have work left and may be worked."""
        return self.filter(state__in=UNFINISHED)

    def claimable(self) -> Self:
        """Those that wait for a worker: nobody's lease runs, by the database's clock, which all workers share."""
        return self.unfinished().filter(Q(leased_until=None) | Q(leased_until__lte=Now()))

    def visible_to(self, user: User) -> Self:
        """A person's own; managers see everybody's."""
        return self if user.is_manager else self.filter(by=user)


class Job(models.Model):
    """Work that outlives a request, done in slices: what is asked, by whom, how far it is, and what came of it.

    A worker claims a slice for the time of the lease and stores what it did in the slice's own transaction, so a killed
    worker leaves a slice either done or untouched. Its transactions carry `request_id` in the change log.
    """

    class State(models.TextChoices):
        """How far it is."""

        PREVIEWING = "previewing", "Counting"
        READY = "ready", "Waits for your answer"
        WAITING = "waiting", "Waits for a worker"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = Line(max_length=50, blank=False)
    title = Line(blank=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="jobs")
    asked_at = models.DateTimeField("asked")
    input = models.JSONField(default=dict)
    state = Line(max_length=20, choices=State, default=State.WAITING, blank=False)
    total = models.PositiveIntegerField(default=0, help_text="Rows; 0 while nobody knows.")
    done = models.PositiveIntegerField(default=0)
    preview = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    message = Line(max_length=1000)
    failures = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    confirmed_at = models.DateTimeField("confirmed", null=True)
    started_at = models.DateTimeField("started", null=True)
    finished_at = models.DateTimeField("finished", null=True)
    undone_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="undoes")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                name="jobs_job_unfinished",
                condition=models.Q(state__in=["previewing", "waiting", "running"]),
            ),
            models.Index(fields=["by", "-id"], name="jobs_job_by_person"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def request_id(self) -> str:
        """What its transactions have as their request in the change log."""
        return f"job-{self.pk}"

    @property
    def unfinished(self) -> bool:
        """Whether a worker has something to do for it."""
        return self.state in UNFINISHED

    @property
    def allowed(self) -> int:
        """For how many rows it would be done, as far as they were counted."""
        return int(self.preview.get("outcomes", {}).get(ALLOWED, 0))

    @property
    def percent(self) -> int:
        """How far it is, in whole percent; 100 only when all rows are done."""
        return min(100, self.done * 100 // self.total) if self.total else 0


ALLOWED = "allowed"  # the outcome, in a preview, of a row that it would be done for
UNFINISHED = (Job.State.PREVIEWING, Job.State.WAITING, Job.State.RUNNING)


class JobSlice(models.Model):
    """One part of a job: its input (as the ids of records), and, once it is done, what became of each row."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="slices")
    number = models.PositiveIntegerField()
    input = models.JSONField(default=dict)
    output = models.JSONField(null=True)
    previewed = models.BooleanField(default=False)

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="jobs_slice_once")]
        indexes = [
            models.Index(fields=["job", "number"], name="jobs_slice_to_do", condition=models.Q(output__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.job}, part {self.number}"
