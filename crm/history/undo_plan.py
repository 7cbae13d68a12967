"""What undoing a transaction would do to each record, and why not to some: reads only.

The changes of one record are folded into one step back: what it was before the transaction's first change, if it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, models
from psycopg.types.json import Jsonb

from crm.core.permissions import may
from crm.core.records import Record
from crm.history.models import Change, Move, Transaction
from crm.history.undoing import CHANGE, REMOVE, RESTORE, Asked, Wanted, bars, grants, instead

# Records are locked in this order by every door; other kinds after them.
FIRST = ("account", "contact", "opportunity", "lead")
# What a policy looks at beside the record itself.
LOOKED_AT = ("owner", "account", "opportunity", "lead", "user")
CHANNELS = ("name", "title", "email", "linkedin_url")


def kinds_in_order() -> list[type[models.Model]]:
    """The tracked kinds of records, in the one order in which they are locked."""
    kinds = [kind for kind in apps.get_models() if issubclass(kind, Record)]
    place = {name: number for number, name in enumerate(FIRST)}
    return sorted(kinds, key=lambda kind: (place.get(str(kind._meta.model_name), len(FIRST)), kind._meta.label_lower))


def parents_first(kinds: Iterable[type[models.Model]]) -> list[type[models.Model]]:
    """The kinds so that each comes after those that its foreign keys point at."""
    wanted, ordered = list(kinds), list[type[models.Model]]()

    def visit(kind: type[models.Model], path: tuple[type[models.Model], ...]) -> None:
        if kind in ordered or kind in path:
            return
        for column in links_of(kind):
            target = column.related_model
            if target in wanted:
                visit(target, (*path, kind))
        ordered.append(kind)

    for kind in wanted:
        visit(kind, ())
    return ordered


def links_of(kind: type[models.Model]) -> list[Any]:
    """The foreign keys of a kind that the database holds."""
    return [
        f for f in kind._meta.concrete_fields if isinstance(f, models.ForeignKey) and getattr(f, "db_constraint", False)
    ]


def read_wanted(transaction: Transaction) -> list[Wanted]:
    """One step back for each record that the transaction changed, in the order of locks; what came and went is none."""
    kinds = {str(kind._meta.model_name): kind for kind in kinds_in_order()}
    found: dict[tuple[str, int], Wanted] = {}
    first: dict[tuple[str, int], str] = {}
    changes = Change.objects.filter(transaction=transaction.pk).order_by("-id")
    for pk, name, record_id, version, op, what in changes.values_list(
        "pk", "object", "record_id", "version", "op", "what"
    ).iterator(chunk_size=5000):
        if name not in kinds:
            continue
        key = (name, record_id)
        one = found.get(key)
        if one is None:
            one = found[key] = Wanted(kinds[name], record_id, version, pk, RESTORE if op == "D" else CHANGE)
        # Newest first: what an earlier change says of a column takes the place of what a later one said.
        if op == "D":
            one.values |= what or {}
        elif op == "U":
            for column, (old, new) in (what or {}).items():
                one.values[column] = old
                one.after.setdefault(column, new)
        first[key] = op
    for key, one in list(found.items()):
        if first[key] == "I":
            if one.action == RESTORE:
                del found[key]
                continue
            one.action = REMOVE
        elif one.action == CHANGE:
            columns = {f.column for f in one.kind._meta.concrete_fields if not isinstance(f, models.GeneratedField)}
            one.after = {name: new for name, new in one.after.items() if name in columns}
            one.values = {
                name: old for name, old in one.values.items() if name in columns and old != one.after.get(name)
            }
    for step in Move.objects.filter(transaction=transaction.pk).order_by("object", "record_id", "version"):
        if (step.object, step.record_id) in found:
            found[step.object, step.record_id].moves.append(step)
    place = {kind: number for number, kind in enumerate(kinds.values())}
    return sorted(found.values(), key=lambda one: (place[one.kind], one.record_id))


def by_kind(wanted: Iterable[Wanted]) -> dict[type[models.Model], list[Wanted]]:
    """The same, in groups of one kind, which keep their order."""
    groups: dict[type[models.Model], list[Wanted]] = defaultdict(list)
    for one in wanted:
        groups[one.kind].append(one)
    return groups


def judge(wanted: list[Wanted], asked: Asked) -> None:
    """Mark each record that is not put back, with the reason: touched, gone, forbidden, barred, held, or left alone."""
    granted = any(grant(asked) for grant in grants)
    for kind, group in by_kind(wanted).items():
        _look(kind, group, asked)
        for bar in bars.get(str(kind._meta.model_name), ()):
            bar([one for one in group if one.refusal is None], asked)
        for one in group if not granted else ():
            _ask_rights(one, asked)
        for one in group:
            if one.action == REMOVE and one.refusal is None and one.object in instead:
                one.action, one.values = CHANGE, dict(instead[one.object](one, asked))
    _find_holders(wanted)
    find_lost_links(wanted)


def _look(kind: type[models.Model], group: list[Wanted], asked: Asked) -> None:
    """Read the records, and name those that somebody changed since."""
    records: dict[int, models.Model] = kind._base_manager.in_bulk([one.record_id for one in group])
    names = [f.name for f in links_of(kind) if f.name in LOOKED_AT]
    deeper = [f"{name}__owner" for name in names if any(f.name == "owner" for f in _fields_at(kind, name))]
    models.prefetch_related_objects(list(records.values()), *names, *deeper)
    since = _changed_since(kind, group, asked)
    for one in group:
        one.record = records.get(one.record_id)
        who, deleted, one.version = since[one.record_id]
        if who:
            if deleted and one.record is None:
                one.refuse("gone", "deleted_since", f"It was deleted by {who} since.")
            else:
                one.refuse("touched", "changed_since", f"It was changed by {who} since.")
        elif one.action == RESTORE and one.record is not None:
            one.refuse("touched", "changed_since", "It is here again.")
        elif one.action != RESTORE and one.record is None:
            one.refuse("gone", "deleted_since", "It was deleted since.")
    if asked.beside:
        for one in _unlike(kind, [one for one in group if one.action == CHANGE and one.refusal is None]):
            one.refuse("touched", "changed_since", "It is not as that left it: a later change of the same stays.")


def _fields_at(kind: type[models.Model], name: str) -> list[Any]:
    return list(kind._meta.get_field(name).related_model._meta.concrete_fields)  # type: ignore[union-attr]


def _changed_since(kind: type[models.Model], group: list[Wanted], asked: Asked) -> dict[int, tuple[str, bool, int]]:
    """Who changed a record after the transaction did (nobody: ""), whether that deleted it, and its newest version."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.id, CASE WHEN l.op IS NULL THEN '' ELSE COALESCE(NULLIF(t.actor_name, ''), %s) END,
                   COALESCE(l.op = 'D', false), n.version
            FROM unnest(%s::bigint[], %s::bigint[]) AS w (id, last)
            CROSS JOIN LATERAL (SELECT c.version FROM history_change c
                WHERE c.object = %s AND c.record_id = w.id ORDER BY c.id DESC LIMIT 1) n
            LEFT JOIN LATERAL (SELECT c.transaction_id, c.op FROM history_change c
                WHERE c.object = %s AND c.record_id = w.id AND c.id > w.last AND c.transaction_id <> ALL(%s::bigint[])
                ORDER BY c.id DESC LIMIT 1) l ON true
            LEFT JOIN history_transaction t ON t.id = l.transaction_id
            """,
            [
                "somebody outside Plumb",
                [one.record_id for one in group],
                [one.last_change for one in group],
                *[kind._meta.model_name] * 2,
                sorted(asked.beside),
            ],
        )
        return {pk: (who, deleted, version) for pk, who, deleted, version in cursor.fetchall()}


def _unlike(kind: type[models.Model], group: list[Wanted]) -> list[Wanted]:
    """Those that are not what the transaction made of them: what came after it was not undone for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT w.id FROM unnest(%s::bigint[], %s::jsonb[]) AS w (id, after)
            JOIN {kind._meta.db_table} r ON r.id = w.id WHERE EXISTS (
                SELECT FROM jsonb_each(w.after) a WHERE to_jsonb(r) -> a.key IS DISTINCT FROM a.value)
            """,
            [[one.record_id for one in group], [Jsonb(one.after) for one in group]],
        )
        unlike = {pk for (pk,) in cursor.fetchall()}
    return [one for one in group if one.record_id in unlike]


def _ask_rights(one: Wanted, asked: Asked) -> None:
    if one.action == REMOVE and one.object in instead:
        return  # whoever registered that says who may
    verb = {REMOVE: "delete", RESTORE: "add", CHANGE: "change"}[one.action]
    about = one.record if one.record is not None else one.kind
    if one.refusal is None and not may(asked.actor, verb, about) and not may(asked.actor, "undo", about):
        said = {REMOVE: "delete", RESTORE: "restore", CHANGE: "change"}[one.action]
        one.refuse("refused", "forbidden", f"You may not {said} this {one.kind._meta.verbose_name}.")


def _find_holders(wanted: list[Wanted]) -> None:
    """Name what still refers to a record that would be removed: later additions, or what is itself left alone."""
    planned = {(one.kind, one.record_id): one for one in wanted}
    leaving = by_kind(one for one in wanted if one.action == REMOVE and one.refusal is None)
    pairs = [
        (relation, pair)
        for kind, group in leaving.items()
        for relation, pair in _references(kind, [one.record_id for one in group])
    ]
    while pairs:
        held: dict[int, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        for relation, (child, parent) in pairs:
            target = planned.get((relation.model, parent))
            if target is None or target.refusal is not None:
                continue
            other = planned.get((relation.related_model, child))
            if other is not None and other.refusal is None:
                column = relation.field.column
                if other.action == REMOVE or other.values.get(column, parent) != parent:
                    continue
            held[id(target)][relation] += 1
        # What is left alone may in turn hold others.
        if not held:
            break
        for one in wanted:
            if id(one) in held:
                one.refuse("touched", "held", _held_words(held[id(one)]))


def _references(kind: type[models.Model], ids: list[int]) -> Iterable[tuple[Any, tuple[int, int]]]:
    """Every row that refers to one of these, as (relation, (its id, ours))."""
    for relation in kind._meta.related_objects:
        child = relation.related_model
        # What is not in the change log belongs to its parent alone, and goes with it.
        if not getattr(relation.field, "db_constraint", False) or not issubclass(child, Record):
            continue
        rows = child._base_manager.filter(**{f"{relation.field.attname}__in": ids})
        for pair in rows.order_by("pk").values_list("pk", relation.field.attname):
            yield relation, pair


def _held_words(counts: dict[Any, int]) -> str:
    parts = []
    for relation, count in counts.items():
        meta = relation.related_model._meta
        parts.append(f"{count:,} {meta.verbose_name if count == 1 else meta.verbose_name_plural}")
    return f"Held by {' and '.join(sorted(parts))} that would be left without it."


def find_lost_links(wanted: list[Wanted]) -> None:
    """Refuse what would point at a record that is gone, again and again until nothing does."""
    back = {(one.kind, one.record_id): one for one in wanted if one.action == RESTORE}
    known: dict[Any, set[int]] = {}
    for target, ids in linked_to(wanted).items():
        known[target] = set(target._base_manager.filter(pk__in=ids).values_list("pk", flat=True))
    again = True
    while again:
        again = False
        for one in wanted:
            if one.refusal is not None or one.action == REMOVE:
                continue
            for link in links_of(one.kind):
                there = one.values.get(link.column)
                if there is None or there in known.get(link.related_model, ()):
                    continue
                restored = back.get((link.related_model, there))
                if restored is None or restored.refusal is not None:
                    again = True
                    one.refuse("refused", "link_gone", f"Its {link.verbose_name} is gone.")
                    break


def linked_to(wanted: Iterable[Wanted]) -> dict[type[models.Model], list[int]]:
    """The ids of records that restored values point at, by kind."""
    ids: dict[type[models.Model], set[int]] = defaultdict(set)
    for kind, group in by_kind(wanted).items():
        links = links_of(kind)
        for one in group:
            if one.action == REMOVE:
                continue
            for link in links:
                if (there := one.values.get(link.column)) is not None:
                    ids[link.related_model].add(there)
    return {kind: sorted(found) for kind, found in ids.items()}


def label_of(one: Wanted) -> str:
    """What people call the record: by its own values, also when it is not here."""
    here = {f.attname: getattr(one.record, f.attname) for f in one.kind._meta.concrete_fields} if one.record else {}
    values = here or one.values
    person = f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    named = next((str(values[name]) for name in CHANNELS if values.get(name)), "")
    kind = str(one.kind._meta.verbose_name)
    return person or named or f"{kind[:1].upper()}{kind[1:]} {one.record_id}"
