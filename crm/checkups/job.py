"""How a run is done: a slice for each rule about stored things, one for each group of users, one that joins them."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any

import structlog

from crm import handbook
from crm.checkups.looking import SWITCHED_OFF, crashed, database_now, look_at, words_of
from crm.checkups.models import Result, Run
from crm.checkups.rules import Look, Outcome, known_ids
from crm.checkups.running import KIND, chosen_rules, finish_run, mark_stopped, may_run, take_up
from crm.checkups.storing import settle
from crm.core.errors import Refused
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice

log = structlog.get_logger(__name__)
WORDS = {
    Result.State.DONE: "looked",
    Result.State.EMPTY: "nothing_to_look_at",
    Result.State.OFF: "switched_off",
    Result.State.CRASHED: "failed",
}
# What is kept of a row about a group once all are joined.
KEPT = ("label", "outcome", "code", "message", "count")


def work(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """One slice of a run: look, and store what was found."""
    run, look = take_up(job), Look(at, handbook.current())
    if "join" in part.input:
        return join(run, look)
    if "group" in part.input:
        return look_at_people(part.input, look)
    rule = known_ids().get(str(part.input.get("rule", "")))
    if rule is None:
        message = "This version of Plumb does not have the rule any more."
        return [{"label": str(part.input.get("rule", "")), "outcome": "gone", "code": "gone", "message": message}]
    return [row_of(settle(look_at(rule, look), run=run, at=at))]


def look_at_people(input: dict[str, Any], look: Look) -> list[Row]:
    """What one group is shown; when that cannot be found out, no rule about pages has passed."""
    from crm.checkups.presentation import look_at_group

    seen_at = database_now().isoformat()
    try:
        rows = look_at_group(input, look)
    except Exception as error:
        log.error("checkup_crashed", group=input.get("group"), error=error, trace=traceback.format_exc())
        said = {"code": "crashed", "message": f"It crashed: {words_of(error)}", "crash": words_of(error)}
        rows = [{"label": "What people are shown", "outcome": "failed", **said}]
    return [{**row, "seen_at": seen_at} for row in rows]


def join(run: Run, look: Look) -> list[Row]:
    """What all groups were shown, as one outcome for each rule; stored in one order, whoever joins at the same time."""
    from crm.checkups.presentation import outcomes

    parts = list(JobSlice.objects.filter(job=run.job, input__has_key="group").order_by("number"))
    rows = [row for part in parts for row in part.output or ()]
    crashes = [row["crash"] for row in rows if "crash" in row]
    first = min((datetime.fromisoformat(row["seen_at"]) for row in rows), default=None)
    seen_at = first or database_now()
    found = {one.rule.id: one for one in joined(outcomes, [row for row in rows if "crash" not in row], look, run)}
    results = []
    for rule in sorted((one for one in chosen_rules(run) if one.is_presentation), key=lambda one: one.id):
        outcome = found.get(rule.id) or Outcome(rule, seen_at, covers=False)
        # They looked one after another: what the first was shown may have changed when the last was.
        outcome.seen_at = seen_at
        if rule.id in look.book.checkups.off:
            outcome.off, outcome.covers, outcome.note = True, False, SWITCHED_OFF
        elif crashes:
            outcome.crash, outcome.covers = crashes[0], False
        results.append(settle(outcome, run=run, at=look.at))
    for part in parts:
        part.output = [{key: row[key] for key in KEPT if key in row} for row in part.output or ()]
    JobSlice.objects.bulk_update(parts, ["output"])
    return [row_of(one) for one in results]


def joined(outcomes: Any, rows: list[Row], look: Look, run: Run) -> list[Outcome]:
    """One outcome for each rule; all have crashed when they cannot be joined."""
    try:
        found: list[Outcome] = outcomes(rows, look, whole=run.person_id is None)
    except Exception as error:
        found = [Outcome(rule, look.at) for rule in chosen_rules(run) if rule.is_presentation]
        for one in found:
            crashed(one, error)
    return found


def row_of(result: Result) -> Row:
    """What the job's page says of one rule."""
    row: Row = {"label": known_ids()[result.rule].title, "outcome": WORDS[Result.State(result.state)]}
    if result.state == Result.State.CRASHED:
        row |= {"code": "crashed", "message": f"It crashed: {result.note}"}
    return row


def finish(job: Job, at: datetime) -> None:
    """The run has ended."""
    # The job's row before the run's, as who cancels it takes them.
    Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
    finish_run(take_up(job), at=at)


def stopped(job: Job, at: datetime) -> None:
    """The run goes no further, until its job is resumed."""
    mark_stopped(at=at)


def allow(job: Job) -> None:
    """Who has no right to run checkups any more gets no further.

    Raises:
        Refused: `forbidden`.
    """
    if not may_run(job.by):
        raise Refused("forbidden", f"{job.by} asked for this and may not run checkups any more.")


register(JobKind(KIND, run=work, finish=finish, allow=allow, stopped=stopped))
