"""Converting a lead: account, contact and opportunity in one transaction, exactly once, with a receipt (L12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models

from accounts.addresses import copied_address
from accounts.matching import SHARED_HOSTS, email_domain
from accounts.models import Account, Contact
from accounts.selectors import Candidate, account_candidates, contact_candidates
from contracts.models import Opportunity
from crm import handbook
from crm.activities.gate import bar_of
from crm.core.acting import acting, retry_deadlocks
from crm.core.door import create, move, plain
from crm.core.errors import Refused
from crm.core.flow import Ask
from crm.core.keys import compute_keys
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.text import tidy, whole_number
from crm.people.models import User
from leads.conversion_facts import NEW
from leads.models import Conversion, Lead

M = TypeVar("M", bound=models.Model)
# What goes along with a lead that is converted, and comes back with one that is returned; higher layers say so.
Follower = Callable[[Lead], None]
_carriers: list[tuple[Follower, Follower]] = []
MADE = "made"
# In the one order in which rows are locked.
KINDS: tuple[tuple[str, type[models.Model]], ...] = (
    ("account", Account),
    ("contact", Contact),
    ("opportunity", Opportunity),
)


def goes_along(carry: Follower, give_back: Follower) -> None:
    """Call `carry` within each conversion, with the lead that names what it became, and `give_back` when one no longer
    stands."""
    _carriers.append((carry, give_back))


@dataclass(frozen=True, slots=True)
class Preview:
    """What converting would match, for the dialog and for the receipt."""

    accounts: list[Candidate[Account]]
    contacts: list[Candidate[Contact]]
    opportunities: list[Candidate[Opportunity]]
    account_name: str

    @property
    def account(self) -> Account | None:
        """The account that is used unless the user chooses otherwise."""
        return _first_exact(self.accounts)


def preview(lead: Lead, *, account: Account | None = None, account_name: str = "") -> Preview:
    """What converting this lead would find; `account` asks for the opportunities of a chosen one."""
    name = account_name or lead.company
    accounts = account_candidates(domain=company_domain(lead), name=name)
    contacts = contact_candidates(emails=[lead.email, lead.second_email], linkedin_url=lead.linkedin_url)
    return Preview(accounts, contacts, _open_opportunities(account or _first_exact(accounts)), name)


def company_domain(lead: Lead) -> str:
    """The domain that names the lead's company: its website's, else its email's; none that many companies share."""
    free_mail = set(handbook.current().company.free_mail)
    (website,) = compute_keys("domain_key", [lead.website]) if lead.website else [""]
    return email_domain(website, free_mail | SHARED_HOSTS) or email_domain(lead.email, free_mail)


def hold_for_convert(ids: Iterable[int], facts: Mapping[str, Any]) -> None:
    """Hold every key that matching looks for, so that two conversions of one company wait for each other; then lock
    the rows that may be used, in the one order (accounts, contacts, opportunities)."""
    leads = list(Lead.objects.filter(pk__in=ids).order_by("pk"))
    # Before the form has read the facts: they are as they were sent.
    account_name = tidy(str(facts.get("account_name") or ""))
    hold(*(key for lead in leads for key in _keys(lead, account_name)))
    chosen = {name: _id_of(facts.get(name)) for name, _ in KINDS}
    wanted: dict[str, set[int]] = {name: {pk} - {0} for name, pk in chosen.items()}
    account = Account.objects.filter(pk=chosen["account"]).first()
    for lead in leads:
        found = preview(lead, account=account, account_name=account_name)
        wanted["account"] |= _exact_ids(found.accounts)
        wanted["contact"] |= _exact_ids(found.contacts)
        wanted["opportunity"] |= _exact_ids(found.opportunities)
    for name, kind in KINDS:
        rows = kind._base_manager.select_for_update(of=("self",)).filter(pk__in=wanted[name])
        list(rows.order_by("pk").values_list("pk"))


def _keys(lead: Lead, account_name: str) -> list[tuple[str, str]]:
    emails = compute_keys("email_key", [lead.email, lead.second_email])
    (linkedin,) = compute_keys("linkedin_key", [lead.linkedin_url])
    (domain,) = compute_keys("domain_key", [company_domain(lead)])
    (name,) = compute_keys("name_key", [account_name or lead.company])
    return [*(("email", key) for key in emails), ("linkedin", linkedin), ("domain", domain), ("account_name", name)]


