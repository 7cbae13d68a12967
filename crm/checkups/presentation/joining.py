"""What every group was shown, joined: one finding for what is wrong, however many people are shown it so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm.checkups.looking import count_sights
from crm.checkups.rules import Look, Looked, Outcome, Rule, Sight, known_ids

# So many places are named where something was seen; all are alike.
MOST_NAMED = 5


@dataclass
class _Seen:
    """One thing that is wrong: how it is said to whom, and where it was seen."""

    first: Mapping[str, str]
    people: Counter[str] = field(default_factory=Counter)
    found: dict[str, Counter[str]] = field(default_factory=dict)
    on: dict[str, None] = field(default_factory=dict)

    def add(self, one: Mapping[str, str], role: str, people: int, new: bool) -> None:
        """Somebody else is shown it so, or the same on another record."""
        if new:
            self.people[role] += people
            self.found.setdefault(one["found"], Counter())[role] += people
        if one["on"]:
            self.on.setdefault(one["on"])

    def as_sight(self, all_people: Counter[str]) -> Sight:
        """The finding, as most are shown it."""
        found = max(self.found, key=lambda text: self.found[text].total())
        evidence = [("Shown so to", _people(self.people))]
        if right := all_people - self.people:
            evidence.append(("Shown right to", _people(right)))
        for text, roles in self.found.items():
            if text != found:
                evidence.append((f"Found by {', '.join(roles)}", text))
        if self.on:
            more = f", and {len(self.on) - MOST_NAMED} more" if len(self.on) > MOST_NAMED else ""
            evidence.append(("Seen on", f"{'; '.join(list(self.on)[:MOST_NAMED])}{more}"))
        one = self.first
        return Sight(one["expected"], found, one["subject"], one["label"], one["detail"], evidence=evidence)


def outcomes(rows: Iterable[Mapping[str, Any]], look: Look, whole: bool) -> list[Outcome]:
    """One outcome for each rule of the slices that these rows are the output of; `whole`: all groups were looked at."""
    rows, known = list(rows), known_ids()
    ids = dict.fromkeys(rule for row in rows for rule in row["rules"])
    return [
        _joined(known[one], [row for row in rows if one in row["rules"]], look, whole) for one in ids if one in known
    ]


def _joined(rule: Rule, rows: list[Mapping[str, Any]], look: Look, whole: bool) -> Outcome:
    outcome = Outcome(rule, min(datetime.fromisoformat(row["seen_at"]) for row in rows))
    notes = [(row, row["rules"][rule.id]) for row in rows]
    outcome.milliseconds = sum(note["milliseconds"] for _, note in notes)
    pages = sum(note["pages"] for _, note in notes)
    if failed := next((note["failed"] for _, note in notes if note["failed"]), ""):
        outcome.looked_at, outcome.crash, outcome.covers = pages, failed, False
        return outcome
    seen: dict[tuple[str, str], _Seen] = {}
    looked: Counter[str] = Counter()
    for row, note in notes:
        looked[row["role"]] += row["people"] if note["pages"] else 0
        here = set()
        for one in note["sights"]:
            identity = one["subject"], one["detail"]
            found = seen.setdefault(identity, _Seen(one))
            found.add(one, row["role"], row["people"], identity not in here)
            here.add(identity)
    closed = sum(note["closed"] for _, note in notes)
    sights = [one.as_sight(_asked(looked, one.first)) for one in seen.values()]
    said = Looked(at=pages, sights=sights, note=_note(notes, closed))
    count_sights(said, outcome, most=look.book.checkups.most_findings)
    outcome.covers = whole and not closed and bool(pages)
    return outcome


def _asked(looked: Counter[str], one: Mapping[str, str]) -> Counter[str]:
    """Who was shown the same thing: of a role's tabs, that role alone."""
    return looked if not one["subject"].startswith("tabs:") else Counter()


def _note(notes: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], closed: int) -> str:
    """What could not be looked at, and why."""
    lacking: dict[str, dict[str, None]] = {}
    for row, note in notes:
        for what in note["not_there"]:
            lacking.setdefault(what, {}).setdefault(row["role"])
        if not row["people"]:
            lacking.setdefault("anybody active", {})
    said = [f"{what} ({', '.join(roles)})" if roles else what for what, roles in lacking.items()]
    parts = [f"Not there to be looked at: {'; '.join(said)}."] if said else []
    if closed:
        parts.append(f"{closed} pages did not open.")
    return " ".join(parts)


def _people(roles: Counter[str]) -> str:
    return "; ".join(f"{role}: {n} {'person' if n == 1 else 'people'}" for role, n in roles.items() if n)
