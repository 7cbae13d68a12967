"""The sweep: every step that is due by now is taken once, and whom it concerns is told (R6).

It claims due clocks with SKIP LOCKED and writes, for each batch, the events, what people are told, and when to look
again, in one transaction: whatever happens, a step is taken once. The database's clock decides what is due, so that a
worker whose own is wrong tells nobody too early. Its cost grows with what is due, never with what is open.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from crm.calendar.hours import Calendar
from crm.clocks.following import follow
from crm.clocks.histories import History, histories_of
from crm.clocks.models import Clock
from crm.clocks.renewal import Force, in_force, renew, successor
from crm.clocks.services import judge
from crm.clocks.storing import RENEWED, SWEPT, Event, add_events, update_clocks
from crm.clocks.subjects import subjects_of
from crm.clocks.telling import Due, posts_of, tell
from crm.clocks.terms import LIMIT, TARGET, Step, terms_of
from crm.clocks.versions import handbook_of
from crm.core.acting import retry_deadlocks
from crm.handbook.promises import Policy
from crm.handbook.services import is_applied
from crm.notifications.services import notify

log = structlog.get_logger(__name__)
BATCH = 500


@dataclass(slots=True)
class Plan:
    """What is to be done with one clock: the steps it takes, and what else happened to it on the way."""

    clock: Clock
    due: list[Step]
    events: list[Event] = field(default_factory=list)


def sweep(*, seconds: float, at: datetime | None = None) -> bool:
    """Take the steps that are due, for so many seconds at most; whether some are left. `at`: a moment instead of the
    database's now.

    A process whose handbook is not the one in force takes none, and nobody notes that it swept.
    """
    started = time.monotonic()
    follow(at=at or database_now())
    while is_applied():
        if sweep_batch(at=at) < BATCH:
            return False
        if time.monotonic() - started > seconds:
            return True
    log.warning("not_swept", why="the handbook of this process is not the one in force")
    return False


def database_now() -> datetime:
    """The time that all workers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


@retry_deadlocks
def sweep_batch(*, at: datetime | None = None, size: int = BATCH) -> int:
    """Take the due steps of so many clocks, those first that have waited longest; how many clocks were looked at."""
    with transaction.atomic():
        seen = at or database_now()
        clocks = claim(seen, size)
        force = in_force()
        if not clocks or force is None:
            return 0
        histories = histories_of([clock.pk for clock in clocks])
        planning = Planning(force, seen)
        plans = [planning.plan(clock, histories[clock.pk]) for clock in clocks]
        carry_out(plans, seen)
        return len(clocks)


def claim(at: datetime, size: int) -> list[Clock]:
    """Clocks that are due at a moment and that nobody else holds, locked until the transaction ends."""
    due = Clock.objects.filter(next_at__lte=at).order_by("next_at", "id")
    return list(due.select_for_update(skip_locked=True, no_key=True)[:size])


def carry_out(plans: list[Plan], seen: datetime) -> None:
    """Write events, tell people, and store when each clock is looked at next."""
    taking = [plan for plan in plans if plan.due]
    subjects = subjects_of([plan.clock.pk for plan in taking])
    for plan in taking:
        if any(step.name == LIMIT for step in plan.due):
            judge(plan.clock, subjects.get(plan.clock.pk))
    dues = [Due(plan.clock, subjects.get(plan.clock.pk), tuple(plan.due)) for plan in taking]
    told = tell(dues, at=seen)
    posted = posts_of(dues, told, at=seen)
    to: dict[tuple[int, str], list[int]] = {}
    for one in told:
        to.setdefault((one.clock_id, one.step), []).append(one.notice.to_id)
    events = [event for plan in plans for event in plan.events]
    for plan in taking:
        clock = plan.clock
        for step in plan.due:
            facts = {"told": to.get((clock.pk, step.name), [])}
            events.append(Event(clock.pk, step.kind, clock.round, step.at, step.name, "", seen, facts))
    new = add_events(events)
    notify(
        [one.notice for one in told if (one.clock_id, one.step) in new],
        posts=[one.post for one in posted if (one.clock_id, one.step) in new],
        at=seen,
    )
    renewed = any(plan.events for plan in plans)
    update_clocks([plan.clock for plan in plans], RENEWED if renewed else SWEPT)


class Planning:
    """Works out the steps of one batch by one handbook in force, at one moment."""

    def __init__(self, force: Force, seen: datetime) -> None:
        self.force, self.seen = force, seen
        self.policies: dict[tuple[int, str], tuple[Policy, Calendar, Any]] = {}

    def plan(self, clock: Clock, history: History) -> Plan:
        """What is due for the clock now; it is told by `next_at` when to be looked at again."""
        plan = Plan(clock, [])
        try:
            # No step is taken by hours or a policy that no longer hold.
            policy = successor(clock, self.force)
            if policy is not None:
                plan.events.append(renew(clock, policy, self.force, history, at=self.seen))
            steps = self.steps_of(clock, history)
        except Exception as error:
            # One clock that cannot be worked out must not keep the others from being told of.
            log.error("steps_unknown", clock=clock.pk, error=error, trace=traceback.format_exc())
            steps = known_steps(clock)
        plan.due = [step for step in steps if step.at <= self.seen and not history.is_settled(step, clock.round)]
        clock.next_at = next((step.at for step in steps if step.at > self.seen), None)
        return plan

    def steps_of(self, clock: Clock, history: History) -> tuple[Step, ...]:
        """All steps of the clock, by the version of the handbook that it keeps."""
        key = (clock.handbook_id, clock.policy)
        if key not in self.policies:
            book = handbook_of(clock.handbook_id)
            policy = book.policy(clock.policy)
            self.policies[key] = policy, book.calendar(policy), book.zone
        return terms_of(*self.policies[key], clock.started_at, history.pauses).steps


def known_steps(clock: Clock) -> tuple[Step, ...]:
    """The steps that the clock's own row knows of, when its handbook cannot be read."""
    target = (Step(TARGET, "warned", clock.target_at),) if clock.target_at else ()
    return (*target, Step(LIMIT, "breached", clock.limit_at))
