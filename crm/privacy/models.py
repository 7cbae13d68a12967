"""The record of what was erased, without its values, and of what left in files."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from crm.core.text import Line, Paragraphs
from crm.jobs.models import Job


class Erasure(models.Model):
    """One person erased on request: who did it, when, why, and how many rows where. Nothing of what was erased.

    `records` are the leads and contacts, as [kind, id], `parts` what was written with or about them (touches, tasks,
    enquiries), each with those that were deleted before; `transaction_id` is its row in the change log.
    """

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="erasures")
    at = models.DateTimeField("when")
    via = Line("how", max_length=20, blank=False)
    reason = Paragraphs("why", blank=False)
    records = models.JSONField(default=list)
    parts = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    suppressed = models.BooleanField("not to be contacted", default=False)
    transaction_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["transaction_id"], name="privacy_erasure_of_txn")]

    def __str__(self) -> str:
        return f"Erasure of {self.at:%Y-%m-%d %H:%M}"

    @property
    def rows(self) -> int:
        """How many rows were blanked."""
        return sum(self.counts.values())


class ExportManager(models.Manager["Export"]):
    """The jobs that wrote details into a file."""

    def get_queryset(self) -> models.QuerySet[Export]:
        return super().get_queryset().filter(kind__endswith="export")


class Export(Job):
    """A file of details that left: the job that wrote it is the record of it (who, what, how many, by which filter)."""

    objects: ClassVar[Any] = ExportManager()  # type: ignore[misc]

    class Meta:
        proxy = True
