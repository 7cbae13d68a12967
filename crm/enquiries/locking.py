"""An enquiry as it is now, locked until the transaction ends, for somebody who may change it."""

from __future__ import annotations

from crm.clocks.models import Clock
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.people.models import User

WHO = {
    "unvoid": "A voided enquiry is taken up again by a manager.",
    "claim": "An enquiry is claimed by the people of the team it waits for, or a manager.",
}
USUAL = "An enquiry is answered, held up and voided by whose it is, their team or a manager."


def locked_for(enquiry: Enquiry, verb: str, actor: User) -> Enquiry:
    """The enquiry as it is now.

    Raises:
        Refused: `not_found`, `forbidden`.
    """
    # The row by itself: who waited for the lock would see the new row beside what it pointed to before.
    if not Enquiry.objects.select_for_update(of=("self",)).filter(pk=enquiry.pk).exists():
        raise Refused("not_found", "There is no such enquiry.")
    locked = Enquiry.objects.with_people().get(pk=enquiry.pk)
    if not may(actor, verb, locked):
        raise Refused("forbidden", WHO.get(verb, USUAL))
    return locked


def running_clock(enquiry: Enquiry) -> Clock:
    """The clock of an enquiry whose answer is promised.

    Raises:
        Refused: `no_clock`.
    """
    if enquiry.clock is None:
        raise Refused("no_clock", "No answer is promised for this enquiry: no clock runs.")
    return enquiry.clock
