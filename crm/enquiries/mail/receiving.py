"""What becomes of a mail: an enquiry, more words of one that waits, a booking, or a colleague's message to somebody.

One message is taken once, by its Message-ID. A reply to one whose enquiry still waits belongs to that; after it was
answered a reply is a new enquiry, so that nobody who writes again waits for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.keys import compute_keys
from crm.enquiries.bookings import Door, take_change
from crm.enquiries.evidence import MEETING
from crm.enquiries.ics import read_ics
from crm.enquiries.incoming import keys_of
from crm.enquiries.mail.reading import QUEUED, Mail
from crm.enquiries.matching import Match, find_match
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import Incoming, receive_enquiry
from crm.enquiries.threads import (
    about_of,
    add_words,
    enquiry_of,
    find_thread,
    hold_thread,
    is_waiting,
    keep_thread,
    log_inbound,
    log_sent,
)
from crm.people.models import User

SYSTEM, VIA, TOUCH = "mail", "mail", "email"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message, in a word and a sentence."""

    outcome: str
    sentence: str
    enquiry: Enquiry | None = None


@retry_deadlocks
def take_mail(mail: Mail, *, channel: str, actor: User, at: datetime) -> Taken:
    """Take one message, once.

    Raises:
        Refused: `forged` for a colleague's address that the relay found forged, `missing_facts` for a message that
            says nothing of anybody.
    """
    with acting(actor=actor, via=VIA, at=at):
        hold_thread(SYSTEM, mail.key)
        if (seen := find_thread(SYSTEM, [mail.key])) is not None:
            return Taken("known", "This message is here already.", enquiry_of(seen))
        thread = find_thread(SYSTEM, mail.references)
        before = enquiry_of(thread) if thread is not None else None
        colleague = _colleagues([mail.email]).get(mail.email.lower())
        if colleague is not None and mail.failed:
            said = f"It says it is from {colleague}, and the mail server found that it is not."
            raise Refused("forged", said)
        if (booked := _booking(mail, actor=actor, at=at)) is not None:
            taken = booked
        elif mail.automatic:
            taken = _automatic(mail, before, actor)
        elif colleague is not None:
            taken = _colleagues_own(mail, colleague, before)
        elif before is not None and is_waiting(before) and _added(mail, before, actor):
            taken = Taken("appended", "More words of an enquiry that waits for its answer.", before)
        else:
            taken = _enquiry(mail, channel, actor=actor, at=at)
        keep_thread(SYSTEM, mail.key, taken.enquiry or before, at=mail.received_at)
    return taken


def _added(mail: Mail, before: Enquiry, actor: User) -> bool:
    return add_words(before, _words(mail), kind=TOUCH, happened_at=mail.received_at, actor=actor)


def _enquiry(mail: Mail, channel: str, *, actor: User, at: datetime) -> Taken:
    usable = _is_address(mail.email)
    text = mail.text if usable or not mail.email else "\n\n".join(filter(None, (f"From: {mail.email}", mail.text)))
    incoming = Incoming(
        channel=channel,
        received_at=mail.received_at,
        subject=mail.subject,
        text=text,
        name=mail.name,
        email=mail.email if usable else "",
        system=SYSTEM,
        external_id=mail.key,
    )
    receipt = receive_enquiry(incoming, came_by=Enquiry.Came.MAIL, actor=actor, at=at, via=VIA)
    return Taken("received", f"An enquiry: {receipt.enquiry}.", receipt.enquiry)


def _booking(mail: Mail, *, actor: User, at: datetime) -> Taken | None:
    """A booking that came with it; None when it brings none that can be read, so that it is read as a mail."""
    for body, method in mail.calendars:
        try:
            with transaction.atomic():
                change = read_ics(body, at=at, method=method)
                door = Door(SYSTEM, booking_channel(), Enquiry.Came.MAIL, actor, at, VIA)
                said = take_change(change, door)
        except Refused:
            continue
        enquiry = Enquiry.objects.filter(pk=said["enquiry"] or 0).first()
        return Taken(said["outcome"], f"A booking: {said['outcome']}.", enquiry)
    return None


def booking_channel() -> str:
    """By which channel somebody books who does so by mail: the first that a meeting answers, else the first."""
    book = handbook.current()
    answered = [channel for policy in book.policies if MEETING in policy.stops for channel in policy.channels]
    return (answered or [one.key for one in book.enquiry.channels])[0]


def _automatic(mail: Mail, before: Enquiry | None, actor: User) -> Taken:
    """On the timeline of who is known, and no more: nobody waits for an answer to it."""
    about = about_of(before) if before is not None else _about(_match(mail.email))
    if not about:
        return Taken("automatic", f"Not counted ({mail.automatic}); nobody is known by {mail.email or 'no address'}.")
    text = f"Automatic message ({mail.automatic}).\n\n{_words(mail)}"
    log_inbound(about, kind=TOUCH, outcome="", text=text, happened_at=mail.received_at, actor=actor)
    return Taken("automatic", f"Written down and not counted ({mail.automatic}).")


def _colleagues_own(mail: Mail, colleague: User, before: Enquiry | None) -> Taken:
    """What one of us wrote, with Plumb's address among those who get it: theirs, to everybody who is known."""
    found: dict[str, dict[str, models.Model]] = {}
    if before is not None:
        _add(found, about_of(before))
    ours = _colleagues(list(mail.recipients))
    for address in mail.recipients:
        if address not in ours:
            _add(found, _about(_match(address)))
    sent_at = mail.received_at
    if mail.sent_at is not None and mail.received_at - QUEUED <= mail.sent_at <= mail.received_at:
        sent_at = mail.sent_at
    for about in found.values():
        log_sent(about, kind=TOUCH, by=colleague, text=_words(mail), happened_at=sent_at)
    if not found:
        return Taken("nobody", "From a colleague, to nobody who is known here: nothing was written down.")
    return Taken("sent", f"Written down as sent by {colleague}, to {len(found)}.")


def _add(found: dict[str, dict[str, models.Model]], about: dict[str, models.Model]) -> None:
    """Each person once, however many of their addresses it went to."""
    nearest = next(iter(about.items()), None)
    if nearest is not None:
        found.setdefault(f"{nearest[0]}:{nearest[1].pk}", about)


def _match(address: str) -> Match:
    return find_match(keys_of(email=address, linkedin_url="")) if _is_address(address) else Match()


def _about(match: Match) -> dict[str, models.Model]:
    given = {"lead": match.lead, "contact": match.contact, "account": match.account, "opportunity": match.opportunity}
    return {name: one for name, one in given.items() if one is not None} if match.found else {}


def _colleagues(addresses: list[str]) -> dict[str, User]:
    """Which of these addresses are of people here, in lower case."""
    usable = [one for one in addresses if _is_address(one)]
    keys = dict(zip(usable, compute_keys("email_key", usable), strict=True)) if usable else {}
    people = User.objects.active_people().filter(email_key__in=[key for key in keys.values() if key])
    known = {one.email_key: one for one in people}
    return {address.lower(): known[key] for address, key in keys.items() if key in known}


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= 254


def _words(mail: Mail) -> str:
    return "\n\n".join(filter(None, (mail.subject, mail.text)))
