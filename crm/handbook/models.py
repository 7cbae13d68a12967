"""The versions of the handbook that this installation has worked by."""

from __future__ import annotations

from datetime import UTC

from django.db import models


class HandbookVersion(models.Model):
    """The text of the handbook as it was put in force at some time; the latest row is the one in force.

    The same text may come back later, as a new row.
    """

    id = models.BigAutoField(primary_key=True)
    text = models.TextField(help_text="The file as it was read, comments included.")
    sha256 = models.CharField("hash", max_length=64, help_text="SHA-256 of the text, in hexadecimal.")
    applied_at = models.DateTimeField()
    applied_by_name = models.CharField(
        "applied by", max_length=200, blank=True, default="", help_text="Empty when a migration applied it."
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"),
                name="handbook_version_hash",
                violation_error_message="The hash of a handbook version is 64 hexadecimal digits.",
            )
        ]

    def __str__(self) -> str:
        return f"Handbook of {self.applied_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({self.sha256[:12]})"
