"""Who is told that an enquiry came in: whose it is, else the team whose queue it waits in; of a do not contact, the
manager."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crm import handbook
from crm.enquiries.models import Enquiry
from crm.enquiries.subjects import address_of, title_of
from crm.notifications.moments import moment_words, zone_of
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
    title = title_of(enquiry)
    if enquiry.barred:
        said = "They are not to be contacted, and wrote to us. No clock runs: say what is to be done."
        _tell(enquiry, BARRED, f"Not to be contacted: {title}", said, managers_of(enquiry, presence), at=at)
        return
    people = recipients(enquiry, presence)
    _tell(enquiry, RECEIVED, _offered(title, came_back), "", people, at=at, room=True)


def tell_attached(enquiry: Enquiry, *, came_back: bool, actor: User, at: datetime) -> None:
    """Tell whose it has become while its answer is owed, unless they did it or were told that it came in."""
    if enquiry.barred and enquiry.clock is not None:
        tell_barred(enquiry, at=at)
        return
    if enquiry.barred:
        tell_received(enquiry, came_back=came_back, at=at)
        return
    clock = enquiry.clock
    if clock is None or clock.quiet or clock.stopped_at is not None or clock.voided_at is not None:
        return
    people = [one for one in recipients(enquiry, Presence(handbook.current().today(at))) if one != actor]
    _tell(enquiry, RECEIVED, _offered(title_of(enquiry), came_back), "", people, at=at)


def tell_barred(enquiry: Enquiry, *, at: datetime) -> None:
    """Ask the manager what is to be done for somebody who asked and is not to be contacted since."""
    if enquiry.clock is None or enquiry.clock.quiet:
        return
    said = "They asked us, and are not to be contacted. The clock stands still: say what is to be done."
    people = managers_of(enquiry, Presence(handbook.current().today(at)))
    _tell(enquiry, BARRED, f"Not to be contacted: {title_of(enquiry)}", said, people, at=at)


def _offered(title: str, came_back: bool) -> str:
    return f"Back from nurture: {title}" if came_back else title


def _tell(
    enquiry: Enquiry, kind: str, title: str, said: str, people: Iterable[User], *, at: datetime, room: bool = False
) -> None:
    """One notice for each; what they wrote is in it, but not in a chat room."""
    key, address = f"{kind}:{enquiry.pk}", address_of(enquiry)
    wrote = (enquiry.subject or enquiry.text)[:LONGEST].strip()
    notices = [
        Notice(
            to_id=one.pk,
            kind=kind,
            key=key,
            title=title[:255],
            text=" ".join(filter(None, (said, wrote and f"“{wrote}”", _promise(enquiry, one)))),
            address=address,
        )
        for one in people
    ]
    whose = f"It is with {enquiry.responsible}." if enquiry.responsible else "Nobody has it yet."
    posts = [Post(kind, key, title[:255], f"{_promise(enquiry, None)} {whose}".strip(), address)] if room else []
    notify(notices, at=at, posts=posts)


def _promise(enquiry: Enquiry, reader: User | None) -> str:
    """Until when an answer is promised, in the reader's time; nothing where none is, or it was given."""
    clock = enquiry.clock
    if clock is None or clock.stopped_at is not None or enquiry.barred:
        return ""
    return f"An answer is promised by {moment_words(clock.limit_at, zone_of(reader) if reader else None)}."


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
