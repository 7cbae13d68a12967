"""Moving many: any verb of the flow, each row by the one door with what its status asks for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.http import QueryDict

from crm.bulk.operations import FormRequest, Kind, Operation, Task, done, gone, judged, read_owners, refused, serve
from crm.core.dialogs import NoteForm
from crm.core.door import decide, find_verb, judge, move_many
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful, Verb
from crm.core.offers import VIA, state_label
from crm.core.permissions import may
from crm.core.text import tidy
from crm.jobs.kinds import Row

if TYPE_CHECKING:
    from crm.people.models import User

# In place of a NUL character, which PostgreSQL cannot store in a job's input: no value of a list and no date has it.
UNSTORABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Offer:
    """One verb for the selection: how many may make it once its facts are given (None: not counted), and why not.

    `barred` is why this person may not make it on so many at once.
    """

    verb: Verb
    able: int | None
    refusals: Sequence[tuple[str, int]] = ()
    barred: Refused | None = None


class MoveRows(Operation):
    """Make the same move on every row."""

    name = "move"
    label = "Move…"
    button = "Move"
    strict = False

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        """The verb's own rule for many at once is asked of the whole selection, not of a slice of it."""
        flow = flow_of(kind)
        if "verb" not in facts:
            return super().bar(user, kind, facts, count, at)
        info = find_verb(flow, str(facts["verb"]))
        return flow.refuse_batch(count, info, Ask(user, at, VIA))

    def form(self, request: FormRequest) -> forms.Form:
        """The verb's own form: what it asks may depend on the status, so the fullest of them is shown."""
        flow = flow_of(request.kind)
        info = find_verb(flow, request.variant)
        forms_of = [
            info.facts(request.data, record=record, at=request.at)
            for record in one_of_each_status(flow, request.rows)
            if leaves(info, record)
        ]
        form = max(forms_of, key=lambda one: len(one.fields), default=info.facts(request.data, at=request.at))
        form.fields["reason"] = NoteForm.base_fields["reason"]
        for field in form.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                field.empty_label = "Choose one"
        return form

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        """As they were sent, but for what cannot be stored: each row's own form reads them."""
        sent = {
            name: (",".join(many(data, name)) if isinstance(field, forms.MultipleChoiceField) else str(data[name]))
            for name, field in form.fields.items()
            if name in data
        }
        sent = {name: value.replace("\x00", UNSTORABLE) for name, value in sent.items()}
        return sent | ({"reason": tidy(str(data["reason"]))} if "reason" in sent else {})

    def title(self, plural: str, count: int, facts: Mapping[str, Any]) -> str:
        return f"{facts['label']}: {count:,} {plural}"

    def judge(self, task: Task) -> list[Row]:
        flow, verb = flow_of(task.kind), str(task.facts["verb"])
        info = find_verb(flow, verb)
        found = task.records()
        flow.prepare_moves(list(found.values()))

        def why_not(record: Any) -> Refused | None:
            given = facts_for(info, record, task.facts, task.at)
            return judge(record, info, Ask(task.actor, task.at, task.via, task.reason, given))[1]

        return judged(task, why_not, found)

    def run(self, task: Task) -> list[Row]:
        flow, verb = flow_of(task.kind), str(task.facts["verb"])
        info = find_verb(flow, verb)
        found = task.records()
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for pk in task.ids:
            names = tuple(info.facts(record=found[pk], at=task.at).fields) if pk in found else ()
            alike[names].append(pk)
        rows: dict[int, Row] = {}
        for names, members in alike.items():
            for outcome in move_many(
                flow,
                members,
                info.name,
                actor=task.actor,
                at=task.at,
                via=task.via,
                reason=task.reason,
                facts={name: task.facts[name] for name in names if name in task.facts},
            ):
                pk = outcome.record_id
                if outcome.move is not None:
                    rows[pk] = done(found[pk], "moved", f"Now {state_label(flow, outcome.move.to_state)}")
                elif outcome.refusal is not None:
                    rows[pk] = refused(found[pk], outcome.refusal) if pk in found else gone(task.kind, pk)
        return [rows[pk] for pk in task.ids]


def many(data: Mapping[str, Any], name: str) -> list[str]:
    """Every value that was sent under one name."""
    found = data.getlist(name) if isinstance(data, QueryDict) else data[name]
    return [found] if isinstance(found, str) else [str(one) for one in found]


def flow_of(kind: Kind) -> type[Stateful]:
    """The kind as one that has a flow. Raises `TypeError` for one that has none."""
    if not issubclass(kind, Stateful):
        raise TypeError(f"{kind.__name__} has no flow")
    return kind


def facts_for(info: Verb, record: Any, facts: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Of the facts given for all, those that the verb asks of this record."""
    return {name: facts[name] for name in info.facts(record=record, at=at).fields if name in facts}


def leaves(info: Verb, record: Any) -> bool:
    """Whether the verb leads anywhere from the record's status."""
    return bool(getattr(type(record), info.name)._django_fsm.has_transition(record.current_state))


def one_of_each_status(kind: type[Stateful], rows: models.QuerySet[Any]) -> list[Any]:
    """One record of the selection for each status it has: the forms differ by status, not by record."""
    field: Any = kind._meta.get_field(kind.FLOW)
    found = [rows.order_by().filter(**{kind.FLOW: key}).first() for key, _ in field.flatchoices]
    records = [record for record in found if record is not None]
    kind.prepare_moves(records)
    return records


def offers(kind: type[Stateful], rows: models.QuerySet[Any], *, count: bool, actor: User, at: datetime) -> list[Offer]:
    """Every verb that the selection could make: counted row by row, or only by whether one status allows it."""
    if not count:
        some = one_of_each_status(kind, rows)
        listed = [info for info in kind.verbs().values() if info.listed and may(actor, info.name, kind)]
        return [Offer(info, None) for info in listed if any(leaves(info, record) for record in some)]
    records = list(rows.order_by("pk"))
    read_owners(kind, records)
    kind.prepare_moves(records)
    found = [_offer(info, records, actor, at) for info in kind.verbs().values() if info.listed]
    return [offer for offer in found if offer.able]


def _offer(info: Verb, records: Sequence[Any], actor: User, at: datetime) -> Offer:
    """Count the verdicts; what the form will ask is not held against a record yet."""
    refusals: Counter[str] = Counter()
    able = 0
    for record in records:
        refusal = decide(record, info, Ask(actor, at, VIA))
        names = {*info.facts(record=record, at=at).fields, "reason"}
        rest = [m.message for m in refusal.missing if m.field not in names] if refusal else []
        if refusal is None or (refusal.code == "missing_facts" and not rest):
            able += 1
        else:
            refusals.update(rest or [refusal.message])
    return Offer(info, able, refusals.most_common())


MOVE = serve(MoveRows())
