"""Data rules on what another system exported and was never brought in: a company sees what they find before it moves.

Who can read such an export registers how (`reads`); the rules are asked here, and their answers told as text or as one
HTML page that needs nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import models
from django.template.loader import render_to_string

from crm import handbook
from crm.checkups.looking import crashed, read_only, sight_of
from crm.checkups.models import Severity
from crm.checkups.rules import Look, Outcome, Rows, Rule, all_rules
from crm.people.models import User

SHOWN = 20  # so many of a rule's findings are listed; all are counted
# The records of the export, by kind; what a rule finds on others is none of its business.
Among = Mapping[type[models.Model], models.QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One record that is not as it should be: what the other system calls it, its name, and what was found."""

    id: str
    name: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What the export cannot say: a rule, or one detail of it, is not asked of these records, or of none at all.

    `rows` is true or false of every record, and never unknown: its opposite is what is asked.
    """

    rule: str
    why: str
    rows: models.Q | None = None
    detail: str = ""


@dataclass(slots=True)
class Told:
    """What one rule found in the export; `notes` say what it was not asked, and why."""

    rule: Rule
    severity: Severity
    looked_at: int = 0
    total: int = 0
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    crash: str = ""

    @property
    def verdict(self) -> str:
        """What came of it, in a word or two."""
        if self.crash:
            return f"crashed: {self.crash}"
        found = f"{self.total:,} found" if self.total else "as it should be"
        return f"{found}, {self.looked_at:,} looked at"

    @property
    def left_out(self) -> int:
        """How many are counted and not listed."""
        return self.total - len(self.rows)


@dataclass(slots=True)
class Export:
    """An export as it was looked at: what was read by kind of record, what could not be read, what the rules found.

    `problems`: what an import would say, with the number of rows; 0 where the sentence has it.
    """

    source: str
    read: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, int]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @property
    def looked(self) -> list[Told]:
        """The rules that had something to look at, those that found most first."""
        order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
        found = [one for one in self.told if one.looked_at or one.crash]
        return sorted(found, key=lambda one: (not one.total, order[one.severity], -one.total, one.rule.id))

    @property
    def unasked(self) -> list[Told]:
        """The rules of which a part, or everything, could not be asked."""
        return [one for one in self.told if one.notes]

    @property
    def total(self) -> int:
        """How many findings there are."""
        return sum(one.total for one in self.told)

    @property
    def has_errors(self) -> bool:
        """Whether anything of the severity error was found, a rule crashed, or a file could not be read."""
        found = any(one.crash or (one.total and one.severity == Severity.ERROR) for one in self.told)
        return bool(self.unreadable) or found


Progress = Callable[[str, int], None]
Reader = Callable[[Path, User, datetime, Progress], Export]
_readers: dict[str, Reader] = {}


def reads(system: str) -> Callable[[Reader], Reader]:
    """Register how the exports of a system are looked at."""

    def register(reader: Reader) -> Reader:
        _readers[system] = reader
        return reader

    return register


def look_at_export(
    system: str, folder: Path, *, actor: User, at: datetime, progress: Progress = lambda name, size: None
) -> Export:
    """Look at an export of this system; nothing of it is stored.

    Raises:
        KeyError: for a system that nobody can read.
        Refused: as an import is refused.
    """
    return _readers[system](folder, actor, at, progress)


def ask_rules(
    among: Among, names: Callable[[Any], tuple[str, str]], *, at: datetime, gaps: Sequence[Gap] = ()
) -> list[Told]:
    """Every data rule over these records only; `names` says what the other system calls a record, and its name.

    What the export cannot say (`gaps`) is no finding, and told as not looked at.
    """
    look = Look(at, handbook.current())
    data = [rule for rule in all_rules() if not rule.is_presentation and rule.id.startswith("data.")]
    of = {rule.id: [gap for gap in gaps if gap.rule == rule.id] for rule in data}
    return [_ask(rule, look, among, names, of[rule.id]) for rule in data if rule.id not in look.book.checkups.off]


def _ask(rule: Rule, look: Look, among: Among, names: Callable[[Any], tuple[str, str]], gaps: Sequence[Gap]) -> Told:
    told = Told(rule, rule.severity_by(look.book))
    looked: dict[Any, int] = {}
    try:
        with read_only():
            answer = rule.function(look)
            # What is not about records is about this installation, which the export is no part of.
            parts: Sequence[Any] = [] if not hasattr(answer, "__iter__") else list(answer)
            for part in parts:
                kind = part.among.model
                if kind in among:
                    ours = replace(part, among=part.among.filter(pk__in=among[kind]))
                    narrowed = _without_gaps(told, ours, [one for one in gaps if one.detail in ("", part.detail)])
                    if narrowed is None:
                        continue
                    looked[kind] = max(looked.get(kind, 0), narrowed.among.count())
                    _take(told, narrowed, names)
    except Exception as error:
        outcome = Outcome(rule, look.at)
        crashed(outcome, error)
        told.crash, told.total, told.rows, told.notes = outcome.crash, 0, [], []
    told.looked_at = sum(looked.values())
    return told


def _without_gaps(told: Told, part: Rows, gaps: Sequence[Gap]) -> Rows | None:
    """The part over the records of which the export says enough; None when that is none. What is left out is noted."""
    for gap in gaps:
        wrong = part.found_rows if gap.rows is None else part.found_rows.filter(gap.rows)
        left_out = wrong.count()
        if not left_out:
            continue
        meta = wrong.model._meta
        note = f"{left_out:,} {meta.verbose_name if left_out == 1 else meta.verbose_name_plural}: {gap.why}"
        if note not in told.notes:
            told.notes.append(note)
        if gap.rows is None:
            return None
        part = replace(part, among=part.among.filter(~gap.rows))
    return part


def _take(told: Told, part: Rows, names: Callable[[Any], tuple[str, str]]) -> None:
    told.total += part.found_rows.count()
    for record in part.rows.order_by("pk")[: max(0, SHOWN - len(told.rows))]:
        sight = sight_of(part, record)
        told.rows.append(Row(*names(record), sight.expected, sight.found))


def as_text(export: Export) -> str:
    """The report for a terminal."""
    lines = [f"Checkup of {export.source}", ""]
    lines += [f"Cannot be read: {sentence}" for sentence in export.unreadable]
    lines.append(f"Read: {', '.join(f'{number:,} {name}' for name, number in export.read.items()) or 'nothing'}.")
    for sentence, number in export.problems:
        lines.append(f"  {number:,} × {sentence}" if number else f"  {sentence}")
    for one in export.looked:
        lines += ["", f"{one.rule.title} [{one.rule.id}, {one.rule.row}, {one.severity}]: {one.verdict}"]
        lines += [f"  {row.id}  {row.name}: {row.found} (expected: {row.expected})" for row in one.rows]
        if one.left_out:
            lines.append(f"  and {one.left_out:,} more")
    if export.unasked:
        lines += ["", "Not looked at, since the export does not say it:"]
        lines += [f"  {one.rule.title}: {note}" for one in export.unasked for note in one.notes]
    lines += ["", f"{export.total:,} finding{'' if export.total == 1 else 's'}. Nothing was stored."]
    return "\n".join(lines)


def as_html(export: Export, *, at: datetime) -> str:
    """The report as one page that asks nothing of any server, to be sent around and printed."""
    return render_to_string("checkups/export.html", {"export": export, "at": at, "shown": SHOWN})


def as_json(export: Export) -> dict[str, Any]:
    """The report for programs, in the form of a run's."""
    rules = [
        {
            "id": one.rule.id,
            "row": one.rule.row,
            "area": str(one.rule.area),
            "severity": str(one.severity),
            "looked_at": one.looked_at,
            "open": one.total,
            "new": one.total,
            "gone": 0,
        }
        for one in export.told
    ]
    return {"run": None, "rules": rules, "unreadable": export.unreadable}
