"""Undoing a merge: within thirty days, as one whole, with what no change log has (ids elsewhere, suppressed keys)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from crm.activities.models import Activity
from crm.core.errors import Refused
from crm.duplicates import carrying
from crm.duplicates.models import Tombstone
from crm.duplicates.references import put_back
from crm.duplicates.withdrawing import forget_keys
from crm.history.models import Transaction
from crm.history.undoing import CHANGE, REMOVE, Asked, Wanted, bars_transaction, follows_undo, grants_undo

DAYS = 30
STONE = str(Tombstone._meta.model_name)


def is_merge(transaction: Transaction) -> bool:
    """Whether records were merged by it."""
    return Tombstone.objects.filter(transaction_id=transaction.pk).exists()


@bars_transaction
def merges(transaction: Transaction, at: datetime) -> Refused | None:
    """Within thirty days; and what took a merge apart is not undone: the same records can be merged again."""
    if transaction.changes.filter(object=STONE, op="D").exists():
        return Refused("merge_undone", "A merge that was undone is not made again by undoing: merge the records anew.")
    if Tombstone.objects.filter(transaction_id=transaction.pk, at__lt=at - timedelta(days=DAYS)).exists():
        return Refused("too_late", f"A merge is undone within {DAYS} days.")
    return None


@grants_undo
def whole(asked: Asked) -> bool:
    """Who merged, or a manager, takes it apart, whosever the touches, tasks and sales are that were taken along."""
    return is_merge(asked.transaction)


@follows_undo
def put_aside(done: Iterable[Wanted], asked: Asked) -> None:
    """What the change log does not have goes back with each record that came back."""
    steps = {(one.object, one.record_id): one for one in done}
    stones = [one for one in steps.values() if one.object == STONE and one.action == REMOVE]
    if not stones:
        return
    for one in stones:
        stone = one.record
        if not isinstance(stone, Tombstone):
            continue
        if (stone.object, stone.merged_id) not in steps:
            # What stands against bringing it back came up in the writing: it is still where it was merged into.
            _keep(stone, one.record_id)
            continue
        carrying.put_back(stone, stone.carried)
        if _survivor_is_back(stone, steps, asked):
            forget_keys(stone.carried.get(carrying.KEYS, ()))
    _judge_as_before(steps)


def _keep(stone: Tombstone, pk: int) -> None:
    stone.pk = pk
    stone.version += 1
    stone.save(force_insert=True)


def _survivor_is_back(stone: Tombstone, steps: Mapping[tuple[str, int], Wanted], asked: Asked) -> bool:
    """Whether the survivor is as it was: else a withdrawal that it has from the other stays with it."""
    survivor = (stone.survivor_object, stone.survivor_id)
    if survivor in steps:
        return True
    return not asked.transaction.changes.filter(object=survivor[0], record_id=survivor[1]).exists()


def _judge_as_before(steps: Mapping[tuple[str, int], Wanted]) -> None:
    """A touch that goes back to its record is held against nobody anew."""
    touches = {
        one.record.pk: one.record.violation_of_id
        for one in steps.values()
        if one.action == CHANGE and isinstance(one.record, Activity) and "violation_of_id" not in one.values
    }
    put_back(Activity, "violation_of_id", touches)
