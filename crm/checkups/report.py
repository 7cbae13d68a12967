"""What a run found, in the order of the handbook page's own list (1-5), then what is stored: to be printed (K2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from crm.checkups.models import Area, Result, Run
from crm.checkups.overview import standing_at
from crm.checkups.rules import Rule, all_rules
from crm.checkups.words import Named, subjects_of

MOST = 50  # so many findings of a rule are printed; the count is of all
HEADINGS = {
    Area.TABS: "1. Tabs",
    Area.ACCOUNTS: "2. Accounts",
    Area.OPPORTUNITIES: "3. Opportunities",
    Area.CONTACTS: "4. Contacts",
    Area.LEADS: "5. Leads",
    Area.DATA: "What is stored",
    Area.PROCESS: "What comes from elsewhere",
    Area.CONFIGURATION: "How Plumb is set up",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule of a run: its figures, and what it found that stood when the run ended."""

    rule: Rule
    result: Result
    found: Sequence[Named]
    left_out: int

    @property
    def is_fine(self) -> bool:
        """Whether it looked at something and found nothing."""
        return self.result.state == Result.State.DONE and not self.result.total


@dataclass(slots=True)
class Part:
    """One area of the report."""

    heading: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What its rules say beside their figures, each once: rules about one page say the same."""
        said = (one.result.note for one in self.entries if one.result.state == Result.State.DONE)
        return list(dict.fromkeys(note for note in said if note))

    @property
    def total(self) -> int:
        """How many findings it has."""
        return sum(one.result.total for one in self.entries)


def report_of(run: Run) -> list[Part]:
    """The report of a run: one query for its figures, one for its findings, one for each kind of record among them."""
    results = {one.rule: one for one in run.results.all()}
    rules = [rule for rule in all_rules() if rule.id in results]
    moment = run.finished_at or run.started_at
    place = Window(RowNumber(), partition_by=[F("rule")], order_by=F("pk").asc())
    stood = standing_at(moment, rules=list(results)).annotate(place=place).filter(place__lte=MOST)
    rows = stood.select_related("assignee").order_by("rule", "pk")
    kept: dict[str, list[Named]] = defaultdict(list)
    for one in subjects_of(list(rows)):
        kept[one.finding.rule].append(one)
    parts = {area: Part(heading) for area, heading in HEADINGS.items()}
    for rule in rules:
        found, result = kept[rule.id], results[rule.id]
        parts[rule.area].entries.append(Entry(rule, result, found, max(0, result.total - len(found))))
    return [part for part in parts.values() if part.entries]
