"""Everything that points at a record: found by walking the models, counted for a preview, turned to the survivor.

A table that comes later is found as well. Where a unique constraint forbids that both rows point at the survivor, the
app that has the constraint says what becomes of the second (`register_clashes`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.models import Q

from crm.core.errors import Refused
from crm.core.paging import capped_count, count_words
from crm.duplicates.kinds import Clash, Crossing, Merge, clash_of, crossing_of
from crm.history.undo_plan import kinds_in_order


@dataclass(frozen=True, slots=True)
class Link:
    """One foreign key: the kind of row that has it, and the field."""

    child: type[models.Model]
    field: Any

    @property
    def label(self) -> str:
        """`activities.Activity.lead`."""
        return f"{self.child._meta.label}.{self.field.name}"


def links_to(kind: type[models.Model]) -> list[Link]:
    """Every foreign key to this kind, hidden ones and its own among them."""
    relations: list[Any] = kind._meta.get_fields(include_hidden=True)
    found = [
        Link(relation.related_model, relation.field)
        for relation in relations
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
    ]
    return sorted(found, key=lambda link: link.label)


def is_own(link: Link, kind: type[models.Model]) -> bool:
    """Whether it is within the kind: a parent account, a superior."""
    return link.child is kind


def counts(merged: Sequence[models.Model]) -> list[tuple[str, str]]:
    """(what, how many) of each kind of row that would be turned, counted as far as a page counts."""
    found: dict[str, str] = {}
    for kind, ids in _by_kind(merged).items():
        for link in links_to(kind):
            rows = link.child._base_manager.filter(**{f"{link.field.attname}__in": ids})
            many = capped_count(rows.exclude(pk__in=ids) if is_own(link, kind) else rows)
            if many:
                meta = link.child._meta
                noun = str(meta.verbose_name if many == 1 else meta.verbose_name_plural)
                label = (
                    f"{noun} ({link.field.verbose_name})" if str(link.field.verbose_name) != kind_word(kind) else noun
                )
                found[label] = count_words(many)
    return list(found.items())


def kind_word(kind: type[models.Model]) -> str:
    """What people call one of them."""
    return str(kind._meta.verbose_name)


def lock_rows(records: Sequence[models.Model]) -> None:
    """Lock the records, and every tracked row that points at a merged one, in the one order of kinds and ids."""
    own, pointing = _by_kind(records), _by_kind(records[1:])
    with connection.cursor() as cursor:
        for kind in kinds_in_order():
            conditions, values = [], []
            if kind in own:
                conditions.append("id = ANY(%s)")
                values.append(own[kind])
            for target, ids in pointing.items():
                for link in links_to(target):
                    if link.child is kind:
                        conditions.append(f'"{link.field.column}" = ANY(%s)')
                        values.append(ids)
            if conditions:
                cursor.execute(
                    f"SELECT count(*) FROM (SELECT id FROM {kind._meta.db_table} WHERE {' OR '.join(conditions)}"
                    " ORDER BY id FOR UPDATE) l",
                    values,
                )


def turn(merge: Merge) -> None:
    """Point everything that points at a merged record to the survivor."""
    target = type(merge.survivor)
    for kind, ids in _by_kind(merge.others).items():
        crossing = None if kind is target else crossing_of(kind, target)
        for link in links_to(kind):
            if crossing is not None:
                _cross(merge, crossing, link, ids)
            elif is_own(link, kind):
                rows = link.child._base_manager.filter(**{f"{link.field.attname}__in": ids})
                rows.exclude(pk__in=[merge.survivor.pk, *ids]).update(**{link.field.attname: merge.survivor.pk})
            else:
                _settle_clashes(merge, link, ids)
                _update(link, link.field, ids, merge.survivor.pk)


def _cross(merge: Merge, crossing: Crossing, link: Link, ids: list[int]) -> None:
    """Turn the rows of a key to a kind that the survivor is not of."""
    way = crossing.links.get(link.label)
    rows = link.child._base_manager.filter(**{f"{link.field.attname}__in": ids})
    if isinstance(way, str):
        other: Any = link.child._meta.get_field(way)
        # Somebody else may be named there already: then it is with them.
        free = rows.filter(**{f"{other.attname}__isnull": True})
        _kept(link, free, {other.attname: merge.survivor.pk, link.field.attname: None})
        _kept(link, link.child._base_manager.filter(**{f"{link.field.attname}__in": ids}), {link.field.attname: None})
    elif way is not None:
        for row in rows.order_by("pk"):
            way(merge, row, link)
    elif rows.exists():
        raise Refused("cannot_move", f"{str(link.child._meta.verbose_name_plural).capitalize()} cannot be taken along.")


def _update(link: Link, column: Any, ids: list[int], survivor: int) -> None:
    _kept(link, link.child._base_manager.filter(**{f"{column.attname}__in": ids}), {column.attname: survivor})


def _kept(link: Link, rows: models.QuerySet[Any], values: dict[str, Any]) -> None:
    """Write the keys; what a trigger judges by them anew stays as it was judged when the row was written."""
    judged = [f for f in link.child._meta.concrete_fields if f.name == "violation_of"]
    if not judged:
        rows.update(**values)
        return
    before = dict(rows.values_list("pk", judged[0].attname))
    rows.update(**values)
    put_back(link.child, judged[0].attname, before)


def put_back(kind: type[models.Model], column: str, before: dict[int, int | None]) -> None:
    """Give each row the value that it had in one column."""
    by_value: dict[int | None, list[int]] = defaultdict(list)
    for pk, value in before.items():
        by_value[value].append(pk)
    for value, ids in by_value.items():
        same = Q(**{f"{column}__isnull": True}) if value is None else Q(**{column: value})
        kind._base_manager.filter(pk__in=ids).exclude(same).update(**{column: value})


# --- what may be there only once --------------------------------------------------------------------------------------


def uniques_of(link: Link) -> list[tuple[str, tuple[str, ...], Q | None]]:
    """(name, fields, condition) of every rule by which two rows cannot both point at one record through this key."""
    meta, name = link.child._meta, link.field.name
    found: list[tuple[str, tuple[str, ...], Q | None]] = [
        (str(one.name), tuple(one.fields), one.condition)
        for one in meta.constraints
        if isinstance(one, models.UniqueConstraint) and name in one.fields
    ]
    if link.field.unique:
        found.append((link.label, (name,), None))
    return found


def _settle_clashes(merge: Merge, link: Link, ids: list[int]) -> None:
    for name, fields, condition in uniques_of(link):
        handler: Clash | None = clash_of(name)
        rows = link.child._base_manager.filter(**{f"{link.field.attname}__in": [merge.survivor.pk, *ids]})
        if condition is not None:
            rows = rows.filter(condition)
        first: dict[tuple[Any, ...], Any] = {}
        rest = [getattr(link.child._meta.get_field(one), "attname", one) for one in fields if one != link.field.name]
        own = merge.survivor.pk
        for row in sorted(rows, key=lambda one: (getattr(one, link.field.attname) != own, one.pk)):
            stays = first.setdefault(tuple(getattr(row, one) for one in rest), row)
            if stays is row:
                continue
            if handler is None:
                raise Refused("clash", f"Both have a {link.child._meta.verbose_name}, and only one can stay.")
            handler(stays, row, merge)


def remove_row(row: models.Model) -> None:
    """Delete one row, with its last image in the change log."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])


def remove(records: Iterable[models.Model]) -> None:
    """Delete the merged records. What still points at one of them stops the merge when the database looks."""
    for kind, ids in _by_kind(list(records)).items():
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {kind._meta.db_table} WHERE id = ANY(%s)", [ids])


def _by_kind(records: Iterable[models.Model]) -> dict[type[models.Model], list[int]]:
    found: dict[type[models.Model], list[int]] = defaultdict(list)
    for record in records:
        found[type(record)].append(record.pk)
    return {kind: sorted(ids) for kind, ids in found.items()}
