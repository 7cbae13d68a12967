"""Closed do not contact: what closing a lead suppresses, and what lifting it lifts (L11, D1, D5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crm import handbook
from crm.activities.models import SuppressedKey, Suppression
from crm.activities.naming import Named
from crm.activities.suppressing import Row, fit, lift, scope_of, suppress_many
from crm.core.errors import Refused
from crm.core.flow import Ask, Verb

if TYPE_CHECKING:
    from leads.models import Lead

Kind = SuppressedKey.Kind


def refuse_batch(count: int, info: Verb, ask: Ask) -> Refused | None:
    """More than the handbook's number at once takes a manager (D5)."""
    most = handbook.current().lead.do_not_contact_at_once
    if info.name != "do_not_contact" or count <= most or ask.actor.is_manager:
        return None
    return Refused("needs_manager", f"Closing more than {most} at once as do not contact takes a manager.")


def named_by(lead: Lead, reason: str) -> list[Named]:
    """What a suppression by this reason holds on to of this lead: by its stored keys, as the database matches them."""
    from leads.conversion import company_domain

    scope = scope_of(reason)
    if scope == Suppression.Scope.DOMAIN:
        domain = company_domain(lead)
        # Without a domain that is its own, nothing: what many companies share names none of them.
        return [Named(Kind.DOMAIN, domain, domain)] if "." in domain else []
    pairs = (
        (Kind.EMAIL, lead.email, lead.email_key),
        # A bad address is one: the other is not known to be.
        *(((Kind.EMAIL, lead.second_email, lead.second_email_key),) if scope != Suppression.Scope.ADDRESS else ()),
        (Kind.LINKEDIN, lead.linkedin_url, lead.linkedin_key),
        (Kind.PHONE, lead.phone, lead.phone_key),
        (Kind.PHONE, lead.mobile, lead.mobile_key),
    )
    named = {(kind, key): Named(kind, value, key) for kind, value, key in pairs if key}
    return fit(named.values(), scope)


def suppress_leads(leads: Sequence[Lead], ask: Ask) -> None:
    """Suppress whom these leads name, as far as the reason goes; all of them in a few statements."""
    reason = str(ask.facts["do_not_contact_reason"])
    rows = [
        Row(tuple(named_by(lead, reason)), reason, ask.at, ask.reason, f"Closed lead {lead.pk}", lead.pk)
        for lead in leads
    ]
    suppress_many(rows, actor=ask.actor, at=ask.at, via=ask.via)


def lift_leads(leads: Sequence[Lead], ask: Ask) -> None:
    """Lift what closing these leads suppressed; what others said of the same people stands."""
    own = Suppression.objects.in_force().filter(closed_lead__in=[lead.pk for lead in leads])
    for suppression in own.prefetch_related("keys").order_by("pk"):
        lift(suppression, actor=ask.actor, at=ask.at, via=ask.via, reason=ask.reason)
