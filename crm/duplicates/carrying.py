"""What goes along with a merged record and is in no foreign key: ids elsewhere, kept import values, pairs.

Ids elsewhere are in no change log: the tombstone keeps which were turned, and `put_back` turns them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.duplicates.kinds import Merge
from crm.duplicates.models import ACROSS, Pair, Tombstone
from crm.sync.models import ExternalId

TURNED, COPIED, KEYS = "external_ids", "external_ids_copied", "suppressed_keys"


def unite_ids(merge: Merge) -> None:
    """Every id that another system has for a merged record is the survivor's: an import finds it by either.

    Of another kind of record the id stays where it is, so that its own file makes no new one, and names the survivor
    as well, so that what refers to it is with the survivor.
    """
    name = str(merge.survivor._meta.model_name)
    for other in merge.others:
        for known in ExternalId.objects.of(other).order_by("pk"):
            if known.object == name:
                merge.carry(other, TURNED, known.pk)
                ExternalId.objects.filter(pk=known.pk).update(record_id=merge.survivor.pk)
                continue
            same = {"object": name, "system": known.system, "value": known.value}
            if not ExternalId.objects.filter(**same).exists():
                made = ExternalId.objects.create(**same, record_id=merge.survivor.pk)
                merge.carry(other, COPIED, made.pk)


def unite_kept(merge: Merge) -> None:
    """Values that imports kept, and where the details came from: the survivor's first, then the others'."""
    names = {f.name for f in merge.survivor._meta.concrete_fields}
    if "kept" in names:
        united: dict[str, Any] = {}
        for record in reversed(merge.records):
            united |= getattr(record, "kept", None) or {}
        merge.values["kept"] = united
    if "came_from" in names:
        found = (record.came_from for record in merge.records if getattr(record, "came_from", ""))
        merge.values["came_from"] = next(found, "")


def settle_pairs(merge: Merge) -> None:
    """Pairs among these are merged; those of a merged record with somebody else are looked for anew."""
    refs = {f"{record._meta.model_name}:{record.pk}" for record in merge.records}
    for other in merge.others:
        name = str(other._meta.model_name)
        for pair in Pair.objects.of(name, [other.pk]).select_for_update(of=("self",)).order_by("pk"):
            if pair.state == Pair.State.MERGED:
                continue
            if set(pair.refs) <= refs:
                pair.state, pair.answered_at, pair.answered_by = Pair.State.MERGED, merge.at, merge.actor
                pair.save(update_fields=["state", "answered_at", "answered_by"])
            else:
                pair.delete()


def put_back(stone: Tombstone, carried: Mapping[str, list[Any]]) -> None:
    """Turn the ids elsewhere back, and forget those that were made."""
    ours = ExternalId.objects.filter(pk__in=carried.get(TURNED, []), record_id=stone.survivor_id)
    ours.filter(object=stone.survivor_object).update(record_id=stone.merged_id)
    ExternalId.objects.filter(pk__in=carried.get(COPIED, []), record_id=stone.survivor_id).delete()


def pair_of(one: str, other: str) -> tuple[str, int, int]:
    """(object, lower id, higher id) of a pair of two records, as it is stored."""
    (first, first_id), (second, second_id) = (part.split(":") for part in sorted((one, other), reverse=True))
    if first != second:
        return ACROSS, int(first_id), int(second_id)
    lower, higher = sorted((int(first_id), int(second_id)))
    return first, lower, higher
