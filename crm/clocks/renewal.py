"""What becomes of a running clock when another handbook is in force: new hours, holidays or policies, new times.

A clock whose policy says the same keeps its version of the handbook, and so does one whose policy left the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from crm.clocks.histories import History
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.storing import Event
from crm.clocks.terms import Terms, terms_of
from crm.clocks.versions import handbook_of
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.problems import HandbookError
from crm.handbook.promise_rules import fits
from crm.handbook.promises import Policy


@dataclass(frozen=True, slots=True)
class Force:
    """The version of the handbook that is in force, whatever this process works by."""

    version_id: int
    book: Handbook


def in_force() -> Force | None:
    """The version in force; None before one was ever applied."""
    version_id = HandbookVersion.objects.values_list("pk", flat=True).first()
    return Force(version_id, handbook_of(version_id)) if version_id is not None else None


def successor(clock: Clock, force: Force) -> Policy | None:
    """The policy by which the clock goes on from now; None where nothing changes for it."""
    if clock.handbook_id == force.version_id:
        return None
    asked = (clock.channel, clock.priority, clock.segment, clock.tier)
    return _successor(clock.handbook_id, force.version_id, clock.policy, asked)


@lru_cache(maxsize=4096)
def _successor(old_id: int, new_id: int, key: str, asked: tuple[str, str, str, str]) -> Policy | None:
    book = handbook_of(new_id)
    kept = next((policy for policy in book.policies if policy.key == key), None)
    if kept is None:
        return None
    found = kept if fits(kept, *asked) else next((policy for policy in book.policies if fits(policy, *asked)), None)
    if found is None or found.promise is None:
        return None
    try:
        old = handbook_of(old_id)
        same = said(old, old.policy(key)) == said(book, found)
    except (HandbookError, KeyError):
        # A file of an earlier Plumb that this one cannot read any more: the clock goes on by one that it can.
        same = False
    return None if same else found


def said(book: Handbook, policy: Policy) -> str:
    """Everything of a handbook that the times and steps of a policy follow from, as a text to compare."""
    hours = next((one for one in book.other_hours if one.key == policy.hours), book.hours)
    return json.dumps(
        [
            policy.model_dump(mode="json", exclude={"label", "channels", "priorities", "segments", "tiers"}),
            hours.model_dump(mode="json", exclude={"key"}),
            book.company.zone,
        ]
    )


def renew(clock: Clock, policy: Policy, force: Force, history: History, *, at: datetime) -> Event:
    """Give the clock the policy and its times from now on; the caller stores it and the event that is returned."""
    book = force.book
    before = _times(clock)
    clock.handbook_id, clock.policy = force.version_id, policy.key
    begin_round(clock, terms_of(policy, book.calendar(policy), book.zone, clock.started_at, history.pauses), at=at)
    history.opened = at
    facts = {"before": before, "after": _times(clock)}
    return Event(clock.pk, ClockEvent.Kind.RECALCULATED, clock.round, at, recorded_at=at, facts=facts)


def begin_round(clock: Clock, terms: Terms, *, at: datetime) -> None:
    """Give the clock new times: a new round of steps begins, of which the sweep takes those that are left."""
    clock.in_hours, clock.target_at, clock.limit_at = terms.in_hours, terms.target, terms.limit
    clock.round += 1
    # Never before now: what is looked at next is not behind.
    clock.next_at = max(terms.steps[0].at, at) if clock.paused_at is None else None
    if clock.limit_at > (clock.paused_at or at):
        # Whose a breach was is no longer so: it has not happened yet.
        clock.verdict_owner_id = clock.verdict_team_id = None


def _times(clock: Clock) -> dict[str, Any]:
    return {
        "handbook": clock.handbook_id,
        "policy": clock.policy,
        "target": clock.target_at.astimezone(UTC).isoformat() if clock.target_at else None,
        "limit": clock.limit_at.astimezone(UTC).isoformat(),
    }
