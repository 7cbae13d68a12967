"""Whose an enquiry is after all: another record, or a person whose details became known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from accounts.models import Contact
from crm import handbook
from crm.activities.gate import hold_for
from crm.activities.models import Activity
from crm.activities.newcomers import bar_newcomer
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.text import tidy
from crm.enquiries.barring import release, stand_still
from crm.enquiries.incoming import Incoming, keys_of, read_incoming
from crm.enquiries.locking import locked_for
from crm.enquiries.matching import Match, find_match, of_contact, of_lead
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import is_barred, make_lead, start, still_here, take_holds
from crm.enquiries.responding import look_on_commit, settle
from crm.enquiries.telling import tell_attached
from crm.people.models import User
from leads.models import Lead


@retry_deadlocks
def attach_enquiry(enquiry: Enquiry, record: models.Model, *, actor: User, at: datetime, via: str) -> Enquiry:
    """It is of this lead or contact after all; the clock runs on.

    Raises:
        Refused: `forbidden`, `not_found`, `other_kind` for a record that is no person.
    """
    with acting(actor=actor, via=via, at=at):
        if not isinstance(record, Lead | Contact):
            raise Refused("other_kind", "An enquiry belongs to a lead or to a contact.")
        hold_for(record._meta.model_name or "", [record.pk])
        bar = bar_newcomer(
            emails=[enquiry.email], linkedin_url=enquiry.linkedin_url, phone_numbers=[enquiry.phone], websites=[]
        )
        person = still_here(record)
        if person is None:
            raise Refused("not_found", f"This {record._meta.verbose_name} is gone.")
        locked = locked_for(enquiry, "change", actor)
        match = of_lead(person) if isinstance(person, Lead) else of_contact(person)
        belong(locked, match, barred=bar is not None or is_barred(match), actor=actor, at=at)
    enquiry.refresh_from_db()
    return locked


@retry_deadlocks
def details_known(
    enquiry: Enquiry,
    *,
    email: str = "",
    linkedin_url: str = "",
    name: str = "",
    company: str = "",
    phone: str = "",
    actor: User,
    at: datetime,
    via: str,
) -> Enquiry:
    """Who asked said who they are: the record that these details name is found, or the lead is made.

    Raises:
        Refused: `forbidden`, `not_found`, `missing_facts` with `needs_details` or what will not do.
    """
    given = {"email": email, "linkedin_url": linkedin_url, "name": name, "company": company, "phone": phone}
    if not (tidy(email) or tidy(linkedin_url)):
        said = "Give their email or their LinkedIn URL."
        raise Refused("missing_facts", said, [Missing("needs_details", said, "email")])
    with acting(actor=actor, via=via, at=at):
        texts: dict[str, Any] = {field: tidy(value) or getattr(enquiry, field) for field, value in given.items()}
        # A channel that left the handbook since is no reason not to know them.
        channels = [one.key for one in handbook.current().enquiry.channels]
        channel = enquiry.channel if enquiry.channel in channels else channels[0]
        known = Incoming(channel=channel, received_at=enquiry.received_at, **texts)
        read = read_incoming(known, at=max(at, enquiry.received_at))
        keys = keys_of(email=read.email, linkedin_url=read.linkedin_url)
        barred = take_holds(keys, read)
        match = find_match(keys)
        if not match.found:
            match = Match(lead=make_lead(read, Enquiry.Came(enquiry.came_by), actor=actor, at=at, via=via))
        locked = locked_for(enquiry, "change", actor)
        for field in given:
            setattr(locked, field, getattr(read, field))
        belong(locked, match, *given, barred=barred or is_barred(match), actor=actor, at=at)
    enquiry.refresh_from_db()
    return locked


def belong(enquiry: Enquiry, match: Match, *also: str, barred: bool, actor: User, at: datetime) -> None:
    """Store whose it is, together with the fields that were changed as well; what was answered before is theirs too.

    Who is not to be contacted (`barred`) waits for no answer. Whose it has become is told.
    """
    enquiry.lead, enquiry.contact, enquiry.account = match.lead, match.contact, match.account
    enquiry.opportunity, enquiry.converted_lead, enquiry.owner, enquiry.queue = (
        match.opportunity,
        None,
        match.owner,
        None,
    )
    enquiry.others = [{"kind": kind, "id": pk} for kind, pk in match.others]
    heed_bar(enquiry, match, barred, actor=actor, at=at)
    moved = ("lead", "contact", "account", "opportunity", "converted_lead", "owner", "queue", "others")
    enquiry.save(update_fields=[*moved, "barred", "clock", *also])
    for touch in Activity.objects.select_for_update(of=("self",)).filter(enquiry=enquiry, lead=None, contact=None):
        touch.lead, touch.contact, touch.account = match.lead, match.contact, match.account
        touch.save(update_fields=["lead", "contact", "account"])
    settle([enquiry.pk], at=at)
    look_on_commit()
    known = Enquiry.objects.with_people().get(pk=enquiry.pk)
    tell_attached(known, came_back=match.came_back, actor=actor, at=at)


def heed_bar(enquiry: Enquiry, match: Match, barred: bool, *, actor: User, at: datetime) -> None:
    """Let the clock of who is not to be contacted stand still, and of who is after all run; the caller saves the rest.

    What was voided, or answered before anybody knew, stays as it is.
    """
    clock = enquiry.clock
    if enquiry.voided_at is not None or barred == enquiry.barred or (clock is not None and clock.stopped_at):
        return
    enquiry.barred = barred
    if not barred and clock is not None:
        release(clock, by=actor, at=at)
    elif not barred:
        start(enquiry, match, at=at)
    elif clock is not None:
        stand_still(clock, by=actor, at=at)
