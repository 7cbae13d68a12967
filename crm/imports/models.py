"""What was brought in from elsewhere, and the rows that wait for a person."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models

from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked
from crm.jobs.models import Job

# What is wrong with the file and not with one of its values: mended there, and gone with the next import.
FILE_CODES = ("ragged_row", "cell_too_long", "broken_row", "no_id", "duplicate_id", "deleted_there")


class ImportRun(models.Model):
    """One import: who, from where, when, and its report (counts by file, problems by line)."""

    system = Line(max_length=50, blank=False)
    source = Line("from", max_length=500)
    started_at = models.DateTimeField("started")
    finished_at = models.DateTimeField("finished")
    job = models.OneToOneField(Job, models.PROTECT, null=True, blank=True, related_name="import_run")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="import_runs")
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.system.capitalize()} import of {self.started_at:%Y-%m-%d %H:%M}"


class HeldRowQuerySet(models.QuerySet["HeldRow"]):
    """Reads of held rows."""

    def waiting(self) -> Self:
        """Those nobody has released or discarded."""
        return self.filter(state=HeldRow.State.HELD)


class HeldRow(Record):
    """A row that cannot be stored as the record it says it is, kept whole until a person mends and releases it."""

    class State(models.TextChoices):
        """What became of it."""

        HELD = "held", "Held"
        RELEASED = "released", "Released"
        DISCARDED = "discarded", "Discarded"

    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="held_rows", editable=False)
    system = Line(max_length=50, blank=False, editable=False)
    object = Line(max_length=50, blank=False, editable=False)
    external_id = Line("id there", blank=False, editable=False)
    file = Line(editable=False)
    line = models.PositiveIntegerField(editable=False)
    row = models.JSONField(default=dict, editable=False, help_text="Every column as it came.")
    code = Line(max_length=100, editable=False)
    message = Line("what is wrong", max_length=1000, editable=False)
    state = Line(max_length=20, choices=State, default=State.HELD, blank=False, editable=False)
    record_id = models.BigIntegerField(null=True, editable=False)
    discarded_because = Line("why it was discarded", max_length=500, editable=False)

    objects = HeldRowQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["system", "object", "external_id"], name="imports_held_row_once")
        ]
        indexes = [models.Index(fields=["state", "-id"], name="imports_held_row_by_state")]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.object} {self.external_id}"

    @property
    def mended_in_file(self) -> bool:
        """Whether no value that a person supplies could mend it."""
        return self.code in FILE_CODES
