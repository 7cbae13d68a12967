"""What people asked: answered in time or late, about to be late, late, waiting in a chat, held up, and spam.

Those who asked long ago are leads and contacts that are here; the newest are people whom nobody knew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Contact
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.holding_up import hold_up
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import Incoming, receive_enquiry
from crm.enquiries.voiding import void_enquiry
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def ask_all(cast: Cast, calendar: Calendar) -> None:
    """Every request, the oldest first."""
    leads = _leads(cast)
    customers = iter(Contact.objects.exclude(account=None).exclude(account__owner=None).order_by("pk"))
    now = calendar.now
    _answered(cast, calendar, leads, customers)
    _late(calendar, leads)
    ask(now - 46 * HOUR - 20 * MINUTE, leads, "information_request", "Which systems do you connect to out of the box?")
    waits = ask(now - 20 * HOUR, leads, "talk_to_expert", "Could somebody walk us through single sign-on?")
    hold_up(
        waits,
        reason="waiting_for_details",
        note="Asked which identity provider they have.",
        actor=waits.responsible or cast.maya,
        at=now - 19 * HOUR,
        via=VIA,
    )
    spam = receive(
        now - 5 * HOUR,
        "contact_form",
        "Rank first on every search engine, guaranteed.",
        name="Growth Team",
        email="offers@rankfirst.example",
    )
    void_enquiry(spam, reason="vendor", note="Sells search ranking.", actor=cast.sam, at=now - 4 * HOUR, via=VIA)
    ask(now - 90 * MINUTE, customers, "support", "Hosts have not checked in since this morning.", priority="p1")
    ask(now - 4 * HOUR, customers, "customer_message", "Is there a way to export the audit log?")
    receive(
        now - 25 * MINUTE,
        "product_trial",
        "Started a trial for 40 hosts.",
        name="Imani Osei",
        company="Bluefern Dairy",
        email="imani.osei@bluefern.example",
    )
    receive(now - 12 * MINUTE, "web_chat", "Hi! Do you have a price list for schools?", name="Visitor 4821")


def _answered(cast: Cast, calendar: Calendar, leads: Iterator[Lead], customers: Iterator[Contact]) -> None:
    """Three in time, one after its limit; and a slot that somebody booked."""
    for days, hour, channel, wait, text in (
        (9, 9, "contact_form", 5 * HOUR, "We would like a quote for 250 hosts."),
        (6, 11, "web_chat", 20 * MINUTE, "Does it run on Linux servers?"),
        (8, 10, "information_request", 70 * HOUR, "Please send your security paper."),
    ):
        asked = ask(calendar.ago(days, hour), leads, channel, text)
        _answer(asked, asked.received_at + wait, cast.maya)
    asked = ask(calendar.ago(4, 9, 30), customers, "support", "How do we move a host to another team?", priority="p3")
    _answer(asked, asked.received_at + 3 * HOUR, cast.maya)
    slot = calendar.at(2, 13)
    ask(calendar.ago(1, 14), leads, "talk_to_expert", "Booked a slot.", came_by=Enquiry.Came.CALENDAR, meeting_at=slot)


def _late(calendar: Calendar, leads: Iterator[Lead]) -> None:
    """Nobody has answered, and the limit has passed."""
    ask(calendar.now - 75 * HOUR, leads, "contact_form", "Our audit is in six weeks. How fast can we start?")


def _answer(enquiry: Enquiry, at: datetime, otherwise: User) -> None:
    answer_enquiry(
        enquiry,
        kind="email",
        outcome="sent",
        happened_at=at,
        text="Answered, and proposed a call.",
        actor=enquiry.responsible or otherwise,
        at=at,
        via=VIA,
    )


def _leads(cast: Cast) -> Iterator[Lead]:
    """Leads that somebody works, of one SDR after the other, who have an email."""
    working = (Status.WORKING_TO_ENGAGE, Status.ENGAGED)
    rows = Lead.objects.filter(status__in=working, owner__in=cast.sdrs).exclude(email="")
    return iter(rows.order_by("pk"))


def ask(at: datetime, people: Iterator[Any], channel: str, text: str, **values: Any) -> Enquiry:
    """The next of these people asks something."""
    who = next(people)
    name = f"{who.first_name} {who.last_name}"
    return receive(at, channel, text, name=name, email=who.email, **values)


def receive(at: datetime, channel: str, text: str, *, came_by: str = Enquiry.Came.FORM, **values: Any) -> Enquiry:
    """A request that came in by itself."""
    asked = Incoming(channel=channel, received_at=at, text=text, **values)
    came = Enquiry.Came.CHAT if channel == "web_chat" else came_by
    return receive_enquiry(asked, came_by=came, actor=User.objects.system(), at=at, via=VIA).enquiry
