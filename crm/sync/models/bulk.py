"""Records that are sent in one go: uploaded in parts, worked as a job, every row answered."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from crm.core.text import Line
from crm.jobs.models import Job
from crm.sync.models.access import ApiKey


class BulkJob(models.Model):
    """An upload of rows of one resource, and what is done with each: `resource` and `operation` say it.

    It takes parts until it is closed; then `job` works them off, slice by slice. `offset` is the byte, over all parts
    one after the other, at which the next slice begins, `row` the index of its first row (from 0): both are written in
    the transaction of the slice before, so that no row is done twice and none is passed over.
    """

    class Operation(models.TextChoices):
        """What is done with each row."""

        CREATE = "create", "Create"
        UPDATE = "update", "Update"
        UPSERT = "upsert", "Create or update"
        DELETE = "delete", "Delete"

    class Form(models.TextChoices):
        """What the parts are, joined."""

        NDJSON = "ndjson", "NDJSON"
        CSV = "csv", "CSV"

    api_key = models.ForeignKey(ApiKey, models.PROTECT, related_name="bulk_jobs", verbose_name="API key")
    resource = Line(max_length=50, blank=False)
    operation = Line(max_length=20, blank=False, choices=Operation)
    system = Line(max_length=50, help_text="Whose ids the rows have; empty where they have ours.")
    form = Line(max_length=10, blank=False, choices=Form)
    all_or_nothing = models.BooleanField(default=False)
    label = Line(max_length=200)
    made_at = models.DateTimeField("made")
    closed_at = models.DateTimeField("closed", null=True)
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="bulk")
    bytes = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    row = models.BigIntegerField(default=0)
    # The names of a CSV's columns, once its first line was read.
    header = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        verbose_name = "bulk job"
        indexes = [models.Index(fields=["api_key", "-id"], name="sync_bulkjob_of_key")]

    def __str__(self) -> str:
        return self.label or f"{self.get_operation_display()} {self.resource}"


class BulkPart(models.Model):
    """One part of an upload. The parts are one stream of bytes: a row may begin in one and end in the next."""

    bulk = models.ForeignKey(BulkJob, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    file = Line(blank=False)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["bulk", "number"]
        constraints = [
            models.UniqueConstraint(fields=["bulk", "number"], name="sync_bulkpart_once"),
            models.CheckConstraint(
                condition=Q(size__gt=0), name="sync_bulkpart_has_bytes", violation_error_message="A part has bytes."
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bulk}, part {self.number}"


class BulkKey(models.Model):
    """An id that came in a job, by its hash, and the index of the row it came in: the next row with it is refused."""

    bulk = models.ForeignKey(BulkJob, models.CASCADE, related_name="keys")
    key = models.UUIDField()
    row = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bulk", "key"], name="sync_bulkkey_once")]

    def __str__(self) -> str:
        return f"row {self.row}"
