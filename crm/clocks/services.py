"""Starting, holding up, stopping and voiding clocks. Each is called inside the domain call that causes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crm import handbook
from crm.clocks.histories import History, histories_of
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.renewal import begin_round, in_force, renew, successor
from crm.clocks.storing import add_events
from crm.clocks.subjects import Subject, subjects_of
from crm.clocks.terms import Pause, Terms, terms_of
from crm.clocks.versions import handbook_of, version_in_force
from crm.clocks.waking import wake_sweep
from crm.core.errors import Refused
from crm.handbook.promises import Policy
from crm.people.models import User

Kind = ClockEvent.Kind


def start_clock(
    policy: Policy,
    *,
    channel: str,
    segment: str,
    tier: str = "",
    priority: str = "",
    started_at: datetime,
    at: datetime,
) -> Clock | None:
    """Start the clock of a request that was received at `started_at`; None where the policy promises nothing.

    What was over before it came in here (an import) gets its verdict, and nobody is told.
    """
    if policy.promise is None:
        return None
    book = handbook.current()
    terms = terms_of(policy, book.calendar(policy), book.zone, started_at)
    clock = Clock.objects.create(
        policy=policy.key,
        handbook=version_in_force(),
        channel=channel,
        priority=priority,
        segment=segment,
        tier=tier,
        started_at=started_at,
        in_hours=terms.in_hours,
        target_at=terms.target,
        limit_at=terms.limit,
        # Never before now: what was over when it came is looked at next, and is not behind.
        next_at=max(terms.steps[0].at, at),
        quiet=terms.limit < at,
    )
    if not clock.quiet:
        wake_sweep()
    note(clock, Kind.STARTED, at=started_at, facts={"limit": terms.limit.isoformat()})
    return clock


def pause_clock(
    clock: Clock, *, by: User | None, reason: str, at: datetime, facts: dict[str, Any] | None = None
) -> Clock:
    """Hold it up: they are to do something first, or nobody may answer.

    Raises:
        Refused: `not_running`.
    """
    locked = hold_clock(clock)
    refuse_unless_open(locked)
    if locked.paused_at is not None:
        raise Refused("not_running", "It is held up already.")
    locked.paused_at, locked.next_at = max(at, locked.started_at), None
    locked.save(update_fields=["paused_at", "next_at"])
    note(locked, Kind.PAUSED, at=locked.paused_at, by=by, reason=reason, facts=facts)
    return locked


def resume_clock(clock: Clock, *, by: User | None, at: datetime, reason: str = "") -> Clock:
    """Let it run again; its times move by what the pause took, and are of the handbook in force.

    Raises:
        Refused: `not_running`.
    """
    locked = hold_clock(clock)
    refuse_unless_open(locked)
    if locked.paused_at is None:
        raise Refused("not_running", "It is not held up.")
    at = max(at, locked.paused_at)
    note(locked, Kind.RESUMED, at=at, by=by, reason=reason)
    locked.paused_at = None
    set_times(locked, at=at)
    return locked


def stop_clock(clock: Clock, *, by: User | None, how: str, at: datetime, facts: dict[str, Any]) -> Clock:
    """Stop it with the first response (`how`: "response" or "meeting"), at the time it was given; once.

    A response that is logged late and was given earlier than the one that stands takes its place.
    """
    locked = hold_clock(clock)
    if locked.voided_at is not None or (locked.stopped_at is not None and locked.stopped_at <= at):
        return locked
    judge(locked)
    locked.stopped_at, locked.stopped_by = max(at, locked.started_at), how
    pauses = pauses_of(locked)
    if locked.paused_at is not None and locked.stopped_at > locked.paused_at:
        # They answered, or we did, while it was held up: that time is not counted, as if it had been resumed then.
        pauses.append(Pause(locked.paused_at, locked.stopped_at))
        terms = terms_with(locked, pauses)
        locked.target_at, locked.limit_at = terms.target, terms.limit
    locked.paused_at, locked.next_at = None, None
    locked.worked_seconds = worked_until(locked, locked.stopped_at, pauses)
    locked.save()
    note(locked, Kind.STOPPED, at=locked.stopped_at, by=by, facts={"how": how, **facts})
    return locked


def reopen_clock(clock: Clock, *, by: User | None, at: datetime, reason: str) -> Clock:
    """Let it run again as if nobody had answered, or nobody had voided it."""
    locked = hold_clock(clock)
    if locked.stopped_at is None and locked.voided_at is None:
        return locked
    if locked.stopped_at is not None and locked.stopped_at <= locked.limit_at:
        # Kept, and now not: whose it will be is open again.
        locked.verdict_owner = locked.verdict_team = None
    locked.stopped_at = locked.voided_at = locked.worked_seconds = None
    locked.stopped_by = ""
    note(locked, Kind.REOPENED, at=at, by=by, reason=reason)
    set_times(locked, at=at)
    return locked


def void_clock(clock: Clock, *, by: User, reason: str, at: datetime) -> Clock:
    """End it without a verdict."""
    locked = hold_clock(clock)
    if locked.voided_at is not None:
        return locked
    locked.voided_at, locked.paused_at, locked.next_at = at, None, None
    locked.save(update_fields=["voided_at", "paused_at", "next_at"])
    note(locked, Kind.VOIDED, at=at, by=by, reason=reason)
    return locked


def hold_clock(clock: Clock) -> Clock:
    """The clock as it is now, locked until the transaction ends."""
    return Clock.objects.select_for_update(of=("self",)).get(pk=clock.pk)


def refuse_unless_open(clock: Clock) -> None:
    """Refuse what makes sense only while somebody waits."""
    if clock.stopped_at is not None:
        raise Refused("not_running", "It has been answered.")
    if clock.voided_at is not None:
        raise Refused("not_running", "It has been voided.")


def pauses_of(clock: Clock) -> list[Pause]:
    """When it was held up, in order; one that still lasts is not among them."""
    return histories_of([clock.pk])[clock.pk].pauses


def policy_of(clock: Clock) -> Policy:
    """Its policy, as the version of the handbook that it keeps has it."""
    return handbook_of(clock.handbook_id).policy(clock.policy)


def terms_with(clock: Clock, pauses: Sequence[Pause]) -> Terms:
    """What its policy makes of it, if it was held up at these times."""
    book = handbook_of(clock.handbook_id)
    policy = book.policy(clock.policy)
    return terms_of(policy, book.calendar(policy), book.zone, clock.started_at, pauses)


def set_times(clock: Clock, *, at: datetime) -> None:
    """Store the times as they are from now on, by the handbook in force where that says something else."""
    history: History = histories_of([clock.pk])[clock.pk]
    force = in_force()
    policy = successor(clock, force) if force else None
    if force is not None and policy is not None:
        add_events([renew(clock, policy, force, history, at=at)])
    else:
        begin_round(clock, terms_with(clock, history.pauses), at=at)
    clock.save()
    if clock.next_at is not None and clock.next_at <= at:
        wake_sweep()


def worked_until(clock: Clock, at: datetime, pauses: Sequence[Pause]) -> int:
    """Business time from when it was received until a moment, in seconds; held up time is not in it."""
    book = handbook_of(clock.handbook_id)
    calendar = book.calendar(book.policy(clock.policy))
    total = calendar.working_time_between(clock.started_at, at)
    for pause in pauses:
        total -= calendar.working_time_between(pause.start, min(pause.end, at))
    return max(0, int(total.total_seconds()))


def judge(clock: Clock, subject: Subject | None = None) -> None:
    """Note whose it is at the moment its verdict is known: once. The caller saves it."""
    if clock.verdict_owner_id is not None or clock.verdict_team_id is not None:
        return
    known = subject or subjects_of([clock.pk]).get(clock.pk)
    if known is not None:
        clock.verdict_owner = known.owner
        clock.verdict_team = known.team or (known.owner.team if known.owner else None)


def note(
    clock: Clock,
    kind: ClockEvent.Kind,
    *,
    at: datetime,
    by: User | None = None,
    reason: str = "",
    facts: dict[str, Any] | None = None,
) -> ClockEvent:
    """Write down what happened."""
    return ClockEvent.objects.create(
        clock=clock, kind=kind, at=at, by=by, reason=reason, facts=facts or {}, round=clock.round
    )


def events_of(clocks: Sequence[Clock]) -> dict[int, list[ClockEvent]]:
    """The events of these clocks, oldest first, in one query."""
    found: dict[int, list[ClockEvent]] = {clock.pk: [] for clock in clocks}
    for event in ClockEvent.objects.filter(clock__in=clocks).select_related("by").order_by("at", "id"):
        found[event.clock_id].append(event)
    return found
