"""`manage.py due`: until when a request would have to be answered, and how that is counted. Needs no database."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from crm import handbook
from crm.clocks.explaining import Explanation, explain
from crm.handbook.document import Handbook
from crm.handbook.problems import one_of
from crm.handbook.promises import Policy

# Calendars and zones are known for these years.
YEARS = range(1970, 2200)
WHEN = "%a %Y-%m-%d %H:%M %Z"


def read_time(text: str) -> datetime:
    """A time as 2026-11-25T15:30:00-08:00; without an offset it is one of the company's zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a time such as 2026-11-25T15:30:00-08:00") from None
    if found.year not in YEARS:
        raise ArgumentTypeError(f"a year from {YEARS[0]} to {YEARS[-1]}")
    return found


class Command(BaseCommand):
    """Prints policy, whether it came within business hours, target, limit, each step, and the time as it is counted."""

    help = (
        "Prints until when a request would have to be answered by the handbook in force: by the channel it comes in, "
        "or by a policy. Names may be labels or keys. A time without an offset is read in the company's zone."
    )
    # It asks the handbook alone: it answers where no database is.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--channel", help='The channel it comes in by, as "Web chat".')
        what.add_argument("--policy", help='The policy that holds for it, as "Support P1".')
        parser.add_argument("--received", type=read_time, required=True, help="When, as 2026-11-25T15:30:00-08:00.")
        parser.add_argument(
            "--priority", default="", help='How urgent it is, as "High (P1)"; for channels that have it.'
        )
        parser.add_argument("--customer", action="store_true", help="A customer asks; else somebody who may be one.")
        parser.add_argument("--tier", default="", help='The tier of their account, as "Premium".')
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, received: datetime, **options: Any) -> None:
        book = handbook.current()
        if received.tzinfo is None:
            received = self._in_zone(received, book.zone)
            self.stderr.write(f"Read in the company's zone: {received.isoformat()}")
        policy = asked_policy(book, options)
        received = received.astimezone(UTC)
        found = explain(book, policy, received) if policy.promise is not None else None
        if options["json"]:
            self.stdout.write(json.dumps(as_json(book, policy, received, found), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines(book, policy, received, found)))

    def _in_zone(self, local: datetime, zone: ZoneInfo) -> datetime:
        """The moment that a wall clock of this zone shows so; refused where it shows it twice or never."""
        at = local.replace(tzinfo=zone)
        if at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
            raise CommandError(f"{local.isoformat()} does not exist in {zone.key}: give the offset")
        if at.utcoffset() != at.replace(fold=1).utcoffset():
            raise CommandError(f"{local.isoformat()} is there twice in {zone.key}: give the offset")
        return at


def asked_policy(book: Handbook, options: dict[str, Any]) -> Policy:
    """The policy for what was asked.

    Raises:
        CommandError: naming what there is.
    """
    if options["policy"] is not None:
        for name in ("priority", "customer", "tier"):
            if options[name]:
                raise CommandError(f"--{name} belongs to --channel: a policy says for whom it holds")
        return book.policy(key_of(book.choices("policies"), options["policy"], "policy"))
    channel = book.channel(key_of(book.choices("enquiry.channels"), options["channel"], "channel"))
    priority = ""
    if channel.priorities:
        default = book.enquiry.default_priority
        priority = key_of(book.choices("enquiry.priorities"), options["priority"] or default, "priority")
    elif options["priority"]:
        raise CommandError(f"{channel.label} has no priorities")
    tier = key_of(book.choices("account.tiers"), options["tier"], "tier") if options["tier"] else ""
    segment = "customer" if options["customer"] else "prospect"
    return book.policy_for(channel.key, priority=priority, segment=segment, tier=tier)


def key_of(choices: Iterable[tuple[str, str]], text: str, what: str) -> str:
    """The key of what is named by its label or key, capitals aside.

    Raises:
        CommandError: naming what there is.
    """
    known = list(choices)
    for key, label in known:
        if text.strip().casefold() in (key, label.casefold()):
            return key
    raise CommandError(f"there is no {what} {text!r}; {one_of([label for _, label in known], text)}")


def as_json(book: Handbook, policy: Policy, received: datetime, found: Explanation | None) -> dict[str, Any]:
    """As programs read it; times in the company's zone, with their offset. Without a promise there is no limit."""

    def written(at: datetime | None) -> str | None:
        return at.astimezone(book.zone).isoformat() if at else None

    events: list[dict[str, Any]] = []
    if found is not None:
        events = [{"kind": "started", "step": "", "at": written(received), "to": []}]
        events += [{"kind": s.kind, "step": s.name, "at": written(s.at), "to": list(s.to)} for s in found.steps]
    return {
        "policy": policy.label,
        "received": written(received),
        "in_business_hours": book.calendar(policy).is_open(received),
        "target": written(found.target) if found else None,
        "limit": written(found.limit) if found else None,
        "events": events,
    }


def lines(book: Handbook, policy: Policy, received: datetime, found: Explanation | None) -> Iterable[str]:
    """As people read it, in the company's zone."""

    def when(at: datetime) -> str:
        return at.astimezone(book.zone).strftime(WHEN)

    yield f"Policy    {policy.label}"
    inside = book.calendar(policy).is_open(received)
    yield f"Received  {when(received)}, {'within' if inside else 'outside'} business hours"
    if found is None:
        yield "No answer is promised by a time: no clock runs."
        return
    yield f"Target    {when(found.target) if found.target else 'none'}"
    yield f"Limit     {when(found.limit)}  ({found.promised})"
    yield ""
    yield "Unless somebody answers:"
    for step in found.steps:
        told = f", to {', '.join(step.to)}" if step.to else ""
        yield f"  {when(step.at)}  {step.kind} ({step.name}){told}"
    yield ""
    yield "The time until the limit:"
    for part in found.parts:
        counted = "counted    " if part.counted else "not counted"
        yield f"  {when(part.start)} - {when(part.end)}  {counted}  {length(part.length):>11}  {part.label}"
    yield f"  {length(found.counted)} counted, {length(found.uncounted)} not counted"


def length(span: timedelta) -> str:
    """A length of time as "26 h 05 min"."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" + (f" {seconds:02} s" if seconds else "")
