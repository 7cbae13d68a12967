"""The demo company: believable, the same every time, loaded once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Contact
from contracts.models import Contract, Opportunity
from crm.activities.models import Activity, NextTouch
from crm.demo.cast import DOMAIN, PASSWORD, PEOPLE
from crm.demo.clock import Calendar
from crm.demo.names import CUSTOMERS, PROSPECTS, person
from crm.history.models import Change, Move
from crm.people.models import Team, User
from leads.models import Conversion, Lead

pytestmark = pytest.mark.django_db
KINDS = (User, Team, Lead, Account, Contact, Opportunity, Contract, Activity, NextTouch, Conversion, Move, Change)


def counted() -> list[int]:
    """How many there are of each kind."""
    return [kind._base_manager.count() for kind in KINDS]


@pytest.mark.soak
def test_at_any_hour_a_second_run_adds_nothing_and_the_printed_logins_work(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Saturday, shortly after midnight."""
    when = datetime(2026, 11, 21, 8, 3, tzinfo=UTC)
    first, second = StringIO(), StringIO()
    with monkeypatch.context() as clock:
        clock.setattr(timezone, "now", lambda: when)
        call_command("load_demo", stdout=first)
        assert Lead.objects.exists()
        assert not Move.objects.filter(at__gt=when).exists()
        before = counted()
        call_command("load_demo", stdout=second)
    assert counted() == before
    assert first.getvalue() == second.getvalue()
    for _, _, local, _, _ in PEOPLE:
        assert f"{local}@{DOMAIN}" in first.getvalue()
        form = {"username": f"{local}@{DOMAIN}", "password": PASSWORD, "next": "/nowhere"}
        assert client.post("/admin/login/", form).status_code == 302, local
    assert PASSWORD in first.getvalue()


def test_production_refuses_it(settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="not in production"):
        call_command("load_demo")
    assert not User.objects.filter(email__endswith=DOMAIN).exists()


def test_names_are_invented_and_different() -> None:
    people = [(person(number).first_name, person(number).last_name) for number in range(280)]
    assert len(set(people)) == 280
    companies = [company.name for company in (*PROSPECTS, *CUSTOMERS)]
    assert len(set(companies)) == len(companies)
    assert all(company.domain.endswith(".example") for company in (*PROSPECTS, *CUSTOMERS))


def test_the_calendar_skips_weekends() -> None:
    friday = Calendar(datetime(2026, 3, 6, 20, tzinfo=UTC), ZoneInfo("America/Los_Angeles"))
    assert friday.day(1) == date(2026, 3, 9)
    assert friday.day(-5) == date(2026, 2, 27)
    saturday = Calendar(datetime(2026, 3, 7, 20, tzinfo=UTC), ZoneInfo("America/Los_Angeles"))
    assert (saturday.day(0), saturday.day(-1), saturday.day(1)) == (
        date(2026, 3, 7),
        date(2026, 3, 6),
        date(2026, 3, 9),
    )
    assert saturday.ago(0, 23) < saturday.now
