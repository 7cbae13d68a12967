"""The top of an opportunity's page: where it stands among the handbook's stages, and its last move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.utils import timezone

from contracts.flow import stage_choices
from contracts.models import Opportunity
from crm import handbook
from crm.history.models import Move

register = template.Library()


@dataclass(frozen=True, slots=True)
class Step:
    """One stage on the path: `now`, `been` (it was there) or `ahead`."""

    key: str
    label: str
    place: str
    lost: bool


@register.inclusion_tag("contracts/path.html")
def stage_path(opportunity: Opportunity) -> dict[str, Any]:
    """The open stages in the handbook's order, then how it was closed, or how it may be won."""
    moves = list(Move.objects.of(opportunity))
    book = handbook.current()
    lost = book.lost_stage.key
    keys = [stage.key for stage in book.open_stages]
    keys.append(lost if opportunity.stage == lost else book.won_stage.key)
    if opportunity.stage not in keys:
        # A word that left the handbook: shown as it stands, at the end.
        keys.append(opportunity.stage)
    been = {state for move in moves for state in (move.from_state, move.to_state)}
    labels = dict(stage_choices())

    def place(key: str) -> str:
        return "now" if key == opportunity.stage else ("been" if key in been else "ahead")

    last = moves[-1] if moves and moves[-1].from_state else None
    verbs = Opportunity.verbs()
    return {
        "path": [Step(key, labels.get(key, key), place(key), key == lost) for key in keys],
        "opportunity": opportunity,
        "last_move": last,
        "last_label": verbs[last.verb].label if last and last.verb in verbs else "",
    }


@register.filter
def overdue(opportunity: Opportunity) -> bool:
    """Whether an open opportunity's next step should have been taken."""
    today = handbook.current().today(timezone.now())
    return bool(opportunity.is_open and opportunity.next_step_due and opportunity.next_step_due < today)
