"""What nothing else knows of a ritual: that it was done or skipped, by whom, when, and what came of it (P4)."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from crm.core.text import Line, Paragraphs


class OccasionQuerySet(models.QuerySet["Occasion"]):
    """Reads of occasions."""

    def standing(self) -> Self:
        """Those that nobody took back."""
        return self.filter(taken_back_at=None)


class Occasion(models.Model):
    """A ritual that was done in a period, or skipped for a reason; the `number`th time within it.

    `period` is the first day of the period, in the company's calendar. One that was a slip is taken back and stays to
    be read; then the same time can be answered anew.
    """

    class State(models.TextChoices):
        """What was said of it."""

        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"

    ritual = Line(max_length=40, blank=False)
    period = models.DateField()
    number = models.PositiveSmallIntegerField()
    state = Line(max_length=10, blank=False, choices=State)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="ritual_occasions")
    at = models.DateTimeField()
    came_of = Paragraphs("what came of it")
    taken_back_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    taken_back_at = models.DateTimeField(null=True)

    objects = OccasionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = "occasion of a ritual", "occasions of rituals"
        ordering = ["-period", "-number", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["ritual", "period", "number"],
                condition=Q(taken_back_at=None),
                name="reviews_occasion_once",
                violation_error_message="This was answered already.",
            ),
            models.CheckConstraint(
                condition=~Q(state="skipped") | ~Q(came_of=""),
                name="reviews_skipped_for_a_reason",
                violation_error_message="To skip it, say why.",
            ),
            models.CheckConstraint(
                condition=Q(taken_back_at=None, taken_back_by=None)
                | Q(taken_back_at__isnull=False, taken_back_by__isnull=False),
                name="reviews_taken_back_by_somebody",
                violation_error_message="Somebody takes it back at a moment.",
            ),
        ]
        indexes = [models.Index(fields=["ritual", "-period", "-number"], name="reviews_by_ritual")]

    def __str__(self) -> str:
        return f"{self.ritual} {self.period} ({self.number})"
