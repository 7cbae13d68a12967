"""The filter of the list of enquiries that a number of the response times opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from crm import handbook
from crm.core.admin_numbers import NumberFilter
from crm.enquiries.attainment import Standing, counted
from crm.enquiries.attainment_asked import NAMES, Asked, read_asked
from crm.enquiries.attainment_words import FIGURES, period_words
from crm.people.choosing import people, teams


class FiguresFilter(NumberFilter):
    """What a number of the page of response times counts."""

    title = "response times"
    parameter_name = FIGURES
    names = NAMES

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        return read_asked(given, at=at)

    def words(self, asked: Any) -> str:
        return words_of(asked)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        return counted(asked, at=at)


def words_of(asked: Asked) -> str:
    """Which enquiries are meant, in words: “Breached, Web chat, Alice, 2 Mar 2026 to 8 Mar 2026”."""
    book = handbook.current()
    parts = [str(Standing(asked.standing).label)] if asked.standing else []
    if asked.channel:
        parts.append(book.label("enquiry.channels", asked.channel))
    if asked.policy:
        parts.append(f"policy {book.label('policies', asked.policy)}")
    if asked.owner is not None:
        parts.append(people([asked.owner]).get(asked.owner, "nobody’s"))
    if asked.team is not None:
        parts.append(teams([asked.team]).get(asked.team, "no team"))
    if asked.voider is not None:
        parts.append(f"voided by {people([asked.voider]).get(asked.voider, 'nobody')}")
    return ", ".join([*parts, period_words(asked.since, asked.until)])
