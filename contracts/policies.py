"""Who may do what to opportunities and contracts."""

from __future__ import annotations

from django.db import models

from contracts.models import ContactRole, Contract, Invoice, NextStep, Opportunity
from crm.core.permissions import policy
from crm.people.models import User
from crm.people.policies import record_rights

MOVES = ("advance", "step_back", "win", "lose")
CONTRACT_MOVES = ("send", "recall", "sign", "activate", "expire", "renew", "terminate")


@policy(Opportunity)
def opportunities(user: User, verb: str, record: models.Model | None) -> bool:
    """As every record; moves need what changing it needs; reopening a closed one, a manager."""
    if verb in MOVES:
        return record_rights(user, "change", record)
    if verb == "reopen":
        return user.is_manager
    return record_rights(user, verb, record)


@policy(Contract)
def contracts(user: User, verb: str, record: models.Model | None) -> bool:
    """As every record; moves need what changing it needs; reinstating a terminated one, a manager."""
    if verb == "reinstate":
        return user.is_manager
    return record_rights(user, "change" if verb in CONTRACT_MOVES else verb, record)


@policy(Invoice)
def invoices(user: User, verb: str, record: models.Model | None) -> bool:
    """Who may change the contract keeps its invoices."""
    if verb == "view":
        return bool(user.rights)
    if verb not in ("add", "change", "delete"):
        return False
    return record_rights(user, "change", record.contract if isinstance(record, Invoice) else None)


@policy(NextStep)
def next_steps(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees what was promised; nobody edits it: it is made by changing the opportunity."""
    return verb == "view" and bool(user.rights)


@policy(ContactRole)
def contact_roles(user: User, verb: str, record: models.Model | None) -> bool:
    """Who may change the opportunity says who is what to it."""
    if verb == "view":
        return bool(user.rights)
    if verb not in ("add", "change", "delete"):
        return False
    return record_rights(user, "change", record.opportunity if isinstance(record, ContactRole) else None)
