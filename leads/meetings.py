"""Meetings with leads of a company that have passed and of which nobody said what became."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import Account, AccountDomain
from crm import handbook
from crm.activities.meetings import Passed, knows_meetings
from crm.core.dialogs import url_of
from crm.core.permissions import may
from crm.people.models import User
from leads.models import Lead

MOST = 5


@knows_meetings
def with_leads(record: models.Model, user: User, at: datetime) -> Iterable[Passed]:
    """Of an account, the leads who write from one of its domains."""
    if not isinstance(record, Account):
        return
    domains = {record.domain_key, *AccountDomain.objects.filter(account=record).values_list("key", flat=True)} - {""}
    domains -= set(handbook.current().company.free_mail)
    theirs = Q(pk__in=[])
    for domain in domains:
        theirs |= Q(email_key__endswith=f"@{domain}")
    for lead in Lead.objects.meetings_without_outcome(at=at).filter(theirs).order_by("-meeting_at")[:MOST]:
        if lead.meeting_at is not None and may(user, "view", lead):
            yield Passed(str(lead), lead.meeting_at, address=url_of(lead, "change"))
