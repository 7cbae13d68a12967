"""Runs: started by the calendar, from the page or the command line, and ended by their job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from crm import handbook
from crm.checkups.models import Run
from crm.checkups.rules import all_rules
from crm.core.errors import Refused
from crm.jobs.services import start_job
from crm.people.models import User

KIND = "checkup"


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

    Raises:
        Refused: `unknown_rule`.
    """
    known = {rule.id: rule for rule in all_rules()}
    if unknown := [one for one in rules if one not in known]:
        raise Refused("unknown_rule", f"There is no rule {', '.join(unknown)}.")
    chosen = [known[one] for one in dict.fromkeys(rules)] or list(known.values())
    slices: list[dict[str, Any]] = [{"rule": rule.id, "rows": 1} for rule in chosen if not rule.is_presentation]
    run = Run(why=why, occasion=occasion, by=by, started_at=at, person=person, handbook=handbook.current().sha256)
    run.rules = [rule.id for rule in chosen] if rules else []
    run.job = start_job(
        KIND, title=f"{run.get_why_display()} checkup", by=by, at=at, input={}, slices=slices, woken=woken
    )
    run.save()
    return run


def finish_run(run: Run, *, at: datetime) -> None:
    """Note that every slice of it was done."""
    run.state, run.finished_at = Run.State.DONE, at
    run.save(update_fields=["state", "finished_at"])
