"""What somebody is told, once: a row for each person and cause, whatever way it is delivered."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models

from crm.core.text import Line, Paragraphs


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Reads of notifications."""

    def unread(self) -> Self:
        """Those that nobody has put aside."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """One thing one person is told. `key` names its cause: a second one for the same cause is never stored."""

    to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="notifications")
    kind = Line(max_length=50, blank=False)
    key = Line(blank=False)
    title = Line(blank=False)
    text = Paragraphs()
    address = Line("page", max_length=500, help_text="A path of this server.")
    at = models.DateTimeField("when")
    read_at = models.DateTimeField("read", null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["to", "key"], name="notifications_told_once")]
        indexes = [
            models.Index(fields=["to", "-at"], name="notifications_unread", condition=models.Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return self.title
