"""What another handbook would have made of past requests: whose verdict would have been another one. It writes nothing.

Clocks are read batch by batch in the order in which they started, so a million take as little memory as a thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from crm.clocks.histories import histories_of
from crm.clocks.models import Clock
from crm.clocks.subjects import subjects_of
from crm.clocks.terms import Pause, terms_of
from crm.handbook.document import Handbook
from crm.handbook.promise_rules import fits
from crm.handbook.promises import Policy

BATCH = 2000
EXAMPLES = 50
# What the other handbook may say besides "met", "breached" and "open": it promises nothing, or a meeting ended the
# clock that is no answer by it, and whether one came later was never noted.
NOTHING, UNKNOWN = "nothing", "unknown"
FIELDS = (
    *("id", "channel", "priority", "segment", "tier", "started_at", "limit_at", "stopped_at", "stopped_by"),
    *("verdict_owner_id", "policy"),
)
VERDICTS = """
    SELECT c.id, clock_verdict(c.limit_at, c.paused_at, c.stopped_at, c.voided_at, %s),
           clock_verdict(given.limit_at, c.paused_at, c.stopped_at, c.voided_at, %s)
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (id, limit_at) JOIN clocks_clock c ON c.id = given.id
"""


@dataclass(slots=True)
class Tally:
    """Of one channel, one owner, or all: how many had a verdict, and what would have become of it."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def promises(self) -> int:
        """How many promises were looked at."""
        return self.outcomes.total()

    @property
    def changed(self) -> int:
        """How many verdicts would have been others; what cannot be told is not among them."""
        return sum(n for (was, would), n in self.outcomes.items() if was != would and would != UNKNOWN)

    def was(self, verdict: str) -> int:
        """How many have this verdict."""
        return sum(n for (was, _), n in self.outcomes.items() if was == verdict)

    def would(self, verdict: str) -> int:
        """How many would have this one."""
        return sum(n for (_, would), n in self.outcomes.items() if would == verdict)

    def figures(self) -> dict[str, int]:
        """Everything as a program reads it."""
        return {
            "promises": self.promises,
            "changed": self.changed,
            **{name: self.was(name) for name in ("met", "breached", "open")},
            **{f"would_be_{name}": self.would(name) for name in ("met", "breached", "open", NOTHING, UNKNOWN)},
        }


@dataclass(frozen=True, slots=True)
class Example:
    """One clock whose verdict would have been another."""

    clock_id: int
    channel: str
    started_at: datetime
    was: str
    would: str
    limit_at: datetime
    would_limit_at: datetime | None


@dataclass(slots=True)
class Replay:
    """What came of it: in all, by channel, by owner (None: nobody), and the first clocks that would differ."""

    total: Tally = field(default_factory=Tally)
    by_channel: dict[str, Tally] = field(default_factory=dict)
    by_owner: dict[int | None, Tally] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)

    def add(self, clock: dict[str, Any], owner_id: int | None, was: str, would: str, limit: datetime | None) -> None:
        """Count one clock."""
        outcome = (was, would)
        self.total.outcomes[outcome] += 1
        self.by_channel.setdefault(clock["channel"], Tally()).outcomes[outcome] += 1
        self.by_owner.setdefault(owner_id, Tally()).outcomes[outcome] += 1
        if was != would and would != UNKNOWN and len(self.examples) < EXAMPLES:
            self.examples.append(
                Example(clock["id"], clock["channel"], clock["started_at"], was, would, clock["limit_at"], limit)
            )


def since(moment: datetime) -> Any:
    """The clocks that are replayed: started at or after that moment, and not voided."""
    return Clock.objects.filter(started_at__gte=moment, voided_at=None)


def replay(book: Handbook, *, moment: datetime, at: datetime) -> Replay:
    """Ask another handbook what it would have made of everything that came in since a moment; seen at `at`."""
    found, policies = Replay(), Policies(book)
    for batch in batches(moment):
        limits, said = {}, {}
        histories = histories_of([clock["id"] for clock in batch])
        for clock in batch:
            would, limit = policies.limit(clock, histories[clock["id"]].pauses)
            limits[clock["id"]] = limit or clock["limit_at"]
            if would:
                said[clock["id"]] = would
        owners = owners_of(batch)
        verdicts = verdicts_of(limits, at)
        for clock in batch:
            pk = clock["id"]
            was, would = verdicts[pk]
            would = said.get(pk, would)
            found.add(clock, owners.get(pk), was, would, None if would == NOTHING else limits[pk])
    return found


def batches(moment: datetime) -> Iterator[list[dict[str, Any]]]:
    """The clocks since a moment, in the order in which they started."""
    after = Q()
    while batch := list(since(moment).filter(after).order_by("started_at", "id").values(*FIELDS)[:BATCH]):
        yield batch
        last = batch[-1]
        after = Q(started_at__gt=last["started_at"]) | Q(started_at=last["started_at"], id__gt=last["id"])
        # Said apart as well, for the index on the time.
        after &= Q(started_at__gte=last["started_at"])


def owners_of(batch: list[dict[str, Any]]) -> dict[int, int | None]:
    """Whose each one's verdict is; of those without one yet, whose they are."""
    known: dict[int, int | None] = {clock["id"]: clock["verdict_owner_id"] for clock in batch}
    unknown = [pk for pk, owner in known.items() if owner is None]
    if unknown:
        known |= {pk: subject.owner.pk if subject.owner else None for pk, subject in subjects_of(unknown).items()}
    return known


def verdicts_of(limits: dict[int, datetime], at: datetime) -> dict[int, tuple[str, str]]:
    """For each clock the verdict it has, and the one it would have with another limit, by the one definition."""
    with connection.cursor() as cursor:
        cursor.execute(VERDICTS, [at, at, list(limits), list(limits.values())])
        return {pk: (was, would) for pk, was, would in cursor.fetchall()}


class Policies:
    """The limits by another handbook."""

    def __init__(self, book: Handbook) -> None:
        self.book = book
        self.known: dict[tuple[str, str, str, str], Policy | None] = {}

    def limit(self, clock: dict[str, Any], pauses: list[Pause]) -> tuple[str, datetime | None]:
        """The limit it would have had; or, in a word, why there is no other verdict."""
        asked = (clock["channel"], clock["priority"], clock["segment"], clock["tier"])
        if asked not in self.known:
            self.known[asked] = next((policy for policy in self.book.policies if fits(policy, *asked)), None)
        policy = self.known[asked]
        if policy is None or policy.promise is None:
            return NOTHING, None
        if clock["stopped_by"] == "meeting" and "meeting" not in policy.stops:
            return UNKNOWN, None
        return "", terms_of(policy, self.book.calendar(policy), self.book.zone, clock["started_at"], pauses).limit
