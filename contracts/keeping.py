"""What the company's calendar does to contracts: it activates and ends them, and renews those that renew by themselves.

Every step finds its work in rows and takes it with SKIP LOCKED, so that two workers share it, a lost message is made up
for by the next one, and one that is stopped halfway leaves nothing half done.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from contracts.models import Contract
from contracts.signing import ContractStatus
from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.door import move_many
from crm.people.models import User

BATCH = 200
VIA = "task"


def keep_contracts(*, at: datetime) -> dict[str, int]:
    """Make the moves that are due on this day of the company's calendar; how many of each verb were made."""
    made = dict.fromkeys(("activate", "renew", "expire"), 0)
    today = handbook.current().today(at)
    over = Q(status=ContractStatus.ACTIVE, end_date__lt=today)
    due = {
        "activate": Q(status=ContractStatus.SIGNED, effective_date__lte=today),
        "renew": over & Q(auto_renew=True),
        "expire": over,
    }
    # A contract that renews by itself and is behind by several terms takes a round for each.
    while found := sum(counts := [_all(verb, which, at) for verb, which in due.items()]):
        for verb, count in zip(due, counts, strict=True):
            made[verb] += count
        if found == counts[0]:
            break
    return made


def _all(verb: str, due: Q, at: datetime) -> int:
    """Make one move on every contract it is due for, batch by batch."""
    made, after = 0, 0
    while batch := _some(verb, due, after, at):
        last, moved = batch
        made, after = made + moved, last
    return made


@retry_deadlocks
def _some(verb: str, due: Q, after: int, at: datetime) -> tuple[int, int] | None:
    """One batch: the last id that was looked at, and how many were moved. What a guard refuses stays as it is."""
    system = User.objects.system()
    with acting(actor=system, via=VIA, at=at):
        rows = Contract.objects.filter(due, pk__gt=after).order_by("pk")
        ids = list(rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:BATCH])
        if not ids:
            return None
        outcomes = move_many(Contract, ids, verb, actor=system, at=at, via=VIA)
        return ids[-1], sum(outcome.move is not None for outcome in outcomes)
