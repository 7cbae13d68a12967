"""Whose a request is: the contact, the lead, or nobody's yet (in this order), by email and LinkedIn URL alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.matching import email_domain
from accounts.models import Account, Contact
from contracts.models import Opportunity
from contracts.standing import CUSTOMER, types_of
from crm import handbook
from crm.activities.models import Activity
from crm.enquiries.incoming import Keys
from crm.people.models import User
from leads.models import Lead
from leads.statuses import OPEN, Status

# So many of one kind are looked at: more share one address only where somebody imported nonsense.
MOST = 50
PROSPECT = "prospect"


@dataclass(frozen=True, slots=True)
class Match:
    """Whose a request is. `others`: what else the same details name, by kind and id, the most recently touched first.

    `came_back`: they were put aside (Closed nurture), and are offered again.
    """

    lead: Lead | None = None
    contact: Contact | None = None
    account: Account | None = None
    opportunity: Opportunity | None = None
    others: tuple[tuple[str, int], ...] = ()

    @property
    def found(self) -> bool:
        """Whether anybody here is meant."""
        return self.lead is not None or self.contact is not None

    @property
    def came_back(self) -> bool:
        """Whether they were put aside."""
        return self.lead is not None and self.lead.status == Status.CLOSED_NURTURE

    @property
    def owner(self) -> User | None:
        """Whose contact it is, where neither opportunity nor account says whose the request is."""
        if self.contact is None or any(one is not None and one.owner_id for one in (self.opportunity, self.account)):
            return None
        return self.contact.owner

    def records(self) -> Iterator[tuple[str, int]]:
        """Everything that was found, by kind and id."""
        if self.contact is not None:
            yield "contact", self.contact.pk
        if self.lead is not None:
            yield "lead", self.lead.pk
        yield from self.others


def find_match(keys: Keys) -> Match:
    """Whose these details are; of several the most recently touched.

    A contact comes before a lead that is open, then one that was put aside, then one that was converted: its contact.
    """
    if not keys:
        return Match()
    contacts = list(_touched_last(Contact.objects.filter(_of(keys, "email_key", "personal_email_key")), "contact"))
    leads = sorted(
        _touched_last(Lead.objects.filter(_of(keys, "email_key", "second_email_key")), "lead"),
        key=lambda lead: _rank(lead.status),
    )
    found = [("contact", one.pk) for one in contacts] + [("lead", one.pk) for one in leads]
    if contacts:
        return of_contact(contacts[0], found)
    if not leads:
        return Match()
    return of_lead(leads[0], found)


def of_contact(contact: Contact, found: Iterable[tuple[str, int]] = ()) -> Match:
    """A contact with their account, and the open opportunity of theirs that was touched last."""
    own = set(Lead.objects.filter(converted_contact=contact).values_list("pk", flat=True))
    others = tuple(one for one in found if one != ("contact", contact.pk) and not (one[0] == "lead" and one[1] in own))
    return Match(None, contact, contact.account, open_opportunity(contact), others)


def of_lead(lead: Lead, found: Iterable[tuple[str, int]] = ()) -> Match:
    """A lead; of one that was converted, its contact."""
    others = tuple(one for one in found if one != ("lead", lead.pk))
    if lead.converted_contact is not None:
        return of_contact(lead.converted_contact, others)
    return Match(lead, None, lead.converted_account, None, others)


def open_opportunity(contact: Contact) -> Opportunity | None:
    """Of those that are open with this contact or their account, the one that was touched last."""
    theirs = Q(contact=contact)
    if contact.account_id is not None:
        theirs |= Q(account=contact.account_id)
    return next(iter(_touched_last(Opportunity.objects.open().filter(theirs), "opportunity")), None)


def segment_of(match: Match, *, email: str = "", at: datetime) -> tuple[str, str]:
    """Who asks, somebody of a customer or anybody else, and their account's tier.

    Of a lead, and of nobody yet, the company is the account whose people write from that domain.
    """
    account = match.account or _company_of(match.lead.email if match.lead is not None else email)
    if account is None:
        return PROSPECT, ""
    segment = CUSTOMER if types_of([account.pk], at).get(account.pk) == CUSTOMER else PROSPECT
    known = {one.key for one in handbook.current().account.tiers}
    return segment, account.tier if account.tier in known else ""


def _company_of(email: str) -> Account | None:
    domain = email_domain(email, set(handbook.current().company.free_mail)) if email else ""
    return Account.objects.at_domain(domain).first() if domain else None


def _of(keys: Keys, *email_columns: str) -> Q:
    same = Q(pk__in=[])
    if keys.email:
        for column in email_columns:
            same |= Q(**{column: keys.email})
    if keys.linkedin:
        same |= Q(linkedin_key=keys.linkedin)
    return same


def _rank(status: str) -> int:
    """An open lead, one that was put aside, one that was converted, and last who is not to be contacted."""
    if status in OPEN:
        return 0
    return {str(Status.CLOSED_NURTURE): 1, str(Status.SAO_CONVERTED): 2}.get(status, 3)


def _touched_last(rows: QuerySet[Any], kind: str) -> QuerySet[Any]:
    """The most recently touched first; who was never touched last, the newest of them first."""
    last = Activity.objects.filter(**{kind: OuterRef("pk")}).order_by("-happened_at").values("happened_at")[:1]
    touched: QuerySet[Any] = rows.annotate(touched_at=Subquery(last))
    return touched.order_by(F("touched_at").desc(nulls_last=True), "-pk")[:MOST]
