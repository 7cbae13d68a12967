"""A run as the command line prints it: by area for people, as one object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten
from typing import Any

from django.utils import timezone

from crm.checkups.models import Area, Finding, Result, Run, Severity
from crm.checkups.rules import all_rules, rule_of
from crm.checkups.words import counted, subjects_of

EXAMPLES, WIDTH = 3, 100
NOTHING = {
    Result.State.EMPTY: "nothing to look at",
    Result.State.OFF: "switched off",
    Result.State.CRASHED: "crashed",
}


def as_json(run: Run) -> dict[str, Any]:
    """What programs read of a run."""
    return {
        "run": run.pk,
        "rules": [
            {
                "id": one.rule,
                "row": rule.row if (rule := rule_of(one.rule)) else "",
                "area": one.area,
                "severity": one.severity,
                "looked_at": one.looked_at,
                "open": one.open,
                "new": one.new + one.back,
                "gone": one.gone,
            }
            for one in _results(run)
        ],
    }


def should_fail(run: Run) -> bool:
    """Whether a pipeline has to stop: an open finding is an error, or a rule could not look."""
    return any(one.open and (one.severity == Severity.ERROR or _crashed(one)) for one in run.results.all())


def rules_as_json() -> dict[str, Any]:
    """Every rule, as programs read it."""
    return {
        "rules": [
            {"id": one.id, "row": one.row, "area": one.area, "severity": one.severity, "title": one.title}
            for one in all_rules()
        ]
    }


def listed() -> Iterator[str]:
    """Every rule by area: id, row of the handbook, title."""
    rules = all_rules()
    widths = max(len(one.id) for one in rules), max(len(one.row) for one in rules)
    for area in Area:
        mine = [one for one in rules if one.area == area]
        if mine:
            yield f"{area.label}"
            yield from (f"  {one.id:{widths[0]}}  {one.row:{widths[1]}}  {one.title}" for one in mine)


def lines(run: Run) -> Iterator[str]:
    """A run by area, what was found with a few examples, and the sum of it."""
    results = _results(run)
    about = f" of what {run.person} is shown" if run.person else ""
    yield f"Checkup {run.pk}{about}, {timezone.localtime(run.started_at):%Y-%m-%d %H:%M %Z}"
    for area in Area:
        mine = [one for one in results if one.area == area]
        if mine:
            yield ""
            yield area.label
            for one in mine:
                yield from _lines_of(one, run)
    yield ""
    yield _sum(results)


def _lines_of(result: Result, run: Run) -> Iterator[str]:
    rule = rule_of(result.rule)
    yield f"  {rule.title if rule else result.rule}: {_words(result)}"
    if result.note:
        yield f"      {_short(result.note)}"
    if result.open:
        seen = Finding.objects.open().filter(rule=result.rule, last_seen__gte=run.started_at).order_by("pk")
        named = subjects_of(list(seen[:EXAMPLES]))
        for one in named:
            yield f"      {one.name}"
            yield f"        expected: {_short(one.finding.expected)}"
            yield f"        found:    {_short(one.finding.found)}"
        if result.open > len(named):
            yield f"      and {result.open - len(named):,} more"


def _words(result: Result) -> str:
    if result.state in NOTHING:
        return NOTHING[Result.State(result.state)]
    if not result.total:
        return f"fine, {result.looked_at:,} looked at" + (f", {result.gone:,} gone" if result.gone else "")
    accepted = Finding.objects.filter(rule=result.rule, state=Finding.State.ACCEPTED).count()
    changed = ((result.new + result.back, "new"), (result.gone, "gone"), (accepted, "accepted"))
    parts = [f"{number:,} {word}" for number, word in changed if number]
    if result.total > result.open + accepted:
        parts.append(f"{result.total:,} in all")
    said = f"{counted(result.open, 'open ' + result.severity)} of {result.looked_at:,} looked at"
    return f"{said} ({', '.join(parts)})" if parts else said


def _sum(results: list[Result]) -> str:
    found, crashed = sum(one.open for one in results), sum(_crashed(one) for one in results)
    new, gone = sum(one.new + one.back for one in results), sum(one.gone for one in results)
    errors = sum(one.open for one in results if one.severity == Severity.ERROR)
    said = f"{counted(len(results), 'rule')}: {found:,} open ({counted(errors, 'error')}), {new:,} new, {gone:,} gone."
    return f"{said} {counted(crashed, 'rule')} crashed." if crashed else said


def _results(run: Run) -> list[Result]:
    """In the order of the page's own list."""
    order = {rule.id: number for number, rule in enumerate(all_rules())}
    return sorted(run.results.all(), key=lambda one: (order.get(one.rule, len(order)), one.rule))


def _crashed(result: Result) -> bool:
    return result.state == Result.State.CRASHED


def _short(text: str) -> str:
    return shorten(text, WIDTH, placeholder=" …")
