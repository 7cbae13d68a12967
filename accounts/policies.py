"""Who may do what to accounts and contacts."""

from __future__ import annotations

from django.db import models

from accounts.models import Account, AccountDomain, Contact, DriChange, DriChangeStep
from crm.core.permissions import policy
from crm.people.models import User
from crm.people.policies import record_rights


@policy(Account, Contact)
def accounts(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees all; one's own, one's team's and unowned ones are edited; managers edit and delete."""
    return record_rights(user, verb, record)


@policy(AccountDomain, DriChange, DriChangeStep)
def parts(user: User, verb: str, record: models.Model | None) -> bool:
    """Who may change the account may change what belongs to it."""
    if verb == "view":
        return bool(user.rights)
    if verb not in ("add", "change", "delete"):
        return False
    if isinstance(record, DriChangeStep):
        record = record.change
    return record_rights(user, "change", record.account if isinstance(record, AccountDomain | DriChange) else None)
