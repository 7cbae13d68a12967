"""Reminding whose ritual it is: once for each time it falls due, from when the company opens on that day (P4)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from crm import handbook
from crm.checkups.telling import tell
from crm.handbook.services import is_applied
from crm.reviews.rituals.rhythm import starts_at
from crm.reviews.rituals.standing import standings
from crm.reviews.rituals.words import due_words, frequency

KIND = "ritual_due"


@transaction.atomic
def remind(*, at: datetime) -> int:
    """Tell the DRIs what is due; how many times of rituals that is. Whoever was told of one is not told again.

    Nothing while another handbook is in force than the one read here.
    """
    if not is_applied():
        return 0
    book, count = handbook.current(), 0
    for standing in standings(book, at=at):
        for time in standing.due:
            if time.due_on is None or starts_at(time.due_on, book.zone, book.hours.opens) > at:
                continue
            ritual = standing.ritual
            tell(
                standing.dris,
                kind=KIND,
                key=f"{KIND}:{ritual.key}:{time.period.first}:{time.number}",
                title=f"{ritual.label}: {due_words(time).lower() if time.due_on < time.today else 'due today'}",
                text=f"{frequency(ritual)}. {ritual.description}",
                address=reverse("admin:ritual", args=[ritual.key]),
                at=at,
            )
            count += 1
    return count
