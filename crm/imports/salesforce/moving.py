"""A status that changed in the file, for a record that is here: a move like any other, or left and told of."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from crm.core.door import find_verb, move_many
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful
from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.planning import CHANGED, FLAGS, MERGED, STAGED
from crm.sync.store import frame

# What people decide for reasons that no file gives, and what only looks back or places.
NEVER = ("place", "take_back", "return_lead", "lift", "convert", "do_not_contact")
BATCH = 5000


def follow_statuses(cursor: Any, layout: Layout) -> None:
    """Move each record whose status changed in the file, by the verb that leads there, if it is allowed."""
    flow = layout.flow
    cursor.execute(
        f'SELECT m.n, m.record_id, s."{flow}" FROM {MERGED} m JOIN {STAGED} s USING (n)'
        " WHERE m.wants AND m.refused IS NULL ORDER BY m.record_id"
    )
    wanted = cursor.fetchall()
    for start in range(0, len(wanted), BATCH):
        _follow(cursor, layout, wanted[start : start + BATCH])


def _follow(cursor: Any, layout: Layout, wanted: list[tuple[int, int, str]]) -> None:
    now, model = frame(), cast(type[Stateful], layout.kind.model)
    flow_field: Any = model._meta.get_field(layout.flow)
    labels = dict(flow_field.flatchoices)
    lines = {record_id: (n, labels.get(target, target)) for n, record_id, target in wanted}
    records = model._base_manager.in_bulk(list(lines))
    model.prepare_moves(list(records.values()))
    ask = Ask(now.actor, now.at, now.via)
    by_verb: dict[str, list[int]] = defaultdict(list)
    left: dict[int, str] = {}
    for _, record_id, target in wanted:
        record = records[record_id]
        verb = verb_to(record, target, ask)
        if verb:
            by_verb[verb].append(record_id)
        else:
            left[record_id] = f"no move leads there from {labels.get(record.current_state, record.current_state)}."
    moved: list[int] = []
    for verb, ids in by_verb.items():
        for outcome in move_many(model, ids, verb, actor=now.actor, at=now.at, via=now.via):
            if outcome.refusal is None:
                moved.append(outcome.record_id)
            else:
                current = labels.get(records[outcome.record_id].current_state, "as it was")
                left[outcome.record_id] = still_to_do(model, verb, str(current), outcome.refusal)
    cursor.execute(
        f"INSERT INTO {CHANGED} SELECT id FROM unnest(%s::bigint[]) AS m(id)"
        f" WHERE NOT EXISTS (SELECT FROM {CHANGED} c WHERE c.record_id = m.id)",
        [moved],
    )
    cursor.executemany(
        f"INSERT INTO {FLAGS} VALUES (%s, 'status_not_moved', %s)",
        [(lines[i][0], f"The file says {lines[i][1]}: {why}") for i, why in left.items()],
    )


def still_to_do(kind: type[Stateful], verb: str, current: str, refusal: Refused) -> str:
    """Why a record stays as it is; where the move lacks facts that no file gives, who makes it and where."""
    if refusal.code != "missing_facts":
        return refusal.message
    return f"{refusal.message} It is left as {current}: make the move “{find_verb(kind, verb).label}” on its page."


def verb_to(record: Stateful, target: str, ask: Ask) -> str:
    """The move that leads from its present status to this one, or an empty string."""
    for transition in type(record).transitions():
        name = transition.custom["verb"].name
        if name in NEVER or transition.source not in ("*", record.current_state):
            continue
        leads_to: Any = transition.target
        to = leads_to if isinstance(leads_to, str) else leads_to.func(record, ask)
        if to == target:
            return str(name)
    return ""
