"""`manage.py rituals`: how every ritual stands, as the page has it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm import handbook
from crm.reviews.rituals.rows import said_of, verdict_of
from crm.reviews.rituals.standing import Standing, standings
from crm.reviews.rituals.words import frequency, streak_words


class Command(BaseCommand):
    """Reads only."""

    help = "Lists the rituals of the handbook: what is due, done and missed, whose it is, and how long it was kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        book = handbook.current()
        found = standings(book, at=timezone.now())
        if options["json"]:
            off = [one.key for one in book.rituals if not one.on]
            self.stdout.write(json.dumps({"rituals": [as_json(one) for one in found], "off": off}, indent=2))
            return
        for one in found:
            names = ", ".join(person.email for person in one.dris) or "nobody"
            words = [said_of(one), f"missed {len(one.missed)}" if one.missed else "", streak_words(one)]
            self.stdout.write(f"{verdict_of(one):7} {one.ritual.label} ({frequency(one.ritual).lower()}), {names}")
            self.stdout.write(f"        {'; '.join(word for word in words if word)}")
        if not found:
            self.stdout.write("The handbook has no ritual that is on.")


def as_json(one: Standing) -> dict[str, Any]:
    """A ritual for programs: days are the company's, moments in UTC."""
    last = one.last_done
    return {
        "key": one.ritual.key,
        "label": one.ritual.label,
        "frequency": frequency(one.ritual),
        "dri": [person.email for person in one.dris],
        "state": verdict_of(one),
        "due": [str(time.due_on) for time in one.due],
        "next_due": str(one.next_on) if one.next_on else None,
        "missed": [str(time.period.first) for time in one.missed],
        "streak": one.streak,
        "last_done": {"at": last.at.isoformat(), "by": last.by.email, "came_of": last.came_of} if last else None,
    }
