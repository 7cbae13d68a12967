"""`manage.py assignment`: the rules in force and what is wrong with them, or what changed rules would have done."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm import handbook
from crm.handbook import HandbookError
from crm.handbook.reader import read_section
from leads.assignment_pools import Pools
from leads.assignment_trial import Count, Trial, try_rules, written


def day(text: str) -> date:
    """A day as 2026-03-01."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-03-01") from None


class Command(BaseCommand):
    """Prints the section [assignment] in force; with --check tries another on the leads of the past."""

    help = (
        "Prints who gets leads that come without an owner. With --check FILE, a handbook or its section [assignment], "
        "says which leads since a day would have gone to whom by its rules. Nothing is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", metavar="FILE", type=Path, help="Try the rules of this file.")
        parser.add_argument("--since", metavar="DATE", type=day, help="The first day of leads to try; 30 days ago.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, check: Path | None, since: date | None, **options: Any) -> None:
        book = handbook.current()
        if check is None:
            pools = Pools(book.assignment)
            found = {"section": book.assignment.model_dump(mode="json"), "unknown": pools.unknown}
            text = "\n".join([written(book.assignment), *pools.unknown])
            self.stdout.write(json.dumps(found, ensure_ascii=False) if options["json"] else text)
            return
        try:
            tried = read_section(book, check, "assignment")
        except HandbookError as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            sys.exit(1)
        start = since or book.today(timezone.now()) - timedelta(days=30)
        trial = try_rules(tried, since=start)
        self.stdout.write(json.dumps(asdict(trial), default=str, ensure_ascii=False) if options["json"] else say(trial))


def say(trial: Trial) -> str:
    """The result as a page of text."""
    lines = [f"{trial.leads:,} leads since {trial.since}; {trial.changed:,} would go to somebody else.", *trial.unknown]
    for title, counts in (("By rule", trial.by_rule), ("By person", trial.by_person)):
        lines += ["", f"{title:<44}{'in force':>10}{'tried':>10}{'change':>10}", *map(line, counts)]
    if trial.examples:
        lines += ["", "Among those that change:"]
        lines += [f"  {one.name}: {one.before} -> {one.after} ({one.rule})" for one in trial.examples]
    return "\n".join(lines)


def line(count: Count) -> str:
    """One line of a table."""
    return f"  {count.name[:41]:<42}{count.before:>10,}{count.after:>10,}{count.change:>+10,}"
