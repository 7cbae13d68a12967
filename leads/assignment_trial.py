"""What changed rules would have done with the leads of the past: the same decision, without writing anything.

Turns are taken in the order the leads came in, among who is here now and was not away on that day. How many leads
somebody had open then is not known any more, so the cap is left aside.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from crm import handbook
from crm.handbook.document import Handbook
from crm.people.models import Absence, User
from leads.assignment_pools import Pool, Pools, account_owners, asked
from leads.assignment_rules import Rotation
from leads.models import Lead

CHUNK = 2000
EXAMPLES = 20
COLUMNS = (
    "first_name",
    "last_name",
    "email",
    "second_email",
    "linkedin_url",
    "website",
    "country",
    "employees",
    "lead_source",
    "created_at",
)
ACCOUNT, EVERYBODY, NOBODY = "Owner of the account", "Everybody in turn", "Nobody: waits in a queue"


@dataclass(frozen=True, slots=True)
class Count:
    """How many leads one rule or one person gets by the rules in force, and by those that are tried."""

    name: str
    before: int
    after: int

    @property
    def change(self) -> int:
        """More, or fewer."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Example:
    """One lead that would go to somebody else."""

    lead_id: int
    name: str
    before: str
    after: str
    rule: str


@dataclass(slots=True)
class Trial:
    """What came of it: counts by rule and by person, some of the leads that change, names nobody knows.

    `left_out` says that there were more leads than were tried, the oldest first left out.
    """

    since: date
    leads: int = 0
    changed: int = 0
    left_out: bool = False
    by_rule: list[Count] = field(default_factory=list)
    by_person: list[Count] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def try_rules(tried: Handbook, *, since: date, most: int | None = None) -> Trial:
    """Give every lead since that day to somebody twice: by the rules in force and by those of `tried`.

    `most` bounds how many, the newest; None tries all, in memory for a batch at a time.
    """
    book = handbook.current()
    trial = Trial(since)
    days = Absences()
    now, then = Simulation(book, days), Simulation(tried, days)
    people: tuple[Counter[int | None], Counter[int | None]] = Counter(), Counter()
    rules: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    different: list[tuple[Lead, int | None, int | None, str]] = []
    start = datetime.combine(since, time(), tzinfo=book.zone)
    for chunk in _chunks(start, most, trial):
        owners = account_owners(chunk)
        ids = {pk for pk in owners if pk is not None}
        known = set(User.objects.active_people().filter(pk__in=ids).values_list("pk", flat=True))
        for lead, owner in zip(chunk, owners, strict=True):
            day = book.today(lead.created_at)
            owner = owner if owner in known else None
            before, after = now.give(lead, owner, day), then.give(lead, owner, day)
            for place, (person, rule) in enumerate((before, after)):
                people[place][person] += 1
                rules[place][rule] += 1
            trial.leads += 1
            if before[0] != after[0]:
                trial.changed += 1
                if len(different) < EXAMPLES:
                    different.append((lead, before[0], *after))
    names: dict[int | None, str] = {None: "nobody"}
    got = {pk for counted in people for pk in counted if pk is not None}
    names |= {user.pk: str(user) for user in User.objects.filter(pk__in=got)}
    trial.examples = [
        Example(lead.pk, lead.name, names[before], names[after], rule) for lead, before, after, rule in different
    ]
    trial.by_rule = [Count(rule, rules[0][rule], rules[1][rule]) for rule in sorted({*rules[0], *rules[1]})]
    everyone = sorted(got, key=lambda pk: names[pk])
    trial.by_person = [Count(names[pk], people[0][pk], people[1][pk]) for pk in everyone]
    trial.unknown = then.pools.unknown
    return trial


def _chunks(start: datetime, most: int | None, trial: Trial) -> Iterator[list[Lead]]:
    """The leads since then, a batch at a time, in the order they came in."""
    rows: Any = Lead.objects.filter(created_at__gte=start).only(*COLUMNS)
    if most is None:
        stream = rows.order_by("created_at", "pk").iterator(chunk_size=CHUNK)
    else:
        newest = list(rows.order_by("-created_at", "-pk")[: most + 1])
        trial.left_out = len(newest) > most
        stream = reversed(newest[:most])
    while chunk := list(islice(stream, CHUNK)):
        yield chunk


class Absences:
    """Who was away on which day, read once."""

    def __init__(self) -> None:
        self._spans = list(Absence.objects.values_list("user", "first_day", "last_day"))
        self._days: dict[date, frozenset[int]] = {}

    def on(self, day: date) -> frozenset[int]:
        """Those who were away on that day."""
        if day not in self._days:
            self._days[day] = frozenset(user for user, first, last in self._spans if first <= day <= last)
        return self._days[day]


class Simulation:
    """One set of rules at work on one lead after the other."""

    def __init__(self, book: Handbook, days: Absences) -> None:
        self.assignment = book.assignment
        self.pools = Pools(book.assignment)
        self.days = days
        self._turns: dict[str, dict[int, int]] = {}
        self._rotations: dict[str, tuple[frozenset[int], Rotation]] = {}

    def give(self, lead: Lead, account_owner: int | None, day: date) -> tuple[int | None, str]:
        """Who gets it, and by which rule."""
        away = self.days.on(day)
        if self.assignment.account_owner_first and account_owner is not None and account_owner not in away:
            return account_owner, ACCOUNT
        pool = self.pools.of(asked(lead))
        taken = self._rotation(pool, away).take(lambda user: True)
        if taken is None:
            return None, NOBODY
        return taken, f"Rule “{pool.rule}”" if pool.rule else EVERYBODY

    def _rotation(self, pool: Pool, away: frozenset[int]) -> Rotation:
        """The pool's turns among who was there that day, going on where the last day ended."""
        here = frozenset(pool.people) - away
        known = self._rotations.get(pool.key)
        if known is None or known[0] != here:
            turns = self._turns.setdefault(pool.key, {})
            if known is not None:
                turns.update(known[1].given)
            last = max(turns.values(), default=0)
            self._rotations[pool.key] = here, Rotation({pk: turns.get(pk, 0) for pk in here}, last)
        return self._rotations[pool.key][1]


def written(assignment: Any) -> str:
    """The section as a handbook file has it, to be changed and tried."""

    def value(one: Any) -> str:
        return json.dumps(list(one) if isinstance(one, tuple) else one, ensure_ascii=False)

    def table(head: str, section: Any, skip: Sequence[str] = ()) -> str:
        lines = [f"{name} = {value(one)}" for name, one in section if name not in skip and one not in (None, ())]
        return "\n".join([head, *lines])

    parts = [table("[assignment]", assignment, ("rules",))]
    return "\n\n".join([*parts, *(table("[[assignment.rules]]", rule) for rule in assignment.rules)]) + "\n"
