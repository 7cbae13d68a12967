"""What was brought in from elsewhere, and the rows that wait for a person."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked
from crm.jobs.models import UNFINISHED, Job

# What is wrong with the file and not with one of its values: mended there, and gone with the next import.
FILE_CODES = ("ragged_row", "cell_too_long", "broken_row", "no_id", "duplicate_id", "deleted_there")


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    """Reads of imports."""

    def working(self) -> Self:
        """Those that a job is writing, or putting back, between its slices too."""
        at_work = (ImportRun.Stage.TRYING, ImportRun.Stage.RUNNING, ImportRun.Stage.UNDOING)
        return self.filter(stage__in=at_work, job__state__in=UNFINISHED).select_related("by")


class ImportRun(models.Model):
    """One import: who, from where, when, and its report (counts by file, problems by line).

    One that the command made is finished when it is there. One that somebody uploaded goes through the stages; the
    job is that of its present stage. `found` is what was found in each file, `parts` what a job works at a time,
    `choices` what was chosen here for words and owners that the handbook does not know, `trial` the dry run's report.
    """

    class Stage(models.TextChoices):
        """How far it is."""

        LOOKING = "looking", "Reading the files"
        CHOOSING = "choosing", "Waits for your choices"
        TRYING = "trying", "Dry run"
        TRIED = "tried", "Dry run done"
        RUNNING = "running", "Importing"
        DONE = "done", "Imported"
        UNDOING = "undoing", "Undoing"
        UNDONE = "undone", "Undone"
        DROPPED = "dropped", "Dropped"

    system = Line(max_length=50, blank=False)
    source = Line("from", max_length=500)
    stage = Line(max_length=20, choices=Stage, default=Stage.DONE, blank=False)
    started_at = models.DateTimeField("started")
    finished_at = models.DateTimeField("finished", null=True)
    job = models.ForeignKey(Job, models.PROTECT, null=True, blank=True, related_name="import_runs")
    import_job = models.OneToOneField(Job, models.PROTECT, null=True, blank=True, related_name="imported_by")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="import_runs")
    report = models.JSONField(default=dict)
    trial = models.JSONField(default=dict)
    found = models.JSONField(default=dict)
    parts = models.JSONField(default=list)
    choices = models.JSONField(default=dict)
    folder = Line(max_length=200)
    # What the form was given when it was opened: sent twice, it makes one run.
    ticket = models.UUIDField(null=True, blank=True, unique=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.system_label} import of {timezone.localtime(self.started_at):%Y-%m-%d %H:%M}"

    @property
    def system_label(self) -> str:
        """Where it came from, in a word."""
        return "CSV" if self.is_csv else self.system.capitalize()

    @property
    def is_csv(self) -> bool:
        """Whether it is one CSV file of any origin, and no export of another system."""
        return self.system == "csv"


class ImportTemplate(models.Model):
    """How the columns of a CSV file are matched, kept under a name for the next file with the same header."""

    object = Line(max_length=50, blank=False)
    name = Line(max_length=100, blank=False)
    header = models.JSONField(default=list)
    plan = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="import_templates")
    kept_at = models.DateTimeField("kept")

    class Meta:
        ordering = ["object", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["object", "name"],
                name="imports_template_name_once",
                violation_error_message="There is a matching of this name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


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
        indexes = [
            models.Index(fields=["state", "-id"], name="imports_held_row_by_state"),
            models.Index(fields=["run", "state"], name="imports_held_row_of_run"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.object} {self.external_id}"

    @property
    def mended_in_file(self) -> bool:
        """Whether no value that a person supplies could mend it."""
        return self.code in FILE_CODES
