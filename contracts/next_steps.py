"""Next steps as promises: who said what would be done by when, and what became of it.

The database makes them (`contracts.triggers`), whatever way a next step is written. Only that one was kept is said by
somebody: here, or with a move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from contracts.flow_facts import StepFacts, step_missing
from contracts.models import NextStep, Opportunity
from crm.core.acting import acting, retry_deadlocks
from crm.core.door import read_facts, stale_since
from crm.core.errors import Missing, Refused
from crm.core.flow import Ask, Verb
from crm.core.permissions import may
from crm.core.text import tidy

if TYPE_CHECKING:
    from crm.people.models import User


def _step(record: Opportunity, ask: Ask) -> Iterable[Missing]:
    """There is a step that can have been kept; an open opportunity says what is done next."""
    if not record.next_step:
        yield Missing("no_next_step", "It has no next step that could be kept.")
    elif record.is_open:
        yield from step_missing(record, replace(ask, facts={**ask.facts, "next_step_kept": True}))


# Not a move: the stage stays. What it asks for is read and checked as a move's facts are.
KEEP = Verb("keep_next_step", "Next step done", "Owner, their team, a manager", "The next one", _step, facts=StepFacts)


@retry_deadlocks
def keep_next_step(
    opportunity: Opportunity,
    *,
    actor: User,
    at: datetime,
    via: str,
    next_step: str | None = None,
    next_step_due: date | str | None = None,
    version: int | None = None,
) -> NextStep:
    """Say that the next step was done, and what is done next: the promise is kept, or kept late.

    `at` decides between the two, by the company's calendar. What is closed needs no further step. The given instance is
    brought up to date; the promise that was kept is returned.

    Raises:
        Refused: `forbidden`; `missing_facts` (`no_next_step`, `needs_next_step`, `needs_next_step_due`,
            `next_step_due_past`, `same_next_step`); `do_not_contact`.
        Stale: the opportunity is no longer at `version`.
    """
    facts = {"next_step": tidy(next_step or "") or None, "next_step_due": next_step_due}
    with acting(actor=actor, via=via, at=at):
        Opportunity.take_holds([opportunity.pk], KEEP, Ask(actor, at, via, "", facts))
        locked = Opportunity.objects.select_for_update(of=("self",)).filter(pk=opportunity.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such record.")
        Opportunity.prepare_moves([locked])
        if not may(actor, "change", locked):
            raise Refused("forbidden", f"“{KEEP.label}” may be done by: {KEEP.who}.")
        if version is not None and locked.version != version:
            raise stale_since(locked, version)
        read, wrong = read_facts(locked, KEEP, {name: value for name, value in facts.items() if value}, at)
        ask = Ask(actor, at, via, "", read)
        named = {item.field for item in wrong}
        wrong += [item for item in _step(locked, ask) if item.field not in named]
        if wrong:
            raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
        # Who asks may have been handed a promise that nobody wrote down: made by hand before the database did.
        kept = NextStep.objects.standing().filter(opportunity=locked).first()
        locked.keep_promise(ask)
        locked.next_step = read.get("next_step") or ""
        locked.next_step_due = read.get("next_step_due")
        locked.save(update_fields=["next_step", "next_step_due"])
        opportunity.refresh_from_db()
        if kept is None:
            raise Refused("no_next_step", "It has no next step that could be kept.")
        kept.refresh_from_db()
    return kept


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise as it is told: `postponed` is whether it moved the due date of the one before to a later day."""

    step: NextStep
    postponed: bool
    overdue: bool


def promises_of(opportunity: Opportunity, *, today: date) -> list[Promise]:
    """Every promise of an opportunity, the newest first."""
    steps: Sequence[NextStep] = list(opportunity.next_steps.order_by("made_at", "pk"))
    found = []
    for place, one in enumerate(steps):
        before = steps[place - 1] if place else None
        later = (
            before is not None
            and before.outcome == NextStep.Outcome.REWRITTEN
            and before.due_on is not None
            and one.due_on is not None
            and one.due_on > before.due_on
        )
        standing = one.outcome == NextStep.Outcome.STANDING
        found.append(Promise(one, later, standing and one.due_on is not None and one.due_on < today))
    return found[::-1]
