"""`manage.py replay_clocks`: which past verdicts another handbook would have changed, by channel and owner."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm import handbook
from crm.clocks.replaying import EXAMPLES, Replay, Tally, replay
from crm.handbook import HandbookError, read
from crm.people.models import User

HEADING = (
    "",
    "promises",
    "met",
    "breached",
    "open",
    "would be met",
    "breached",
    "open",
    "nothing",
    "unknown",
    "changed",
)


def read_day(text: str) -> date:
    """A day as 2026-01-31."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None


class Command(BaseCommand):
    """Reads clocks as they stream by, and writes nothing to the database."""

    help = (
        "Asks another handbook file what it would have made of every request since a day of the company's calendar: "
        "how many verdicts would have been others, by channel and by owner. It changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--handbook", type=Path, required=True, metavar="FILE", help="the other handbook")
        parser.add_argument(
            "--since", type=read_day, required=True, metavar="DATE", help="the first day, as 2026-01-31"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, handbook: Path, since: date, **options: Any) -> None:
        try:
            book = read(handbook)
        except HandbookError as error:
            raise CommandError("\n".join(str(problem) for problem in error.problems)) from error
        found = replay(book, moment=first_moment(since), at=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found, handbook, since), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines(found, since)))


def first_moment(day: date) -> datetime:
    """When that day begins, where the company is."""
    return datetime.combine(day, time(), tzinfo=handbook.current().zone).astimezone(UTC)


def names_of(found: Replay) -> dict[int | None, str]:
    """What people are called; nobody is "Nobody"."""
    people = User.objects.filter(pk__in=[pk for pk in found.by_owner if pk is not None])
    return {None: "Nobody", **{user.pk: str(user) for user in people}}


def as_json(found: Replay, file: Path, since: date) -> dict[str, Any]:
    """As programs read it; times in UTC."""
    names = names_of(found)
    return {
        "handbook": str(file),
        "since": since.isoformat(),
        **found.total.figures(),
        "by_channel": [{"channel": key, **tally.figures()} for key, tally in sorted(found.by_channel.items())],
        "by_owner": [
            {"owner": pk, "name": names.get(pk, ""), **tally.figures()}
            for pk, tally in sorted(found.by_owner.items(), key=lambda one: names.get(one[0], ""))
        ],
        "examples": [
            {
                "clock": one.clock_id,
                "channel": one.channel,
                "received": one.started_at.isoformat(),
                "was": one.was,
                "would_be": one.would,
                "limit": one.limit_at.isoformat(),
                "would_be_limit": one.would_limit_at.isoformat() if one.would_limit_at else None,
            }
            for one in found.examples
        ],
    }


def lines(found: Replay, since: date) -> Iterator[str]:
    """As people read it."""
    total = found.total
    yield f"{total.promises:,} promises since {since}, {total.changed:,} verdicts would have been others."
    names, book = names_of(found), handbook.current()
    channels = {book.label("enquiry.channels", key): tally for key, tally in found.by_channel.items()}
    owners = {names.get(pk, str(pk)): tally for pk, tally in found.by_owner.items()}
    for title, tallies in (("By channel", channels), ("By owner", owners)):
        if tallies:
            yield ""
            yield from table(title, tallies)
    if found.examples:
        yield ""
        yield "The first of them:" if total.changed <= EXAMPLES else f"The first {EXAMPLES} of them:"
        for one in found.examples:
            label = book.label("enquiry.channels", one.channel)
            when = f"{one.started_at:%Y-%m-%d %H:%M} UTC"
            yield f"  clock {one.clock_id}, {label}, {when}: {one.was}, would be {one.would}"


def table(title: str, tallies: dict[str, Tally]) -> Iterator[str]:
    """Columns as wide as what is in them."""
    rows: list[tuple[str, ...]] = [(title, *HEADING[1:])]
    for name, tally in sorted(tallies.items()):
        cells = tally.figures()
        order = ("promises", "met", "breached", "open", *(f"would_be_{one}" for one in WOULD), "changed")
        rows.append((name, *(f"{cells[column]:,}" for column in order)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *numbers)).rstrip()


WOULD = ("met", "breached", "open", "nothing", "unknown")
