"""Who is what to an opportunity: contact roles, of which one is the primary."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from contracts.models import ContactRole, Opportunity
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.permissions import may

if TYPE_CHECKING:
    from crm.people.models import User


def add_contact_role(role: ContactRole, *, actor: User, at: datetime, via: str) -> ContactRole:
    """Store a new role. A primary one takes that from who had it (`ContactRole.save`).

    Raises:
        Refused: `forbidden` for who may not change the opportunity.
        IntegrityError: the contact has this role already.
    """
    Opportunity.prepare_moves([role.opportunity])
    if not may(actor, "add", role):
        raise Refused("forbidden", "Who may change the opportunity says who is what to it.")
    with acting(actor=actor, via=via, at=at):
        role.save(force_insert=True)
    return role
