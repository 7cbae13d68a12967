"""Who is told that an enquiry came in: whose it is, else the team whose queue it waits in; of a do not contact, the
manager."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crm import handbook
from crm.enquiries.models import Enquiry
from crm.enquiries.subjects import address_of, title_of
from crm.notifications.services import Notice, Post, notify
from crm.people.models import Team, User
from crm.people.presence import Presence

RECEIVED, BARRED = "enquiry_received", "enquiry_barred"
LONGEST = 500


def tell_received(enquiry: Enquiry, *, came_back: bool, at: datetime) -> None:
    """Tell of an enquiry that has just come in; of what came in from before nobody is told."""
    if enquiry.came_by == Enquiry.Came.IMPORT or (enquiry.clock is not None and enquiry.clock.quiet):
        return
    presence = Presence(handbook.current().today(at))
    kind, title, text = RECEIVED, title_of(enquiry), enquiry.subject or enquiry.text
    people: Iterable[User]
    if enquiry.barred:
        kind, title = BARRED, f"Not to be contacted: {title}"
        text = f"They are not to be contacted, and wrote to us. No clock runs: say what is to be done. {text}"
        people = managers_of(enquiry, presence)
    else:
        people = recipients(enquiry, presence)
        if came_back:
            title = f"Back from nurture: {title}"
    notices = [
        Notice(
            to_id=person.pk,
            kind=kind,
            key=f"{kind}:{enquiry.pk}",
            title=title[:255],
            text=text[:LONGEST],
            address=address_of(enquiry),
        )
        for person in people
    ]
    post = Post(kind, f"{kind}:{enquiry.pk}", title, text[:LONGEST], address_of(enquiry))
    notify(notices, posts=[post], at=at)


def recipients(enquiry: Enquiry, presence: Presence) -> list[User]:
    """Whose it is, or who stands in; nobody's: the people of the team that are here, and its manager."""
    owner, queue = enquiry.responsible, enquiry.waits_in
    if owner is not None:
        told = presence.told(owner)
        return [told] if told is not None else managers_of(enquiry, presence)
    here = [one for one in queue.members.select_related("team__manager") if presence.is_present(one)] if queue else []
    manager = presence.manager_told(queue)
    return [*here, *([manager] if manager is not None and manager not in here else [])] or managers_of(
        enquiry, presence
    )


def managers_of(enquiry: Enquiry, presence: Presence) -> list[User]:
    """The manager of the team that it is with; where there is none, every team's, so that nobody's waits unseen."""
    owner, queue = enquiry.responsible, enquiry.waits_in
    told = presence.manager_told(queue or (owner.team if owner else None))
    if told is not None:
        return [told]
    managed = Team.objects.select_related("manager__team").exclude(manager=None)
    return list({one.pk: one for team in managed if (one := presence.manager_told(team))}.values())