def carry_out(lead: Lead, ask: Ask) -> None:
    """The conversion itself, called by the flow under the lead's lock: match or make, write the receipt."""
    facts = ask.facts
    account_name = facts.get("account_name") or lead.company
    # The lead may have changed between the holds and its lock; what is held already costs nothing.
    hold(*_keys(lead, facts.get("account_name") or ""))
    found = preview(lead, account_name=account_name)
    wanted = facts.get("opportunity")
    wanted_account = facts.get("account") or (wanted.account if isinstance(wanted, Opportunity) else None)

    copied: dict[str, Any] = {}
    account, account_how = _choose(wanted_account, found.accounts, ask)
    if account is None:
        account = _make_account(lead, account_name, ask, copied)
    # Opportunities of the account that was chosen; what was considered for the account itself stands.
    found = replace(found, opportunities=_open_opportunities(account))
    contact, contact_how = _choose(facts.get("contact"), found.contacts, ask)
    if contact is None:
        contact = _make_contact(lead, account, ask, copied)
    if bar := bar_of("contact", contact.pk):
        # Another record of theirs, or the account's domain: the lead itself names nobody who is suppressed.
        raise Refused("missing_facts", bar.sentence, [replace(bar.missing(), field="contact")])
    # Two or more open ones: which is meant is for a person to say.
    single = found.opportunities if len(found.opportunities) == 1 else []
    opportunity, opportunity_how = _choose(wanted, single, ask)
    if opportunity is None:
        opportunity = _make_opportunity(lead, account, contact, ask)
    else:
        _plan_next_step(opportunity, ask)

    lead.converted_account, lead.converted_contact = account, contact
    lead.converted_opportunity, lead.converted_at = opportunity, ask.at
    receipt = {
        "considered": {
            "accounts": [_mention(c) for c in found.accounts],
            "contacts": [_mention(c) for c in found.contacts],
            "opportunities": [_mention(c) for c in found.opportunities],
        },
        "chosen": {
            "account": {"id": account.pk, "name": str(account), "how": account_how},
            "contact": {"id": contact.pk, "name": str(contact), "how": contact_how},
            "opportunity": {"id": opportunity.pk, "name": str(opportunity), "how": opportunity_how},
        },
        "copied": copied,
        "facts": plain({k: v for k, v in facts.items() if k not in ("account", "contact", "opportunity")}),
    }
    Conversion(
        lead=lead,
        account=account,
        contact=contact,
        opportunity=opportunity,
        at=ask.at,
        by=ask.actor,
        note=facts.get("note", ""),
        receipt=receipt,
    ).save()
    for carry, _ in _carriers:
        carry(lead)


def hold_for_return(ids: Iterable[int]) -> None:
    """Lock the opportunities before the leads (design: one order)."""
    wanted = Lead.objects.filter(pk__in=ids).values_list("converted_opportunity_id", flat=True)
    list(Opportunity.objects.select_for_update(of=("self",)).filter(pk__in=list(wanted)).order_by("pk"))


def undo(lead: Lead, ask: Ask) -> None:
    """The return itself, called by the flow under the lead's lock: what was made is closed lost; the receipt stays."""
    standing = withdraw(lead, ask)
    if standing is None:
        return
    opportunity = standing.opportunity
    if standing.receipt["chosen"]["opportunity"]["how"] == MADE and opportunity.is_open:
        returned = handbook.current().opportunity.returned_reason
        move(opportunity, "lose", actor=ask.actor, at=ask.at, via=ask.via, reason=ask.reason, lost_reason=returned)


def withdraw(lead: Lead, ask: Ask) -> Conversion | None:
    """The lead is converted no longer: its receipt, if it has one that stands, says so and stays."""
    lead.converted_account = lead.converted_contact = lead.converted_opportunity = lead.converted_at = None
    standing = lead.conversions.exclude(state=Conversion.State.RETURNED).first()
    if standing is not None:
        standing.state, standing.answer = Conversion.State.RETURNED, ask.reason
        standing.answered_at, standing.answered_by = ask.at, ask.actor
        standing.save()
    for _, give_back in _carriers:
        give_back(lead)
    return standing


@retry_deadlocks
def accept_conversion(conversion: Conversion, *, actor: User, at: datetime, via: str) -> None:
    """The opportunity's owner takes over.

    Raises:
        Refused: `forbidden`, or `not_handed_over` when it was answered already.
    """
    with acting(actor=actor, via=via, at=at):
        locked = Conversion.objects.select_for_update(of=("self",)).get(pk=conversion.pk)
        if not may(actor, "accept", locked):
            raise Refused("forbidden", "The opportunity's owner or a manager accepts it.")
        if locked.state != Conversion.State.HANDED_OVER:
            raise Refused("not_handed_over", f"It is {locked.get_state_display().lower()} already.")
        locked.state, locked.answered_at, locked.answered_by = Conversion.State.ACCEPTED, at, actor
        locked.save()


