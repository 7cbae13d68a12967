"""Runs: started by the calendar, from the page or the command line, and ended by their job, or by nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from crm import handbook
from crm.checkups.models import Run
from crm.checkups.rules import Rule, all_rules, known_ids
from crm.checkups.storing import close_unknown
from crm.checkups.telling import tell_of_end
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.models import UNFINISHED, Job
from crm.jobs.services import start_job
from crm.people.models import SYSTEM_EMAIL, User

KIND = "checkup"
# So long nobody works a run that had begun before it is called broken off, and one that nobody ever took.
PATIENCE, PATIENCE_BEFORE = timedelta(minutes=10), timedelta(days=1)
BROKEN_OFF = "Nobody worked on it any more. A worker that takes it up goes on with it."


@transaction.atomic
def start_run(
    *,
    why: str,
    by: User,
    at: datetime,
    rules: Sequence[str] = (),
    person: User | None = None,
    occasion: str = "",
    woken: bool = True,
) -> Run:
    """Store a run and its job, and wake a worker on commit.

    `rules`: only these; empty for all, or, for a `person`, all that look at what people are shown.

    Raises:
        Refused: `forbidden`, `unknown_rule`, `inactive` for a person who is shown nothing.
    """
    if not may_run(by):
        raise Refused("forbidden", "Checkups are run by managers.")
    if unknown := [one for one in rules if one not in known_ids()]:
        raise Refused("unknown_rule", f"There is no rule {', '.join(unknown)}.")
    if person is not None and not person.is_staff:
        raise Refused("inactive", f"{person} is no active person here, and is shown nothing.")
    run = Run(why=why, occasion=occasion, by=by, started_at=at, person=person, handbook=handbook.current().sha256)
    run.rules = list(dict.fromkeys(rules))
    slices = slices_of(chosen_rules(run), person)
    run.job = start_job(KIND, title=title_of(run), by=by, at=at, input={}, slices=slices, woken=woken)
    run.save()
    return run


def may_run(user: User) -> bool:
    """Whether this person, or the calendar, may start checkups."""
    return user.email == SYSTEM_EMAIL or may(user, "start", Run)


def title_of(run: Run) -> str:
    """What its job is called."""
    about = f" of what {run.person} is shown" if run.person else ""
    return f"{run.get_why_display()} checkup{about}"


def chosen_rules(run: Run) -> list[Rule]:
    """The rules of a run, as far as this version still has them."""
    known = known_ids()
    if run.rules:
        return [known[one] for one in run.rules if one in known]
    return [rule for rule in all_rules() if run.person is None or rule.is_presentation]


def slices_of(rules: Iterable[Rule], person: User | None) -> list[dict[str, Any]]:
    """One slice for each rule about stored things, one for each group of users, one that joins what those were shown.

    A rule that is switched off has a slice too, which says so.
    """
    from crm.checkups.presentation import slices

    chosen = list(rules)
    pages = [rule for rule in chosen if rule.is_presentation]
    off = handbook.current().checkups.off
    found: list[dict[str, Any]] = [{"rule": rule.id, "rows": 1} for rule in chosen if not rule.is_presentation]
    if pages:
        found += slices([rule for rule in pages if rule.id not in off], person)
        found.append({"join": True, "rows": len(pages)})
    return found


def take_up(job: Job) -> Run:
    """The run of a job that is worked now; one that was called broken off goes on."""
    Run.objects.filter(job=job).exclude(state=Run.State.RUNNING).update(
        state=Run.State.RUNNING, finished_at=None, note=""
    )
    return Run.objects.select_related("person").get(job=job)


def finish_run(run: Run, *, at: datetime) -> None:
    """Note that every slice of it was done; who answers for checkups is told of one that looked at everything."""
    run.state, run.finished_at, run.note = Run.State.DONE, at, ""
    run.save(update_fields=["state", "finished_at", "note"])
    if run.rules or run.person_id:
        return
    close_unknown(known_ids(), run=run, at=at)
    if run.why in (Run.Why.MONTHLY, Run.Why.ASKED):
        tell_of_end(run, at=at)


def mark_stopped(*, at: datetime) -> int:
    """Note on runs that go no further why: their job was cancelled or failed, or nobody works it; how many.

    A job that is resumed, or taken up by a worker that comes back, goes on with its run.
    """
    running = Run.objects.unfinished()
    states = {Job.State.CANCELLED: Run.State.CANCELLED, Job.State.FAILED: Run.State.FAILED}
    count = 0
    for run in running.filter(job__state__in=states).select_related("job").order_by("pk"):
        if run.job is not None:
            count += running.filter(pk=run.pk, job__state=run.job.state).update(
                state=states[Job.State(run.job.state)], finished_at=at, note=run.job.message
            )
    left = Q(job__leased_until__lt=at - PATIENCE) | Q(job__leased_until=None, job__asked_at__lt=at - PATIENCE_BEFORE)
    idle = running.filter(Q(job=None) | (Q(job__state__in=UNFINISHED) & left))
    return count + idle.update(state=Run.State.KILLED, finished_at=at, note=BROKEN_OFF)
