"""Findings for tests: found by the real rules on real records, or about a part of the installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from contracts.models import Opportunity
from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Result, Run
from crm.checkups.rules import Look, rule_of
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.core.acting import acting
from crm.people.models import User
from tests.factories import make_lead, make_opportunity

# The real clock writes what the database fills in; everything else happens after that.
AT = timezone.now() + timedelta(days=3)
NO_OWNER, NO_YEAR, DRIFT, WORD = (
    "data.lead_without_owner",
    "data.opportunity_name",
    "configuration.workspace_drift",
    "data.words_left",
)


def look(rule: str, at: datetime = AT) -> Result:
    """One look of a rule, stored."""
    found = rule_of(rule)
    assert found is not None
    run = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=[rule], woken=False)
    return settle(look_at(found, Look(at, handbook.current())), run=run, at=at)


def find_ownerless() -> Finding:
    """A finding on a lead that nobody owns."""
    lead = make_lead(owner=None)
    look(NO_OWNER)
    return Finding.objects.get(rule=NO_OWNER, record_id=lead.pk)


def find_yearless(owner: User | None = None, **fields: Any) -> tuple[Finding, Opportunity]:
    """A finding on an opportunity whose name has no year."""
    sale = make_opportunity(owner=owner, **{"close_on": AT.date().replace(year=2027, month=5, day=1), **fields})
    with acting(actor=User.objects.system(), via="import", at=AT):
        sale.name = f"Initech renewal {chr(65 + sale.pk % 26)}"
        sale.save(update_fields=["name"])
    look(NO_YEAR)
    return Finding.objects.get(rule=NO_YEAR, record_id=sale.pk), sale
