"""Receiving a request: once for each message, to whom it belongs, with its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, Q

from accounts.models import Contact
from crm import handbook
from crm.activities.gate import bars_of, first_bar, hold_for
from crm.activities.newcomers import bar_newcomer
from crm.clocks.services import start_clock
from crm.clocks.waking import wake_sweep
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.enquiries.incoming import Incoming, Keys, keys_of, read_incoming
from crm.enquiries.matching import Match, find_match, segment_of
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import look_on_commit, settle
from crm.enquiries.scheduling import schedule_lead
from crm.enquiries.telling import tell_received
from crm.people.models import Team, User
from leads.assignment import create_lead
from leads.models import Lead
from leads.statuses import Status

P = TypeVar("P", bound=Lead | Contact)
__all__ = ["Incoming", "Receipt", "receive_enquiry"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request. `known`: this message was here already, and nothing was done."""

    enquiry: Enquiry
    made_lead: bool
    known: bool


@retry_deadlocks
def receive_enquiry(incoming: Incoming, *, came_by: str, actor: User, at: datetime, via: str) -> Receipt:
    """Store a request, find or make whose it is, and start its clock. `came_by` is one of `Enquiry.Came`.

    The same (system, external_id) is received once, however often and by however many at once it is sent.

    Raises:
        Refused: `forbidden`, or `missing_facts` with a `Missing` for each field that will not do.
    """
    if not may(actor, "add", Enquiry):
        raise Refused("forbidden", "Enquiries are entered by those who have a role here.")
    came = Enquiry.Came(came_by)
    read = read_incoming(incoming, at=at)
    with acting(actor=actor, via=via, at=at):
        keys = keys_of(email=read.email, linkedin_url=read.linkedin_url)
        barred = take_holds(keys, read)
        known = Enquiry.objects.filter(system=read.system, external_id=read.external_id).exclude(external_id="").first()
        if known is not None:
            return Receipt(known, made_lead=False, known=True)
        match = find_match(keys)
        while match.found and not all(still_here(one) for one in (match.contact, match.lead) if one is not None):
            match = find_match(keys)
        made = not match.found and bool(keys)
        if made:
            match = Match(lead=make_lead(read, came, actor=actor, at=at, via=via))
        barred = barred or is_barred(match)
        enquiry = Enquiry(
            **{name: getattr(read, name) for name in ("channel", "priority", "received_at", "subject", "text")},
            **{name: getattr(read, name) for name in ("name", "company", "email", "linkedin_url", "phone")},
            **{name: getattr(read, name) for name in ("system", "external_id", "meeting_at")},
            came_by=came,
            lead=match.lead,
            contact=match.contact,
            account=match.account,
            opportunity=match.opportunity,
            owner=match.owner,
            queue=None if match.found else team_for(read.channel, actor),
            others=[{"kind": kind, "id": pk} for kind, pk in match.others],
            barred=barred,
            kept=dict(read.kept),
        )
        if not barred:
            start(enquiry, match, at=at)
        enquiry.save()
        schedule_lead(enquiry, actor=actor, at=at, via=via)
        # One that comes late may have been answered; a booking answers itself.
        settle([enquiry.pk], at=at)
        enquiry.refresh_from_db()
        tell_received(enquiry, came_back=match.came_back, at=at)
        look_on_commit()
        wake_sweep()
    return Receipt(enquiry, made_lead=made, known=False)


def take_holds(keys: Keys, read: Incoming) -> bool:
    """Hold the gate's answer about everybody whom these details name, then the details; whether nobody may write to
    them."""
    bar = bar_newcomer(
        emails=[read.email], linkedin_url=read.linkedin_url, phone_numbers=[read.phone], websites=[read.website]
    )
    for kind, pk in find_match(keys).records():
        hold_for(kind, [pk])
    message = f"{read.system}\n{read.external_id}" if read.external_id else ""
    hold(("email", keys.email), ("linkedin", keys.linkedin), ("enquiry", message))
    return bar is not None


def still_here(person: P) -> P | None:
    """The lead or contact as they are now, who stay until the transaction ends; None when somebody deleted them."""
    rows = type(person)._base_manager.select_for_update(of=("self",), no_key=True)
    found: P | None = rows.filter(pk=person.pk).first()  # type: ignore[assignment]
    return found


def make_lead(read: Incoming, came: Enquiry.Came, *, actor: User, at: datetime, via: str) -> Lead:
    """The lead that somebody who is not known yet becomes: New, and given to somebody by the rules (L3, L6)."""
    first, _, last = read.name.rpartition(" ")
    channel = handbook.current().label("enquiry.channels", read.channel)
    lead = Lead(
        first_name=(first or last)[:100],
        last_name=(last if first else "")[:100],
        company=read.company,
        email=read.email,
        linkedin_url=read.linkedin_url,
        phone=read.phone,
        website=read.website,
        came_from=f"{channel} ({came.label})",
        owner=read.owner,
    )
    return create_lead(lead, actor=actor, at=at, via=via, reason=f"{channel}.")


def start(enquiry: Enquiry, match: Match, *, at: datetime) -> None:
    """Start its clock, by the one policy that fits; the caller saves the enquiry."""
    segment, tier = segment_of(match, email=enquiry.email, at=at)
    policy = handbook.current().policy_for(enquiry.channel, priority=enquiry.priority, segment=segment, tier=tier)
    enquiry.clock = start_clock(
        policy,
        channel=enquiry.channel,
        priority=enquiry.priority,
        segment=segment,
        tier=tier,
        started_at=enquiry.received_at,
        at=at,
    )


def team_for(channel: str, actor: User) -> Team | None:
    """In whose queue a request stands that nobody is known of: the channel's team, else that of who brought it in, else
    the one with the most people who get leads."""
    book = handbook.current()
    named = book.channel(channel).team
    if named and (team := Team.objects.filter(name__iexact=named).first()) is not None:
        return team
    if actor.team is not None:
        return actor.team
    sellers = Q(members__is_active=True, members__is_service=False, members__role__in=book.assignment.roles)
    return Team.objects.annotate(sellers=Count("members", filter=sellers)).order_by("-sellers", "pk").first()


def is_barred(match: Match) -> bool:
    """Whether somebody who was found is not to be contacted; also a lead that another system closed so."""
    if match.lead is not None and match.lead.status == Status.CLOSED_DO_NOT_CONTACT:
        return True
    for kind, record in (("contact", match.contact), ("lead", match.lead)):
        if record is not None and first_bar(bars_of(kind, [record.pk]).get(record.pk, ())):
            return True
    return False
