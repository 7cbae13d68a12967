"""The words and defaults that opportunities and contracts share, as the handbook has them."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from crm import handbook


def type_choices() -> list[tuple[str, str]]:
    """Types of opportunity as the handbook names them."""
    return handbook.current().choices("opportunity.types")


def lost_reason_choices() -> list[tuple[str, str]]:
    """Reasons for losing as the handbook names them."""
    return handbook.current().choices("opportunity.lost_reasons")


# What an open opportunity can be forecast as: the four words that sales people know, so that figures add up by them.
FORECASTS = {"commit": "Commit", "best_case": "Best case", "pipeline": "Pipeline", "omitted": "Omitted"}


def forecast_choices() -> list[tuple[str, str]]:
    """What an open opportunity can be forecast as."""
    return list(FORECASTS.items())


def billing_process_choices() -> list[tuple[str, str]]:
    """How a customer is billed, as the handbook names it."""
    return handbook.current().choices("contract.billing_processes")


def contact_role_choices() -> list[tuple[str, str]]:
    """What a contact can be to an opportunity, as the handbook names it."""
    return handbook.current().choices("opportunity.contact_roles")


def company_currency() -> str:
    """The currency a new amount is in."""
    return handbook.current().company.currency


def months() -> models.PositiveSmallIntegerField[Any, Any]:
    """A term in months."""
    return models.PositiveSmallIntegerField(
        "term", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(240)], help_text="In months."
    )
