"""Forecasts as people read them: amounts, parts, quarters, and the addresses of what a number counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format, number_format

from crm.people.models import Team, User
from crm.reviews.forecast.asked import Asked

FIGURES = "forecast_figures"
LABELS = {
    "won": "Won",
    "commit": "Commit",
    "best_case": "Best case",
    "pipeline": "Pipeline",
    "omitted": "Omitted",
    "past_due": "Past due",
    "earlier": "Past due from earlier quarters",
    "undated": "Open without a close date",
    "open": "Open",
    "counted": "Won and open",
}
LACKING = {"amount": "without an amount", "rate": "in a currency without a rate"}


def whole(amount: Decimal) -> str:
    """An amount without its cents, by thousands: tables are for comparing."""
    return str(number_format(amount.quantize(Decimal(1), ROUND_HALF_UP), use_l10n=True, force_grouping=True))


def exact(amount: Decimal, currency: str) -> str:
    """An amount with its cents and currency."""
    return f"{number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)} {currency}"


def times(percent: int | None) -> str:
    """A percentage as a multiple, as coverage is spoken of: “2.4×”; a dash where there is none."""
    return "–" if percent is None else f"{Decimal(percent) / 100:.1f}×"


def span(asked: Asked) -> str:
    """The days of a quarter."""
    return f"{date_format(asked.first, 'M j, Y')} to {date_format(asked.last, 'M j, Y')}"


def day_words(day: date) -> str:
    """A day, short."""
    return date_format(day, "M j, Y")


def apart_words(apart: Mapping[str, Decimal]) -> list[str]:
    """What could not be added, by currency."""
    return [exact(amount, currency) for currency, amount in sorted(apart.items()) if amount]


def words_of(asked: Asked) -> str:
    """Which opportunities are meant, in words: “Commit, Alice, Q1 2026”."""
    parts = [LABELS[asked.part]] if asked.part else []
    if asked.lack:
        parts.append(LACKING[asked.lack])
    if asked.owner is not None:
        parts.append(names([asked.owner]).get(asked.owner, "nobody’s"))
    if asked.team is not None:
        team = Team.objects.filter(pk=asked.team).first()
        parts.append(team.name if team else "no team")
    return ", ".join([*parts, asked.label])


def names(ids: Iterable[int | None]) -> dict[int | None, str]:
    """Names of users, also of those who left."""
    found = User.objects.filter(pk__in=[pk for pk in ids if pk])
    return {one.pk: str(one) if one.is_active else f"{one} (left)" for one in found}


def list_address(asked: Asked, part: str, lack: str = "") -> str:
    """Where the opportunities that a number counts are listed."""
    place = reverse("admin:contracts_opportunity_changelist")
    chosen = replace(asked, part=part, lack=lack)
    return f"{place}?{urlencode({'view': 'all_opportunities', FIGURES: urlencode(chosen.parameters)})}"
