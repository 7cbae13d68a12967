"""Reads for the pages of checkups: how every rule stands, how it got there, and what a run found when it ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from crm.checkups.charts import Spark, spark
from crm.checkups.models import Area, Finding, Result, Run, Severity, Step
from crm.checkups.rules import Rule, all_rules
from crm.handbook.document import Handbook

QUIET = ("fine", "empty")
TREND = 12  # so many looks are drawn beside a rule
SEEN_STEPS = (Step.Kind.FOUND, Step.Kind.BACK, Step.Kind.GONE)


@dataclass(frozen=True, slots=True)
class Line:
    """How one rule stands: its last look, what is open and accepted now, and how the last looks went."""

    rule: Rule
    severity: Severity
    last: Result | None
    open: int
    accepted: int
    total: int
    change: int | None
    trend: Spark | None
    off: bool

    @property
    def verdict(self) -> str:
        """In a word: never, off, crashed, empty, found or fine. What was not looked at is not fine."""
        if self.off:
            return "off"
        if self.last is None:
            return "never"
        if self.last.state in (Result.State.CRASHED, Result.State.OFF):
            return str(self.last.state)
        if self.open or self.total:
            return "found" if self.open else "accepted"
        return "empty" if self.last.state == Result.State.EMPTY else "fine"


@dataclass(slots=True)
class Group:
    """The rules of one area."""

    area: Area
    lines: list[Line] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many findings are open in it."""
        return sum(line.open for line in self.lines)

    @property
    def parts(self) -> list[tuple[str, list[Line]]]:
        """What somebody has to look at, and under a heading what is as it should be."""
        loud = [line for line in self.lines if line.verdict not in QUIET]
        quiet = [line for line in self.lines if line.verdict in QUIET]
        fine = sum(line.verdict == "fine" for line in quiet)
        words = [f"{fine} as it should be" if fine else "", f"{len(quiet) - fine} with nothing to look at"]
        said = ", ".join(word for word in words if word and not word.startswith("0 "))
        return [(heading, found) for heading, found in (("", loud), (said, quiet)) if found]


def lines(book: Handbook, rules: Sequence[Rule] | None = None) -> list[Line]:
    """How each rule stands, in the handbook's order: two queries."""
    wanted = all_rules() if rules is None else list(rules)
    looks = recent([rule.id for rule in wanted], most=TREND)
    counts: dict[tuple[str, str], int] = {
        (rule, state): number
        for rule, state, number in Finding.objects.standing()
        .filter(rule__in=[rule.id for rule in wanted])
        .order_by()
        .values_list("rule", "state")
        .annotate(Count("pk"))
    }
    return [_line(rule, book, looks.get(rule.id, []), counts) for rule in wanted]


def _line(rule: Rule, book: Handbook, looks: Sequence[Result], counts: dict[tuple[str, str], int]) -> Line:
    looked = [one for one in looks if one.state in (Result.State.DONE, Result.State.EMPTY)]
    last = looks[-1] if looks else None
    change = looked[-1].total - looked[-2].total if len(looked) > 1 else None
    return Line(
        rule,
        rule.severity_by(book),
        last,
        counts.get((rule.id, Finding.State.OPEN), 0),
        counts.get((rule.id, Finding.State.ACCEPTED), 0),
        looked[-1].total if looked else 0,
        change,
        spark([one.total for one in looked]) if len(looked) > 1 else None,
        rule.id in book.checkups.off,
    )


def lines_of(run: Run) -> list[Line]:
    """What each rule of a run came to in it, in the handbook's order; one query."""
    results = {one.rule: one for one in run.results.all()}
    return [
        Line(rule, Severity(one.severity), one, one.open, 0, one.total, one.new + one.back - one.gone, None, False)
        for rule in all_rules()
        if (one := results.get(rule.id)) is not None
    ]


def by_area(found: Iterable[Line]) -> list[Group]:
    """Lines in groups, in the handbook's order; an area without rules is left out."""
    groups = {area: Group(area) for area in Area}
    for line in found:
        groups[line.rule.area].lines.append(line)
    return [group for group in groups.values() if group.lines]


def recent(rules: Sequence[str], *, most: int) -> dict[str, list[Result]]:
    """The last looks of each of these rules, the oldest first; one query."""
    place = Window(RowNumber(), partition_by=[F("rule")], order_by=F("pk").desc())
    rows = Result.objects.filter(rule__in=rules).annotate(place=place).filter(place__lte=most)
    found: dict[str, list[Result]] = defaultdict(list)
    for result in rows.select_related("run").order_by("pk"):
        found[result.rule].append(result)
    return found


def standing_at(moment: datetime, *, rules: Sequence[str]) -> QuerySet[Finding]:
    """The findings that stood at a moment of the past, read off their steps: what a run's report lists."""
    steps = Step.objects.filter(finding=OuterRef("pk"), kind__in=SEEN_STEPS, at__lte=moment)
    last = Subquery(steps.order_by("-at", "-pk").values("kind")[:1])
    rows = Finding.objects.filter(rule__in=rules, first_seen__lte=moment).annotate(then=last)
    return rows.filter(then__in=[Step.Kind.FOUND, Step.Kind.BACK])


def last_whole() -> Run | None:
    """The last run that looked at everything."""
    return Run.objects.whole().select_related("by").first()
