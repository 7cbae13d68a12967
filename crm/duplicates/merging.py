"""Merging: several records become one of them, in one transaction, and nothing of the others is lost.

What was chosen is written to the survivor, everything that pointed at the others points at it, lists are united, a
withdrawal of any of them holds for it; the others are deleted, each with a tombstone that says where it went. The
change log has the last image of all of it, so `crm.history.revert.revert` takes the merge apart again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, models

from crm.activities.gate import hold_for
from crm.core.acting import acting, retry_deadlocks
from crm.core.door import LONGEST_REASON
from crm.core.errors import Refused, Stale
from crm.core.later import by_column, changes_after, who_made
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.phones import renew_keys
from crm.core.text import tidy
from crm.duplicates import carrying, withdrawing
from crm.duplicates.kinds import Merge, Mergeable, crossing_of, kind_of
from crm.duplicates.models import Tombstone
from crm.duplicates.references import counts, lock_rows, remove, turn
from crm.duplicates.values import Row, choose, compare, ref
from crm.history.words import kind_name
from crm.people.models import User

MOST = 5  # records side by side: more cannot be compared


@dataclass(frozen=True, slots=True)
class Preview:
    """What merging would do: each field with its options, and how many rows of which kind are taken along."""

    rows: list[Row]
    moved: list[tuple[str, str]]
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: the survivor as it is now, the transaction that undoes it, and what is worth saying."""

    survivor: Any
    transaction_id: int
    merged: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def preview_merge(survivor: Any, others: Sequence[Any], *, actor: User) -> Preview:
    """What merging these would do, without writing or locking anything.

    Raises:
        Refused: `too_few`, `too_many`, `other_kind` or `unknown_kind`: these cannot even be compared.
    """
    check_records(survivor, others)
    return Preview(compare(survivor, others), counts(others), why_not(survivor, others, actor))


def check_records(survivor: Any, others: Sequence[Any]) -> Mergeable:
    """The survivor's kind, after a look at whether these can be compared at all.

    Raises:
        Refused: as `preview_merge`.
    """
    kind = kind_of(str(survivor._meta.model_name))
    refs = [ref(record) for record in (survivor, *others)]
    if not others or len(set(refs)) < len(refs):
        raise Refused("too_few", "Choose two different records or more.")
    if len(refs) > MOST:
        raise Refused("too_many", f"{MOST} records at most are merged at once.")
    for other in others:
        if type(other) is not kind.model:
            crossing_of(type(other), kind.model)
    return kind


def why_not(survivor: Any, others: Sequence[Any], actor: User) -> Refused | None:
    """Why these records cannot be merged by this person, or None."""
    for record in (survivor, *others):
        if not may(actor, "merge", record):
            said = f"You may not change {record}: its owner's team or a manager merges it."
            return Refused("forbidden", said)
    for name in dict.fromkeys(str(other._meta.model_name) for other in others):
        group = [other for other in others if other._meta.model_name == name]
        same = type(group[0]) is type(survivor)
        rules = kind_of(name).refuse if same else crossing_of(type(group[0]), type(survivor)).refuse
        if refusal := rules(survivor, group):
            return refusal
    return None


@retry_deadlocks
def merge_records(
    survivor: Any,
    others: Sequence[Any],
    *,
    choices: Mapping[str, str] | None = None,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
) -> Merged:
    """Merge the others into the survivor; `choices` says for a field which record gives it (`{"phone": "lead:7"}`).

    The instances carry the versions that were looked at. The survivor is brought up to date.

    Raises:
        Refused: `forbidden`, `not_found`, `merged` when one was merged meanwhile, `missing_facts` with what is wrong in
            the choices, or the kind's own code; nothing was written.
        Stale: one of them was changed since it was read.
    """
    kind = check_records(survivor, others)
    said = tidy(reason)
    if len(said) > LONGEST_REASON:
        raise Refused("invalid_reason", f"Note: {LONGEST_REASON:,} characters at most.")
    try:
        with acting(actor=actor, via=via, at=at, reason=said):
            _hold([survivor, *others], kind)
            lock_rows([survivor, *others])
            merge = Merge(_fresh(survivor), [_fresh(other) for other in others], actor, at, via, said)
            if refusal := why_not(merge.survivor, merge.others, actor):
                raise refusal
            merge.values = choose(compare(merge.survivor, merge.others), choices or {})
            number = _carry_out(merge, kind)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        raise Refused("conflict", "Somebody wrote something of one of them just now: try again.") from error
    survivor.refresh_from_db()
    return Merged(survivor, number, tuple(ref(other) for other in others), tuple(merge.notes))


