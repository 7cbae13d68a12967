"""Giving open clocks the times of a handbook that was applied with other hours, holidays or policies.

What is found when it is applied is a job, so that a million clocks are done slice by slice with progress to see. A
clock whose turn has not come when a step of it falls due is done by the sweep, and one that is held up and was missed,
when it goes on: nobody is told by hours that no longer hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from crm.clocks.histories import histories_of
from crm.clocks.models import Clock
from crm.clocks.renewal import Force, in_force, renew, successor
from crm.clocks.storing import RENEWED, add_events, update_clocks
from crm.clocks.waking import wake_sweep
from crm.handbook.document import Handbook
from crm.handbook.services import register_seed
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.slices import slices_of_ids
from crm.people.models import User

KIND = "clocks.recalculate"
SLICE = 500


@register_seed
def recalculate_open_clocks(handbook: Handbook, *, at: datetime) -> None:
    """Start a job over the open clocks for which the handbook in force says something else than theirs."""
    force = in_force()
    if force is None:
        return
    kinds = (
        Clock.objects.open().order_by().values_list("handbook_id", "policy", "channel", "priority", "segment", "tier")
    )
    concerned = Q()
    for handbook_id, policy, channel, priority, segment, tier in kinds.distinct():
        asked = {"channel": channel, "priority": priority, "segment": segment, "tier": tier}
        if successor(Clock(handbook_id=handbook_id, policy=policy, **asked), force) is not None:
            concerned |= Q(handbook_id=handbook_id, policy=policy, **asked)
    if not concerned:
        return
    start_job(
        KIND,
        title="Recalculate response times",
        by=User.objects.system(),
        at=at,
        input={"handbook": force.version_id},
        slices=slices_of_ids(Clock.objects.open().filter(concerned), SLICE),
    )


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Give the clocks of one slice their new times; those that were answered meanwhile stay as they are."""
    ids = part.input["ids"]
    force = in_force()
    done = recalculate(ids, force, at=at) if force else 0
    rows = (("recalculated", done), ("unchanged", len(ids) - done))
    return [{"id": None, "label": "Clocks", "outcome": word, "count": count} for word, count in rows if count]


def recalculate(ids: Iterable[int], force: Force, *, at: datetime) -> int:
    """Give these clocks the times of the handbook in force, where it says something else; how many changed.

    Runs inside the caller's transaction.
    """
    held = Clock.objects.open().filter(pk__in=list(ids)).order_by("pk").select_for_update(of=("self",), no_key=True)
    changing = [(clock, policy) for clock in held if (policy := successor(clock, force)) is not None]
    histories = histories_of([clock.pk for clock, _ in changing])
    events = [renew(clock, policy, force, histories[clock.pk], at=at) for clock, policy in changing]
    add_events(events)
    update_clocks([clock for clock, _ in changing], RENEWED)
    if any(clock.next_at is not None and clock.next_at <= at for clock, _ in changing):
        wake_sweep()
    return len(changing)


register(JobKind(KIND, run))
