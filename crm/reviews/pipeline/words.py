"""Figures of the pipeline as people read them: names, money and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import number_format

from accounts.models import Account
from contracts.stages import stage_choices
from crm import handbook
from crm.enquiries.attainment_words import day_words, period_words
from crm.people.choosing import people, teams
from crm.reviews.pipeline.asked import UNDATED, UNKNOWN, UNTYPED, Asked
from crm.reviews.pipeline.figures import By, Figures, Pipeline

TITLES: dict[By, str] = {"stage": "Stage", "owner": "Owner", "month": "Closes in"}
HEADINGS: dict[By, str] = {"stage": "By stage", "owner": "By owner", "month": "By the month they close in"}
FIGURES = "pipeline"
LACK_WORDS = {"amount": "without an amount", "rate": "without a rate"}


def money(amount: Decimal) -> str:
    """A sum; without cents where it has none."""
    whole = amount == amount.to_integral_value()
    return number_format(amount, 0 if whole else 2, force_grouping=True).replace("-", "−")


def compact(amount: Decimal) -> str:
    """A sum in few letters, for a scale: 1.2M, 340k."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:.4g}{letter}".replace("-", "−")
    return f"{amount:.0f}".replace("-", "−")


def month_words(month: date) -> str:
    """A month, short: “Mar 2026”."""
    return f"{month:%b %Y}"


def labels_of(found: Pipeline, by: By) -> Mapping[Any, str]:
    """What each value of a dimension is called."""
    keys = list(found.by(by))
    if by == "stage":
        labels = dict(stage_choices())
        return {key: labels.get(key, key) for key in keys}
    if by == "month":
        return {key: month_words(key) if key else "No close date" for key in keys}
    names = people(keys)
    return {key: names.get(key, "Nobody") for key in keys}


def ordered(found: Pipeline, by: By) -> Sequence[tuple[Any, str, Figures]]:
    """The values with labels and figures: stages as the handbook has them, months as they come, owners by amount;
    nobody's and those without a close date last."""
    rows, labels = found.by(by), labels_of(found, by)
    if by == "stage":
        keys = list(rows)
    elif by == "month":
        keys = sorted(rows, key=lambda key: (key is None, key or date.min))
    else:
        keys = sorted(rows, key=lambda key: (key is None, -rows[key].amount, labels[key].casefold(), key or 0))
    return [(key, labels[key], rows[key]) for key in keys]


def of_value(asked: Asked, by: By, key: Any) -> Asked:
    """The same, of one value of a dimension."""
    if by == "stage":
        return replace(asked, stage=key)
    if by == "month":
        return replace(asked, month=key.isoformat() if key else UNDATED)
    return replace(asked, owner=key or 0)


def list_address(asked: Asked, *, board: bool = False) -> str:
    """Where the opportunities that a number counts are listed, or shown as a board."""
    query = {FIGURES: urlencode(asked.parameters) or "all"}
    if board:
        query["display"] = "board"
    return f"{reverse('admin:contracts_opportunity_changelist')}?{urlencode(query)}"


def words_of(asked: Asked) -> str:
    """Which opportunities are meant, in words: “Open, Discovery, Ann, closes 1 Mar 2026 to 31 Mar 2026”."""
    parts = ["Open"] if asked.stage != UNKNOWN else ["In a stage that the handbook does not have"]
    if asked.stage and asked.stage != UNKNOWN:
        parts.append(dict(stage_choices()).get(asked.stage, asked.stage))
    if asked.month:
        parts.append(
            "no close date" if asked.month == UNDATED else f"closes in {month_words(date.fromisoformat(asked.month))}"
        )
    return ", ".join([*parts, *narrowing_words(asked)])


def narrowing_words(asked: Asked) -> list[str]:
    """What the page is narrowed to."""
    parts = []
    if asked.owner is not None:
        parts.append(people([asked.owner]).get(asked.owner, "nobody’s"))
    if asked.team is not None:
        parts.append(teams([asked.team]).get(asked.team, "no team"))
    if asked.type:
        label = handbook.current().label("opportunity.types", asked.type) if asked.type != UNTYPED else "no type"
        parts.append(label)
    if asked.account:
        parts.append(account_name(asked.account))
    if asked.close_since and asked.close_until:
        parts.append(f"closes {period_words(asked.close_since, asked.close_until)}")
    elif asked.close_since:
        parts.append(f"closes from {day_words(asked.close_since)}")
    elif asked.close_until:
        parts.append(f"closes until {day_words(asked.close_until)}")
    if asked.lack:
        parts.append(LACK_WORDS[asked.lack])
    if asked.currency:
        parts.append(asked.currency)
    return parts


def account_name(pk: int) -> str:
    """The account's name; its number where there is none."""
    return Account.objects.filter(pk=pk).values_list("name", flat=True).first() or f"account {pk}"
