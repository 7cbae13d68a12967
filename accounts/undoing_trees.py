"""Undoing never closes a circle of parent accounts or superiors: what it would put under one of its own stays."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models

from accounts.models import Account, Contact
from accounts.trees import LINKS, hold_tree
from crm.history.undoing import REMOVE, Asked, Wanted, bars_undo, holds_undo


@holds_undo(Account, Contact)
def trees(wanted: list[Wanted], asked: Asked) -> None:
    """Hold the tree before any row is locked, where a link upwards is put back."""
    for name in sorted({one.object for one in wanted if _above(one) is not None}):
        hold_tree(name)


@bars_undo(Account, Contact)
def circles(wanted: list[Wanted], asked: Asked) -> None:
    """Look at the trees as they would be, with everything that is put back together."""
    for kind in (Account, Contact):
        group = [one for one in wanted if one.kind is kind and one.refusal is None and _above(one) is not None]
        planned = {one.record_id: _above(one) for one in wanted if one.kind is kind and _says(one)}
        stored = _stored_above(kind, [above for above in planned.values() if above is not None], planned)
        for one in group:
            if _comes_back(one.record_id, stored | planned):
                planned.pop(one.record_id)
                link, code, _ = LINKS[one.object]
                label = kind._meta.get_field(link).verbose_name  # type: ignore[union-attr]
                one.refuse("touched", code, f"Its {label} is below it by now.")


def _says(one: Wanted) -> bool:
    return one.action != REMOVE and one.refusal is None and f"{LINKS[one.object][0]}_id" in one.values


def _above(one: Wanted) -> int | None:
    return one.values[f"{LINKS[one.object][0]}_id"] if _says(one) else None


def _stored_above(
    kind: type[models.Model], start: Iterable[int], planned: dict[int, int | None]
) -> dict[int, int | None]:
    """Who is above whom now, from these records upwards, along what is planned as well."""
    link = f"{LINKS[str(kind._meta.model_name)][0]}_id"
    known: dict[int, int | None] = {}
    level = set(start)
    while level:
        found = dict(kind._base_manager.filter(pk__in=level).values_list("pk", link))
        known |= {pk: found.get(pk) for pk in level}
        following = {above for pk in level for above in (known[pk], planned.get(pk)) if above is not None}
        level = following - known.keys()
    return known


def _comes_back(record: int, above: dict[int, int | None]) -> bool:
    met = {record}
    at = above.get(record)
    while at is not None and at not in met:
        met.add(at)
        at = above.get(at)
    return at == record
