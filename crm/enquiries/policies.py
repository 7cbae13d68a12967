"""Who may enter, answer, void and hold up enquiries, and who lets other systems send them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from crm import handbook
from crm.core.permissions import policy
from crm.enquiries.models import Enquiry, Received, Recheck, Source, Thread
from crm.enquiries.time_left import TimeLeft
from crm.people.models import User
from crm.people.presence import Presence


@policy(Enquiry)
def enquiries(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees and enters them; whose it is, who stands in for them, their team and managers answer, hold up and
    void; a manager undoes a voiding. How a team keeps its promises is its managers' to see, and programs'."""
    if verb in ("view", "add"):
        return bool(user.rights)
    if verb in ("unvoid", "undo"):
        return user.is_manager
    if verb == "response_times":
        return user.is_manager or user.rights == "service"
    if verb not in ("change", "answer", "void", "pause", "resume", "claim") or not user.rights:
        return False
    if record is None or user.is_manager or user.rights == "service" or not isinstance(record, Enquiry):
        return True
    owner, queue = record.responsible, record.waits_in
    if owner is not None:
        if owner.pk == user.pk or (user.team_id is not None and owner.team_id == user.team_id):
            return True
        # Who is told of it while its owner is away can do what has to be done.
        return owner.pk in Presence(handbook.current().today(timezone.now())).covered_by(user)
    return queue is None or queue.pk == user.team_id


@policy(Source, Received)
def sources(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators' alone: a source has a secret."""
    return user.is_administrator and (
        verb == "view" or (verb in ("add", "change") and not isinstance(record, Received))
    )


@policy(Recheck, Thread, TimeLeft)
def bookkeeping(user: User, verb: str, record: models.Model | None) -> bool:
    """What the database and the doors keep beside enquiries: nobody's to see or edit on its own."""
    return False
