"""Giving one lead to somebody: the owner is told, and whoever was quicker is not overwritten."""

from __future__ import annotations

from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.door import stale_since
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.history.words import address_of
from crm.notifications.services import Notice, notify
from crm.people.models import User
from crm.people.owners import refuse_owner
from leads.models import Lead
from leads.statuses import OPEN


@retry_deadlocks
def give_lead(lead: Lead, owner: User, *, actor: User, at: datetime, via: str, version: int | None = None) -> None:
    """Make an open lead somebody's, whoever has it now. `version` is the one that the caller looked at, if it looked.

    Raises:
        Refused: `forbidden`, `closed`, `already_theirs`, `not_found`; `missing_facts` with `invalid_owner` for who
            cannot take records over.
        Stale: the lead is no longer at `version`.
    """
    with acting(actor=actor, via=via, at=at):
        # Who acts and who gets it first, as everywhere: nothing is given to somebody who is leaving.
        refuse_owner(owner)
        locked = Lead.objects.select_for_update(of=("self",)).filter(pk=lead.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such record.")
        if not may(actor, "change", locked):
            raise Refused("forbidden", "A lead is given away by its owner, their team or a manager.")
        if locked.status not in OPEN:
            raise Refused("closed", "A closed lead is nobody's work.")
        if version is not None and locked.version != version:
            raise stale_since(locked, version)
        if locked.owner_id == owner.pk:
            raise Refused("already_theirs", f"{owner} owns it already.")
        locked.owner = owner
        locked.save(update_fields=["owner"])
        if owner.pk != actor.pk:
            notice = Notice(
                to_id=owner.pk,
                kind="reassigned",
                key=f"reassigned:lead:{locked.pk}:{locked.version}",
                title=f"{actor} gave you {locked}",
                text="",
                address=address_of(locked),
            )
            notify([notice], at=at)
    lead.refresh_from_db()
