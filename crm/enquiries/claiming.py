"""Taking an enquiry that waits for somebody, and giving it to somebody."""

from __future__ import annotations

from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.enquiries.locking import locked_for
from crm.enquiries.models import Enquiry
from crm.people.models import User
from crm.people.owners import refuse_owner
from leads.models import Lead
from leads.working import claim_lead


@retry_deadlocks
def claim_enquiry(enquiry: Enquiry, *, actor: User, at: datetime, via: str) -> Enquiry:
    """Make an enquiry that is nobody's the actor's: the lead that it is of, else the enquiry itself.

    Raises:
        Refused: `already_owned`, naming who was first, `forbidden`, `not_found`.
    """
    with acting(actor=actor, via=via, at=at):
        # The lead's row before the enquiry's, as everywhere.
        lead = Lead.objects.filter(enquiries=enquiry).first()
        if lead is not None and lead.owner_id is None:
            claim_lead(lead, actor=actor, at=at, via=via)
            claimed = Enquiry.objects.with_people().get(pk=enquiry.pk)
        else:
            claimed = locked_for(enquiry, "claim", actor)
            if claimed.responsible is not None:
                raise Refused("already_owned", f"{claimed.responsible} has this enquiry already.")
            refuse_owner(actor)
            claimed.owner = actor
            claimed.save(update_fields=["owner"])
    enquiry.refresh_from_db()
    return claimed


@retry_deadlocks
def give_enquiry(enquiry: Enquiry, owner: User, *, actor: User, at: datetime, via: str) -> Enquiry:
    """Give an enquiry that stands alone to somebody. What belongs to a record is given with that record.

    Raises:
        Refused: `forbidden`, `not_found`, `of_a_record`, `missing_facts` with `invalid_owner`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(enquiry, "change", actor)
        if locked.about is not None:
            raise Refused("of_a_record", f"It belongs to {locked.about}: give that to somebody else.")
        refuse_owner(owner)
        locked.owner = owner
        locked.save(update_fields=["owner"])
    enquiry.refresh_from_db()
    return locked
