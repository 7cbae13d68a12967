"""What a chat tool tells us: a visitor's words, who they are, an agent's reply, the end of the conversation.

A conversation is one enquiry as long as it lives. After it was answered and then closed, or silent for eight hours, the
next words are a new enquiry with a clock of its own; before that they are part of the talk, and stand on the timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crm.core.errors import Missing, Refused
from crm.core.keys import compute_keys
from crm.core.text import tidy
from crm.enquiries.attaching import details_known
from crm.enquiries.hooks.reading import ChatData, Event
from crm.enquiries.models import Enquiry, Source, Thread
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

MESSAGE, DETAILS, REPLY, CLOSED = "chat.message", "chat.details", "chat.reply", "chat.closed"
KINDS = {MESSAGE: ChatData, DETAILS: ChatData, REPLY: ChatData, CLOSED: ChatData}
SILENCE = timedelta(hours=8)
TOUCH = "chat"
VIA = "webhook"


def carry_out(source: Source, event: Event, message_id: str, *, at: datetime) -> dict[str, Any]:
    """Do what the event says; what became of it. Inside a domain call of the source's user.

    Raises:
        Refused: `unknown_conversation`, `unknown_agent`, and what receiving an enquiry refuses.
    """
    key = tidy(event.data["conversation"])
    hold_thread(source.system, key)
    thread = find_thread(source.system, [key])
    if event.data["automatic"]:
        return {"outcome": "not_counted"}
    if event.type == MESSAGE:
        return _message(source, event, key, thread, message_id, at=at)
    if thread is None or (enquiry := enquiry_of(thread)) is None:
        said = "Nothing of this conversation is known: send its first message before what follows."
        raise Refused("unknown_conversation", said)
    if event.type == DETAILS:
        return {"outcome": "known", **_of(_details(source, event, enquiry, at=at))}
    if event.type == REPLY:
        return _reply(event, thread, enquiry)
    thread.closed_at = max(event.at, thread.last_at)
    thread.save(update_fields=["closed_at"])
    return {"outcome": "closed", "waiting": is_waiting(enquiry), **_of(enquiry)}


def _message(
    source: Source, event: Event, key: str, thread: Thread | None, message_id: str, *, at: datetime
) -> dict[str, Any]:
    text = tidy(event.data["text"])
    if not text:
        raise Refused(
            "missing_facts", "Text: what they wrote.", [Missing("needs_text", "Text: what they wrote.", "text")]
        )
    enquiry = enquiry_of(thread) if thread is not None else None
    if thread is None or enquiry is None or _begins_anew(event, thread, enquiry):
        return _received(source, event, key, message_id if enquiry is not None else "", enquiry, at=at)
    if is_waiting(enquiry) and add_words(enquiry, text, kind=TOUCH, happened_at=event.at, actor=source.user):
        outcome = "appended"
    else:
        about = about_of(enquiry)
        log_inbound(about, kind=TOUCH, outcome="replied", text=text, happened_at=event.at, actor=source.user)
        outcome = "logged"
    thread.last_at = max(thread.last_at, event.at)
    thread.save(update_fields=["last_at"])
    return {"outcome": outcome, **_of(_details(source, event, enquiry, at=at))}


def _begins_anew(event: Event, thread: Thread, enquiry: Enquiry) -> bool:
    if is_waiting(enquiry):
        return False
    ended = thread.closed_at is not None and thread.closed_at < event.at
    return ended or event.at - thread.last_at > SILENCE


def _received(
    source: Source, event: Event, key: str, message_id: str, before: Enquiry | None, *, at: datetime
) -> dict[str, Any]:
    """A new enquiry; of somebody who asked before in this conversation, who they are is known."""
    visitor = _visitor(event)
    if before is not None:
        visitor = {name: value or _known(before, name) for name, value in visitor.items()}
    receipt = receive_enquiry(
        Incoming(
            channel=source.channel,
            received_at=event.at,
            text=event.data["text"],
            system=source.system,
            # The conversation's id was the first enquiry's.
            external_id=f"{key[:290]}#{message_id}" if message_id else key,
            name=visitor["name"],
            company=visitor["company"],
            email=visitor["email"],
            phone=visitor["phone"],
            linkedin_url=visitor["linkedin_url"],
        ),
        came_by=Enquiry.Came.CHAT,
        actor=source.user,
        at=at,
        via=VIA,
    )
    keep_thread(source.system, key, receipt.enquiry, at=event.at)
    return {"outcome": "received", "made_lead": receipt.made_lead, **_of(receipt.enquiry)}


def _known(enquiry: Enquiry, name: str) -> str:
    """Who asked before: as they said, else as the record has it that it belongs to."""
    person = enquiry.lead or enquiry.contact
    return str(getattr(enquiry, name) or (getattr(person, name, "") if name in ("email", "linkedin_url") else ""))


def _reply(event: Event, thread: Thread, enquiry: Enquiry) -> dict[str, Any]:
    """One of us answered: theirs, at the time of the event, whatever program tells us."""
    agent = _agent(event)
    touch = log_sent(about_of(enquiry), kind=TOUCH, by=agent, text=event.data["text"], happened_at=event.at)
    thread.last_at = max(thread.last_at, event.at)
    thread.save(update_fields=["last_at"])
    return {"outcome": "answered", "activity": touch.pk, **_of(enquiry)}


def _agent(event: Event) -> User:
    email = (event.data.get("agent") or {}).get("email", "")
    (wanted,) = compute_keys("email_key", [email])
    agent = User.objects.active_people().filter(email_key=wanted).first() if wanted else None
    if agent is None:
        said = f"Agent: nobody here has the address {email}." if email else "Agent: the address of who replied."
        raise Refused("missing_facts", said, [Missing("unknown_agent", said, "agent")])
    return agent


def _details(source: Source, event: Event, enquiry: Enquiry, *, at: datetime) -> Enquiry:
    """Who they are became known: whose it is is found, or the lead is made; else what was not known yet is kept."""
    visitor = _visitor(event)
    if not any(visitor.values()):
        return enquiry
    # Of what was voided no lead is made; who they are is kept for a manager who takes it up again.
    if enquiry.about is None and enquiry.voided_at is None and (visitor["email"] or visitor["linkedin_url"]):
        return details_known(enquiry, **visitor, actor=source.user, at=at, via=VIA)
    locked = Enquiry.objects.select_for_update(of=("self",)).get(pk=enquiry.pk)
    new = [name for name, value in visitor.items() if value and not getattr(locked, name)]
    if new:
        for name in new:
            setattr(locked, name, visitor[name])
        locked.clean_fields(exclude=[one.name for one in Enquiry._meta.fields if one.name not in new])
        locked.save(update_fields=new)
    return enquiry


def _visitor(event: Event) -> dict[str, str]:
    given: Mapping[str, str] = event.data.get("visitor") or {}
    return {name: tidy(given.get(name, "")) for name in ("name", "email", "company", "phone", "linkedin_url")}


def _of(enquiry: Enquiry) -> dict[str, Any]:
    return {"enquiry": enquiry.pk, "lead": enquiry.lead_id, "contact": enquiry.contact_id}
