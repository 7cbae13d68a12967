"""What may be done with a record now, in the words of its page: moves, why not the others, where each leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm.core.door import Verdict, decide, verdicts
from crm.core.flow import Ask, Stateful, Verb

if TYPE_CHECKING:
    from crm.people.models import User

VIA = "admin"


def state_label(kind: type[Stateful], key: str) -> str:
    """What people read for a status; the key itself when it left the handbook."""
    flow_field: Any = kind._meta.get_field(kind.FLOW)
    return str(dict(flow_field.flatchoices).get(key, key))


def target_of(record: Stateful, info: Verb, ask: Ask) -> str:
    """The status the verb would lead to, if that is known before it is made; else an empty string."""
    step = getattr(type(record), info.name)._django_fsm.get_transition(record.current_state)
    if step is None:
        return ""
    if isinstance(step.target, str):
        return step.target
    try:
        return str(step.target.func(record, ask))
    except (AttributeError, KeyError):  # needs a fact, or a move, that is not there
        return ""


def target_label(record: Stateful, info: Verb, ask: Ask) -> str:
    """What people read for where the verb would lead; an empty string where that is not known yet."""
    target = target_of(record, info, ask)
    return state_label(type(record), target) if target else ""


@dataclass(frozen=True, slots=True)
class Moves:
    """What may be done with a record now: the moves that can be made, those that cannot and why, and taking back."""

    possible: list[Verdict]
    blocked: list[Verdict]
    take_back: bool


def moves_of(record: Stateful, *, actor: User, at: datetime) -> Moves:
    """Ask the door about every move that leaves the record's present status."""
    answers = verdicts(record, actor=actor, at=at, via=VIA)
    return Moves(
        [verdict for verdict in answers if verdict.allowed],
        [verdict for verdict in answers if not verdict.allowed],
        _may_take_back(record, actor, at),
    )


def may_take_back(record: Stateful, actor: User, at: datetime) -> bool:
    """Whether the last move may be taken back by this person, if need be with a reason."""
    type(record).prepare_moves([record])
    return _may_take_back(record, actor, at)


def _may_take_back(record: Stateful, actor: User, at: datetime) -> bool:
    """The same of a record that `prepare_moves` was given."""
    info = type(record).verbs().get("take_back")
    if info is None:
        return False
    refusal = decide(record, info, Ask(actor, at, VIA))
    return refusal is None or refusal.codes == ("needs_reason",)