def _first_exact(candidates: list[Candidate[M]]) -> M | None:
    return next((c.record for c in candidates if c.exact), None)


def _exact_ids(candidates: Iterable[Candidate[Any]]) -> set[int]:
    return {c.record.pk for c in candidates if c.exact}


def _id_of(wanted: Any) -> int:
    """The id of a record that was chosen, as an instance or as it was entered; 0 for none and for `new`."""
    return whole_number(str(getattr(wanted, "pk", wanted))) or 0


def _open_opportunities(account: Account | None) -> list[Candidate[Opportunity]]:
    found = Opportunity.objects.open().filter(account=account).order_by("pk")[:5] if account else ()
    return [Candidate(opportunity, "open opportunity of this account", exact=True) for opportunity in found]


def _choose(wanted: M | str | None, candidates: list[Candidate[M]], ask: Ask) -> tuple[M | None, str]:
    """The record to use and how it came about; None when one is to be made."""
    if isinstance(wanted, models.Model):
        return wanted, f"chosen by {ask.actor}"
    match = next((c for c in candidates if c.exact), None)
    if wanted == NEW or match is None:
        return None, MADE
    return match.record, f"matched: {match.why}"


def _plan_next_step(opportunity: Opportunity, ask: Ask) -> None:
    """The next step of an opportunity that is used; another's plans are not overwritten (the receipt has the wish)."""
    if not ask.facts.get("next_step") or not may(ask.actor, "change", opportunity):
        return
    opportunity.next_step = ask.facts["next_step"]
    opportunity.next_step_due = ask.facts.get("next_step_due") or opportunity.next_step_due
    opportunity.save(update_fields=["next_step", "next_step_due"])


def _mention(candidate: Candidate[Any]) -> dict[str, Any]:
    return {"id": candidate.record.pk, "name": str(candidate.record), "why": candidate.why, "exact": candidate.exact}


def _copy(lead: Lead, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Values of the lead under the names they have elsewhere; what is empty is not copied."""
    return {target: getattr(lead, name) for target, name in pairs.items() if getattr(lead, name) not in ("", None)}


def _taken_address(lead: Lead, *, to: str) -> dict[str, Any]:
    """The lead's address under the names it has elsewhere, whole; what it has not got is not told as copied."""
    return {name: value for name, value in copied_address(lead, to=to).items() if value}


def _make_account(lead: Lead, name: str, ask: Ask, copied: dict[str, Any]) -> Account:
    values = _copy(lead, {name: name for name in ("industry", "employees", "website")})
    values |= _taken_address(lead, to="billing_")
    if "website" not in values and (domain := company_domain(lead)):
        values["website"] = f"https://{domain}"
    account = Account(name=name, owner=ask.facts.get("opportunity_owner") or lead.owner, **values)
    account.save()
    copied["account"] = {"name": name, **values}
    return account


def _make_contact(lead: Lead, account: Account, ask: Ask, copied: dict[str, Any]) -> Contact:
    same = ("first_name", "last_name", "title", "email", "phone", "mobile", "linkedin_url", "lead_source", "came_from")
    values = _copy(lead, {name: name for name in same} | {"personal_email": "second_email"})
    values |= _taken_address(lead, to="mailing_")
    owner = ask.facts.get("opportunity_owner") or lead.owner
    if not (lead.first_name or lead.last_name or lead.email):
        # Reached by LinkedIn alone and without a name: the URL is what they are called, as far as it fits.
        values["last_name"] = lead.linkedin_url.rpartition("://")[2][:100]
    contact = Contact(account=account, owner=owner, **values)
    contact.save()
    copied["contact"] = values
    return contact


def _make_opportunity(lead: Lead, account: Account, contact: Contact, ask: Ask) -> Opportunity:
    book, facts = handbook.current(), ask.facts
    today = book.today(ask.at)
    return create(
        Opportunity(
            stage=next(iter(Opportunity.entry_states())),
            name=f"{account.name[:250]} {today.year}",
            account=account,
            contact=contact,
            owner=facts["opportunity_owner"],
            type=facts.get("type") or "",
            amount=facts.get("amount"),
            close_on=facts.get("close_on") or today + timedelta(days=book.opportunity.close_days),
            next_step=facts["next_step"],
            next_step_due=facts["next_step_due"],
            lead_source=lead.lead_source,
            description=facts.get("note", ""),
        ),
        actor=ask.actor,
        at=ask.at,
        via=ask.via,
    )
