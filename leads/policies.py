"""Who may do what to leads."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.people.policies import record_rights
from leads.models import Conversion, Lead

MOVES = (
    "enrich",
    "qualify",
    "work",
    "release",
    "engage",
    "schedule_meeting",
    "reschedule",
    "fall_through",
    "work_to_convert",
    "convert",
    "nurture",
    "do_not_contact",
)


@policy(Lead)
def leads(user: User, verb: str, record: models.Model | None) -> bool:
    """As every record; moves need what changing it needs; lifting a do not contact, a manager."""
    if verb in MOVES or verb in ("change", "merge"):
        return record_rights(user, "change", record) and _within_reach(user, record)
    if verb == "lift":
        return user.is_manager
    if verb == "return_lead":
        opportunity = record.converted_opportunity if isinstance(record, Lead) else None
        return user.is_manager or bool(opportunity and opportunity.owner_id == user.pk)
    if verb == "take_back":
        # Whose move it was and how long ago is the guard's question: it has the clock.
        return user.rights in ("standard", "manager", "administrator")
    return record_rights(user, verb, record)


def _within_reach(user: User, lead: models.Model | None) -> bool:
    """Whether nobody's lead is not in another team's queue: there it is for that team's people and for managers."""
    if not isinstance(lead, Lead) or lead.owner_id is not None or lead.queue_id is None or user.is_manager:
        return True
    if user.rights == "service" or user.team_id == lead.queue_id:
        return True
    return lead.queue is not None and lead.queue.manager_id == user.pk


@policy(Conversion)
def conversions(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody reads receipts; the opportunity's owner or a manager accepts."""
    if verb == "view":
        return bool(user.rights)
    if verb == "accept" and isinstance(record, Conversion):
        return user.is_manager or record.opportunity.owner_id == user.pk
    return False
