"""Doing what was said of a lead in a review: by the services that its own page calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm.activities.models import NextTouch
from crm.core.errors import Missing, Refused, Stale
from crm.core.text import whole_number
from crm.people.models import Team, User
from crm.reviews.lead_review.form import BY_RULES, QUEUE, TO
from leads.assignment import assign_leads
from leads.giving import give_lead
from leads.models import Lead
from leads.queues import queue_leads
from leads.working import log_touch, plan_touch


def answer_lead(lead: Lead, facts: Mapping[str, Any], *, actor: User, at: datetime, via: str) -> list[str]:
    """Log the touch, set the next one, and give the lead away, in this order: whoever gives it away may no longer be
    its team's.

    Returns:
        The codes of what was done.

    Raises:
        Refused, Stale: as the services.
    """
    frame: dict[str, Any] = {"actor": actor, "at": at, "via": via}
    codes = []
    if facts.get("touch_kind"):
        made = log_touch(
            lead,
            kind=facts["touch_kind"],
            direction=facts.get("touch_direction") or "out",
            outcome=facts.get("touch_outcome") or "",
            happened_at=facts.get("touch_at") or at,
            text=facts.get("touch_text") or "",
            **frame,
        )
        codes.append("violation" if made.violation_of_id else "touch")
    if facts.get("plans"):
        _refuse_overwriting(lead, facts.get("next_version"))
        plan_touch(lead, due_on=facts["next_due"], kind=facts["next_kind"], text=facts.get("next_text") or "", **frame)
        codes.append("next_touch")
    if facts.get("give"):
        codes.append(_give(lead, facts["give"], facts.get("version"), frame))
    return codes


def _refuse_overwriting(lead: Lead, opened: int | None) -> None:
    """What somebody else planned meanwhile is shown, never overwritten unseen."""
    stored = NextTouch.objects.filter(lead=lead).first()
    if stored is not None and stored.version != opened:
        raise Stale(f"The next touch was set meanwhile: {stored}. Look at it, then save again.")


def _give(lead: Lead, whom: str, version: int | None, frame: dict[str, Any]) -> str:
    answer: Any
    if whom == BY_RULES:
        (answer,) = assign_leads([lead.pk], **frame)
        if answer.refusal is not None:
            raise answer.refusal
        return "given" if answer.given is not None and answer.given.owner else "queued"
    number = whole_number(whom.partition(":")[2])
    if whom.startswith(TO):
        owner = User.objects.filter(pk=number).first() if number is not None else None
        if owner is None:
            raise _nobody()
        give_lead(lead, owner, version=version, **frame)
        return "given"
    team = Team.objects.filter(pk=number).first() if number is not None and whom.startswith(QUEUE) else None
    if team is None:
        raise _nobody()
    (answer,) = queue_leads([lead.pk], team, **frame)
    if answer.refusal is not None:
        raise answer.refusal
    return "queued"


def _nobody() -> Refused:
    message = "There is nobody of that name any more: choose again."
    return Refused("missing_facts", message, [Missing("invalid_give", message, "give")])
