"""What people outside send by the plain form: judged as at every other door, received once, and no lead of spam.

A form whose hidden field is filled in was filled in by a program, most likely. It is stored, voided as spam: where it
was somebody's browser after all, the request is there, counted apart, and a manager takes it up again. No lead is made
of it, no clock runs and nobody is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from crm import handbook
from crm.core import phones
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.locks import hold
from crm.core.text import tidy
from crm.enquiries.incoming import Incoming, read_incoming
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import receive_enquiry, team_for
from crm.handbook.promises import Channel
from crm.people.models import User

VIA = SYSTEM = "form"
SPAM = "spam"
# The same sent again within this time is one enquiry: a second click, or a reload.
TWICE = timedelta(minutes=10)
FILLED = "The hidden field of the form was filled in."
UNREACHABLE = "Give your email, your phone number or your LinkedIn profile URL, so that we can answer."
NO_CHANNEL = "Choose what it is about."


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent. `trap` is the field that people do not see."""

    channel: str = ""
    name: str = ""
    email: str = ""
    company: str = ""
    linkedin_url: str = ""
    phone: str = ""
    message: str = ""
    trap: str = ""


# The names of the form's fields: a company's own page posts the same. `website` is the trap.
NAMES = {"website" if field.name == "trap" else field.name: field.name for field in fields(Sent)}


def sent_from(posted: Mapping[str, str], *, channel: str = "") -> Sent:
    """What a form posted; of several values of one name the last. `channel` is the address's own, if it has one."""
    found = {ours: tidy(posted.get(theirs, "").replace("\r\n", "\n")) for theirs, ours in NAMES.items()}
    offered = form_channels()
    only = offered[0].key if len(offered) == 1 else ""
    return Sent(**{**found, "channel": found["channel"] or channel or only})


def form_channels() -> list[Channel]:
    """What people outside may choose."""
    return [one for one in handbook.current().enquiry.channels if one.form]


@retry_deadlocks
def receive_form(sent: Sent, *, at: datetime) -> Enquiry:
    """Receive it, once.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each field that will not do, by its name in the form.
    """
    read = judged(sent, at=at)
    actor = User.objects.system()
    with acting(actor=actor, via=VIA, at=at):
        mark = _mark(sent)
        hold((SYSTEM, mark))
        period = int(at.timestamp()) // int(TWICE.total_seconds())
        ids = [f"{mark}:{period}", f"{mark}:{period - 1}"]
        known = Enquiry.objects.filter(system=SYSTEM, external_id__in=ids, received_at__gt=at - TWICE).first()
        if known is not None:
            return known
        read = replace(read, system=SYSTEM, external_id=ids[0])
        if sent.trap:
            return store_spam(read, actor=actor, at=at)
        return receive_enquiry(read, came_by=Enquiry.Came.FORM, actor=actor, at=at, via=VIA).enquiry


def judged(sent: Sent, *, at: datetime) -> Incoming:
    """The request.

    Raises:
        Refused: as `receive_form`.
    """
    lines = {name: getattr(sent, name) for name in ("name", "company", "email", "linkedin_url", "phone")}
    incoming = Incoming(channel=sent.channel, received_at=at, text=sent.message, **lines)
    wrong: list[Missing] = []
    if sent.channel not in {one.key for one in form_channels()}:
        wrong.append(Missing("invalid_channel", NO_CHANNEL, "channel"))
    try:
        incoming = read_incoming(incoming, at=at)
    except Refused as refused:
        names = {"text": "message"}
        wrong += [Missing(one.code, one.message, names.get(one.field, one.field)) for one in refused.missing]
    if not (sent.email or sent.phone or sent.linkedin_url):
        wrong.append(Missing("needs_details", UNREACHABLE, "email"))
    elif not (sent.email or sent.linkedin_url or phones.e164(sent.phone, phones.default_region())):
        # Beside another way to answer it is kept as they wrote it.
        wrong.append(Missing("invalid_phone", f"“{sent.phone}” is not a phone number.", "phone"))
    first = {one.field: one for one in reversed(wrong)}
    if first:
        found = [first[name] for name in NAMES.values() if name in first]
        raise Refused("missing_facts", " ".join(one.message for one in found), found)
    return incoming


def store_spam(read: Incoming, *, actor: User, at: datetime) -> Enquiry:
    """Store what a program sent, voided as it comes; inside a domain call."""
    reasons = dict(handbook.current().choices("enquiry.void_reasons"))
    stored = Enquiry(
        **{name: getattr(read, name) for name in ("channel", "priority", "received_at", "text", "name", "company")},
        **{name: getattr(read, name) for name in ("email", "linkedin_url", "phone", "system", "external_id")},
        came_by=Enquiry.Came.FORM,
        queue=team_for(read.channel, actor),
        voided_at=at,
        voided_by=actor,
        void_reason=SPAM if SPAM in reasons else next(iter(reasons)),
        void_note=FILLED,
    )
    stored.save(force_insert=True)
    return stored


def _mark(sent: Sent) -> str:
    """What two that are the same have in common; nothing can be read out of it that is not in the row as well."""
    said = "\n".join(f"{field.name}={getattr(sent, field.name)}" for field in fields(Sent))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
