"""What is to be sold, and what was forecast when."""

from __future__ import annotations

import re
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from contracts.models import company_currency
from crm import handbook
from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked
from crm.reviews import periods

CURRENCY = re.compile("[A-Z]{3}")


class QuotaQuerySet(models.QuerySet["Quota"]):
    """Reads of quotas."""

    def to_hand_over(self) -> Self:
        """None: what somebody was to win stays theirs when they leave; their heir has quotas of their own."""
        return self.none()


class Quota(Record):
    """What somebody is to win in a fiscal quarter, `quarter` being its first day by the handbook's fiscal year."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="quotas")
    quarter = models.DateField(help_text="The first day of a fiscal quarter.")
    amount = models.DecimalField(max_digits=14, decimal_places=2, validators=[MinValueValidator(0)])
    currency = Line(max_length=3, blank=False, default=company_currency)  # type: ignore[arg-type]

    objects = QuotaQuerySet.as_manager()

    class Meta:
        ordering = ["-quarter", "owner"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "quarter"],
                name="reviews_quota_once",
                violation_error_message="They have a quota for this quarter already: change that one instead.",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0),
                name="reviews_quota_not_negative",
                violation_error_message="A quota is not less than zero.",
            ),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        start = handbook.current().company.fiscal_year_start
        return f"{self.owner}, {periods.label(self.quarter, start)}"

    def clean(self) -> None:
        """A quota is of a whole fiscal quarter, in a currency.

        Raises:
            ValidationError: at the field that will not do.
        """
        start = handbook.current().company.fiscal_year_start
        if self.quarter and not periods.is_quarter_start(self.quarter, start):
            first, _ = periods.quarter_of(self.quarter, start)
            said = f"A fiscal quarter begins on {first:%-d %B %Y} and on {periods.next_quarter(first):%-d %B %Y}."
            raise ValidationError({"quarter": said})
        if self.currency and not CURRENCY.fullmatch(self.currency):
            raise ValidationError({"currency": "Write the currency as three capital letters, as USD."})


class ForecastSnapshot(models.Model):
    """What was forecast for a quarter in a week: kept, since probabilities, rates and quotas change later.

    One for each owner with anything in the quarter, and one for what nobody owns (`owner` empty). Money is in the
    company's `currency`; `apart` are the sums of amounts without a rate, by currency and figure, never added.
    `week` is its Monday in the company's calendar. `weighted` is amount times probability of what is open; `won` is
    counted whole and once, lost never.
    """

    week = models.DateField()
    quarter = models.DateField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    currency = Line(max_length=3, blank=False)
    won = models.DecimalField(max_digits=18, decimal_places=2)
    commit = models.DecimalField(max_digits=18, decimal_places=2)
    best_case = models.DecimalField(max_digits=18, decimal_places=2)
    pipeline = models.DecimalField(max_digits=18, decimal_places=2)
    omitted = models.DecimalField(max_digits=18, decimal_places=2)
    weighted = models.DecimalField(max_digits=18, decimal_places=2)
    quota = models.DecimalField(max_digits=18, decimal_places=2, null=True)
    open_count = models.PositiveIntegerField()
    won_count = models.PositiveIntegerField()
    apart = models.JSONField(default=dict)
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ["-week", "-quarter", "owner"]
        constraints = [
            models.UniqueConstraint(
                fields=["week", "quarter", "owner"],
                condition=models.Q(owner__isnull=False),
                name="reviews_snapshot_once_each",
            ),
            # Not `nulls_distinct`: Django asks the server for its version to check that, and there may be none yet.
            models.UniqueConstraint(
                fields=["week", "quarter"], condition=models.Q(owner=None), name="reviews_snapshot_once_nobodys"
            ),
        ]
        indexes = [models.Index(fields=["quarter", "week"], name="reviews_snapshot_by_quarter")]

    def __str__(self) -> str:
        return f"{self.quarter}, seen in the week of {self.week}"
