"""`manage.py review_summary`: this week's summary as managers get it; with `--send`, sends it now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm import handbook
from crm.handbook.services import is_applied
from crm.people.models import Team
from crm.reviews.periods import week_of
from crm.reviews.summary.figures import Summary, summary_of
from crm.reviews.summary.recipients import recipients
from crm.reviews.summary.sending import send


class Command(BaseCommand):
    """Reads only, unless it is told to send."""

    help = "Shows this week's summary of everything and of each team that somebody manages; --send sends it now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--team", help="The name of a team: only its summary is shown.")
        parser.add_argument("--send", action="store_true", help="Send it to those who have not got this week's.")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        week = week_of(handbook.current().today(at))
        if options["send"]:
            if options["team"]:
                raise CommandError("--send sends to everybody who has not got it; leave out --team.")
            if not is_applied():
                raise CommandError("Another handbook is in force than the one read here: nothing is sent.")
            self.stdout.write(f"Sent to {send(week, at=at)}.")
            return
        if options["team"]:
            team = Team.objects.filter(name__iexact=options["team"]).first()
            if team is None:
                raise CommandError(f"There is no team “{options['team']}”.")
            self.stdout.write(told(summary_of(week, team, at=at)))
            return
        everybody = recipients()
        for part in {one.team.pk if one.team else None: one.team for one in everybody}.values() or [None]:
            names = ", ".join(one.user.email for one in everybody if one.team == part) or "nobody"
            self.stdout.write(f"{told(summary_of(week, part, at=at))}\nFor {names}.\n")


def told(summary: Summary) -> str:
    """The summary as plain text."""
    parts = [summary.title, summary.headline]
    for section in summary.sections:
        parts += ["", section.title, *(f"  {line.words}" for line in section.lines)]
    return "\n".join(parts)