def _hold(records: Sequence[Any], kind: Mergeable) -> None:
    """Who may be contacted, and every key by which one of them is found or made, before any row is locked."""
    groups: dict[str, list[Any]] = {}
    for record in records:
        groups.setdefault(str(record._meta.model_name), []).append(record)
    for name in sorted(groups):
        hold_for(name, [record.pk for record in groups[name]], exclusive=True)
    hold(*(key for name, group in groups.items() for key in kind_of(name).holds(group)))


def _fresh(record: Any) -> Any:
    """The record under its lock, at the version that was looked at."""
    locked = type(record)._base_manager.filter(pk=record.pk).first()
    if locked is None:
        raise gone(record)
    if locked.version != record.version:
        later = changes_after(locked, record.version)
        names = " and ".join(dict.fromkeys(who_made(one, nobody="somebody outside Plumb") for one in later))
        changes = {column: (one.before, one.after) for column, one in by_column(later).items()}
        raise Stale(f"{locked} was changed by {names or 'somebody else'} since you opened it.", changes)
    return locked


def gone(record: models.Model) -> Refused:
    """What is said of a record that is not there any more."""
    name = str(record._meta.model_name)
    stone = Tombstone.objects.filter(object=name, merged_id=record.pk).select_related("by").first()
    if stone is None:
        return Refused("not_found", f"There is no {kind_name(name)} {record.pk} any more.")
    where = f"{kind_name(stone.survivor_object)} {stone.survivor_id}"
    return Refused("merged", f"{kind_name(name).capitalize()} {record.pk} was merged into {where} by {stone.by}.")


def _carry_out(merge: Merge, kind: Mergeable) -> int:
    """Everything a merge does, under the locks. Returns the id of the transaction."""
    before = withdrawing.withdrawals(merge)
    carrying.unite_ids(merge)
    carrying.unite_kept(merge)
    turn(merge)
    carrying.settle_pairs(merge)
    remove(merge.others)
    kind.after(merge)
    for origin in dict.fromkeys(type(other) for other in merge.others):
        if origin is not kind.model:
            crossing_of(origin, kind.model).after(merge)
    _write(merge)
    withdrawing.keep_withdrawn(merge, before)
    stones = [
        Tombstone(
            object=str(other._meta.model_name),
            merged_id=other.pk,
            survivor_object=kind.name,
            survivor_id=merge.survivor.pk,
            by=merge.actor,
            at=merge.at,
            carried=merge.carried.get((str(other._meta.model_name), other.pk), {}),
        )
        for other in merge.others
    ]
    Tombstone.objects.bulk_create(stones)
    return int(Tombstone.objects.filter(pk=stones[0].pk).values_list("transaction_id", flat=True).get())


def _write(merge: Merge) -> None:
    """Store what the survivor takes from the others: one new version, or none."""
    record, changed = merge.survivor, list(merge.moved)
    # Rows that were turned may be shown on the survivor itself, which is another version then.
    record.refresh_from_db(fields=["version", "updated_at"])
    columns = {f.name: f for f in record._meta.concrete_fields}
    for name, value in merge.values.items():
        if getattr(record, columns[name].attname) != value:
            setattr(record, columns[name].attname, value)
            changed.append(name)
    if changed:
        record.save(update_fields=[*changed, *renew_keys(record, changed)])
