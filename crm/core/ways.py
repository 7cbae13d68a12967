"""Which moves lead a record from its status to each other one, and for every one that none leads to, why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crm.core.door import Verdict, bar, verdict_of
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful
from crm.core.offers import VIA, state_label, target_of

if TYPE_CHECKING:
    from crm.people.models import User

TAKE_BACK = "take_back"


@dataclass(frozen=True, slots=True)
class Way:
    """One status that is not the record's own: the moves that lead there, or the door's refusal where none does."""

    to: str
    label: str
    moves: tuple[Verdict, ...]
    refusal: Refused | None = None

    @property
    def is_open(self) -> bool:
        """Whether some move leads there now, with the facts its dialog asks for."""
        return bool(self.moves)


def ways_of(record: Stateful, *, actor: User, at: datetime) -> dict[str, Way]:
    """The way to every other status of the flow, in the flow's order; targets that verbs compute are computed."""
    kind = type(record)
    kind.prepare_moves([record])
    ask = Ask(actor, at, VIA)
    found = _answers(record, ask)
    flow_field = kind._meta.get_field(kind.FLOW)
    keys = [str(key) for key, _ in flow_field.flatchoices if str(key) != record.current_state]  # type: ignore[union-attr]
    reached = [state_label(kind, key) for key in keys if any(one.allowed for one in found[key])]
    ways = dict[str, Way]()
    for key in keys:
        moves = tuple(one for one in found[key] if one.allowed)
        why = None if moves else _why_not(record, key, found[key], actor, reached)
        ways[key] = Way(key, state_label(kind, key), moves, why)
    return ways


def way_back(record: Stateful, before: str, *, actor: User, at: datetime) -> Verdict | None:
    """The move that undoes the last one, back to the status before it: taking it back, else the move that leads there.

    None where nothing that this person may do leads back.
    """
    way = ways_of(record, actor=actor, at=at).get(before)
    if way is None or not way.moves:
        return None
    return next((one for one in way.moves if one.verb.name == TAKE_BACK), way.moves[0])


def _answers(record: Stateful, ask: Ask) -> dict[str, list[Verdict]]:
    """The door's answer for each verb that leaves the present status, by where the verb would lead.

    Taking back is one of them only for one's own slip within its time, or where no other move leads there.
    """
    kind = type(record)
    found: dict[str, list[Verdict]] = defaultdict(list)
    slips: list[tuple[str, Verdict]] = []
    for info in kind.verbs().values():
        if not (info.listed or info.name == TAKE_BACK):
            continue
        if not getattr(kind, info.name)._django_fsm.has_transition(record.current_state):
            continue
        target = target_of(record, info, ask)
        if not target or target == record.current_state:
            continue
        verdict = verdict_of(record, info, ask)
        if info.name == TAKE_BACK:
            slips.append((target, verdict))
        else:
            found[target].append(verdict)
    for target, verdict in slips:
        others = any(one.allowed for one in found[target])
        if verdict.allowed and not (verdict.asks and others):
            found[target].append(verdict)
    return found


def _why_not(record: Stateful, key: str, answers: Iterable[Verdict], actor: User, reached: list[str]) -> Refused:
    """The door's own sentence: of a move that leads there, else of one that does from elsewhere."""
    for one in answers:
        said = one.missing
        message = " ".join(item.message for item in said) or one.message
        return Refused(one.code, message, said)
    kind = type(record)
    leading = {step.custom["verb"].name for step in kind.transitions() if step.target == key}
    for info in kind.verbs().values():
        if info.listed and info.name in leading and (refusal := bar(record, info, actor)):
            return refusal
    here, there = state_label(kind, record.current_state), state_label(kind, key)
    onwards = f"From here it can go to {', '.join(reached)}." if reached else "From here you can move it nowhere."
    return Refused("not_from_here", f"No move leads from {here} to {there}. {onwards}")
