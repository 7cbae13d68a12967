"""`manage.py rituals`: how every ritual stands, as the page has it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm import handbook
from crm.reviews.rituals.rows import said_of, verdict_of
from crm.reviews.rituals.standing import standings
from crm.reviews.rituals.telling import all_told
from crm.reviews.rituals.words import frequency, streak_words


class Command(BaseCommand):
    """Reads only."""

    help = "Lists the rituals of the handbook: what is due, done and missed, whose it is, and how long it was kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        book = handbook.current()
        at = timezone.now()
        if options["json"]:
            self.stdout.write(json.dumps(all_told(book, at=at), indent=2))
            return
        found = standings(book, at=at)
        for one in found:
            names = ", ".join(person.email for person in one.dris) or "nobody"
            words = [said_of(one), f"missed {len(one.missed)}" if one.missed else "", streak_words(one)]
            self.stdout.write(f"{verdict_of(one):7} {one.ritual.label} ({frequency(one.ritual).lower()}), {names}")
            self.stdout.write(f"        {'; '.join(word for word in words if word)}")
        if not found:
            self.stdout.write("The handbook has no ritual that is on.")
