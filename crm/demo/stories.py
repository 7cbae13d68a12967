"""The leads of the demo: each is made, worked and moved as its people would have done it, step by step.

Each step takes a lead on from the one before, so many working days ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm.core.door import create, move
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.demo.names import PROSPECTS, Company, person
from crm.people.models import User
from leads.conversion import accept_conversion
from leads.models import Lead
from leads.working import log_touch, note_bant, plan_touch

SOURCES = (
    "website",
    "webinar",
    "linkedin",
    "trade_show",
    "outbound_research",
    "partner",
    "inbound_email",
    "word_of_mouth",
)
RATINGS = ("warm", "hot", "cold", "warm", "")
WISHES = (
    "Wants to replace a spreadsheet before the audit in the spring.",
    "Two teams use two tools; they look for one.",
    "Their contract with another vendor ends this year.",
    "Asked for prices for about 300 seats.",
    "Read our paper on access reviews.",
)
REPLIES = (
    "Interested; asked for a time next week.",
    "Forwarded it to the team and wants to see the product.",
    "Has time for twenty minutes.",
    "Wants to know how long it takes to set up.",
)
CONFIRMED = {
    "budget": "confirmed",
    "budget_note": "In this year's plan.",
    "authority": "confirmed",
    "authority_note": "Signs up to 100,000.",
    "need": "confirmed",
    "need_note": "An audit finding has to be closed.",
    "timing": "confirmed",
    "timing_note": "Live before the end of the quarter.",
}
HALF_KNOWN = {
    "budget": "unknown",
    "authority": "confirmed",
    "authority_note": "Decides with the CTO.",
    "need": "confirmed",
    "need_note": "Reviews take two weeks each quarter.",
    "timing": "unknown",
}


@dataclass
class Teller:
    """Tells the stories: makes numbered leads, and makes the moves that their owners would make."""

    cast: Cast
    calendar: Calendar
    told: int = field(default=0)

    def new(self, days: int, *, owner: User | None = None, big: bool = False, linkedin_only: bool = False) -> Lead:
        """A lead that came in so many working days ago: owned leads are made by their owner, others by the website."""
        number, self.told = self.told, self.told + 1
        company, who = self._company(number, big=big), person(number)
        at = self.calendar.ago(days, 8 + number % 8, number * 7 % 60)
        lead = Lead(
            first_name=who.first_name,
            last_name=who.last_name,
            title=who.title,
            company=company.name,
            email="" if linkedin_only else who.email_at(company),
            linkedin_url=f"https://www.linkedin.com/in/{who.first_name}-{who.last_name}-demo".lower()
            if linkedin_only or number % 3 == 0
            else "",
            website=f"https://{company.domain}" if number % 2 else "",
            industry=company.industry,
            employees=company.employees,
            city=company.city,
            state=company.state,
            country="United States",
            lead_source=SOURCES[number % len(SOURCES)],
            rating=RATINGS[number % len(RATINGS)],
            description=WISHES[number % len(WISHES)] if number % 4 == 0 else "",
            owner=owner,
            created_at=at,
            updated_at=at,
        )
        return create(lead, actor=owner or User.objects.system(), at=at, via=VIA)

    def _company(self, number: int, *, big: bool) -> Company:
        fitting = [company for company in PROSPECTS if (company.employees or 0) >= 500] if big else PROSPECTS
        return fitting[number % len(fitting)]

    def move(self, lead: Lead, verb: str, at: datetime, **facts: Any) -> None:
        """The owner makes a move."""
        move(lead, verb, actor=self.who(lead), at=at, via=VIA, **facts)

    def who(self, lead: Lead) -> User:
        """Who works this lead; the manager looks after what nobody owns."""
        return lead.owner or self.cast.maya

    def at(self, days: int, hour: int) -> datetime:
        """So many working days ago, at about that hour; different leads at different minutes."""
        return self.calendar.ago(days, hour, self.told * 13 % 60)

    # --- the steps ----------------------------------------------------------------------------------------------------

    def enriched(self, lead: Lead, days: int) -> Lead:
        """Somebody found a phone number."""
        self.move(lead, "enrich", self.at(days, 11), mobile=f"(415) 555-01{self.told % 100:02}")
        return lead

    def qualified(self, lead: Lead, days: int) -> Lead:
        """The company is large enough."""
        self.move(lead, "qualify", self.at(days, 12))
        return lead

    def working(self, lead: Lead, days: int) -> Lead:
        """Two tries: an email and a call nobody took."""
        self.move(lead, "work", self.at(days, 13))
        self.touch(lead, "email", "sent", self.at(days, 14), "Introduced ourselves.")
        if days > 1:
            call = ("voicemail", "no_answer")[self.told % 2]
            self.touch(lead, "call", call, self.at(days - 1, 10), "Will try again.")
        return lead

    def engaged(self, lead: Lead, days: int) -> Lead:
        """They answered."""
        at = self.at(days, 15)
        evidence = ("email.replied", "call.connected", "linkedin_message.replied")[self.told % 3]
        said = REPLIES[self.told % len(REPLIES)]
        self.move(lead, "engage", at, evidence=evidence, happened_at=at, said=said)
        return lead

    def meeting(self, lead: Lead, days: int, meeting_at: datetime) -> Lead:
        """A meeting was agreed on."""
        self.move(lead, "schedule_meeting", self.at(days, 16), meeting_at=meeting_at)
        return lead

    def to_convert(self, lead: Lead, days: int) -> Lead:
        """The meeting was held, and not everything is known."""
        held = {"meeting_outcome": "held", "said": "Good talk; open questions."} if lead.meeting_at else {}
        self.move(lead, "work_to_convert", self.at(days, 11), **held)
        self.note(lead, HALF_KNOWN, days)
        return lead

    def converted(self, lead: Lead, days: int, *, to: User, amount: int) -> Lead:
        """Everything is confirmed, and an AE takes over."""
        self.note(lead, CONFIRMED, days)
        at = self.at(days, 16)
        self.move(
            lead,
            "convert",
            at,
            opportunity_owner=to.pk,
            type="new_business",
            amount=amount,
            next_step="Send the quote",
            next_step_due=self.calendar.day(2),
            note="Champion is keen; legal wants our standard contract.",
        )
        return lead

    def accepted(self, lead: Lead, days: int, *, by: User) -> None:
        """The opportunity's owner takes it."""
        accept_conversion(lead.conversions.get(), actor=by, at=self.at(days, 9), via=VIA)

    def returned(self, lead: Lead, days: int, *, by: User) -> None:
        """The opportunity's owner gives it back."""
        reason = "The budget belongs to another department: find out who decides there."
        move(lead, "return_lead", actor=by, at=self.at(days, 17), via=VIA, reason=reason)

    def nurtured(self, lead: Lead, days: int, reason: str, come_back: int | None = None) -> None:
        """Not now; come back on a day so many working days from today, else on the handbook's."""
        day = None if come_back is None else self.calendar.day(come_back)
        self.move(lead, "nurture", self.at(days, 16), nurture_reason=reason, come_back_on=day)

    def touch(self, lead: Lead, kind: str, outcome: str, at: datetime, text: str = "") -> None:
        """Something happened with them."""
        values = {"kind": kind, "outcome": outcome, "direction": "out", "happened_at": at, "text": text}
        log_touch(lead, actor=self.who(lead), at=at, via=VIA, **values)

    def note(self, lead: Lead, known: dict[str, str], days: int) -> None:
        """What was learned of Budget, Authority, Need and Timing."""
        lead.refresh_from_db()
        note_bant(lead, known, actor=self.who(lead), at=self.at(days, 12), via=VIA, version=lead.version)

    def plan(self, lead: Lead, due: int, kind: str, text: str) -> None:
        """What is next, so many working days from today (negative: it is overdue)."""
        at = self.at(max(2, 1 - due), 17)
        day = self.calendar.day(due)
        plan_touch(lead, due_on=day, kind=kind, text=text, actor=self.who(lead), at=at, via=VIA)
