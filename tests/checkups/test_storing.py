"""Findings outlive the run that saw them: the same thing seen again is the same finding, and closes by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Result, Run
from crm.checkups.rules import Look, rule_of
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.people.models import User
from tests.factories import make_lead

pytestmark = pytest.mark.django_db
LATER = timezone.now() + timedelta(days=3)


def look(day: int = 0) -> Result:
    """One look of the rule about leads without an owner, stored."""
    rule = rule_of("data.lead_without_owner")
    assert rule is not None
    at = LATER + timedelta(days=day)
    run = start_run(why=Run.Why.ASKED, by=User.objects.system(), at=at, rules=[rule.id], woken=False)
    return settle(look_at(rule, Look(at, handbook.current())), run=run, at=at)


def test_a_finding_stays_the_same_closes_by_itself_and_comes_back(alice: User) -> None:
    lead = make_lead(owner=None)
    first = look()
    assert (first.total, first.new, first.open, first.looked_at) == (1, 1, 1, 1)
    again = look(1)
    finding = Finding.objects.get()
    assert (again.new, again.open, finding.subject) == (0, 1, f"lead:{lead.pk}")
    lead.owner = alice
    lead.save(update_fields=["owner"])
    gone = look(2)
    finding.refresh_from_db()
    assert (gone.total, gone.gone, finding.state) == (0, 1, Finding.State.FIXED)
