"""What the demo company has in it: loaded once, and every test looks at the same.

In the long form it is loaded in part before that, to compare.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import F

from accounts.models import Account, Contact
from contracts.models import Contract, Invoice, Opportunity
from contracts.signing import ContractStatus
from contracts.standing import types_of
from contracts.terms import impossible
from crm.activities.models import Activity, NextTouch
from crm.clocks.models import Clock
from crm.demo.load import load_demo
from crm.demo.work import work_with
from crm.duplicates.finding import likely
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.history.models import Change, Move
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.conftest import NOW
from tests.demo.test_load_demo import counted

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Loaded:
    """When it was loaded, the last change from before, what two loads told of the leads, and what a failure left."""

    at: datetime
    after: int
    told: list[list[Any]]
    counted: list[list[int]]


@pytest.fixture(scope="module")
def once(django_db_setup: None, django_db_blocker: Any) -> Iterator[Loaded]:
    """Loaded once for all tests here, as it takes seconds, in a transaction around them.

    Before that a load fails once the leads are there; they are compared at the same moment of both.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        migrated = Change.objects.latest("pk").pk  # the system's user and the workspace, made by migrating
        told: list[list[Any]] = []
        counts = [counted()]

        def look(*given: Any) -> None:
            told.append(told_of_leads())
            if len(told) == 1:
                counts.append(counted())
                raise RuntimeError
            work_with(*given)

        with pytest.MonkeyPatch.context() as patch:
            if os.environ.get("CRM_SOAK"):
                patch.setattr("crm.demo.load.work_with", look)
                with pytest.raises(RuntimeError):
                    load_demo(at=NOW)
                counts.append(counted())
            assert load_demo(at=NOW)
        yield Loaded(at=NOW, after=migrated, told=told, counted=counts)
        transaction.set_rollback(True)


def told_of_leads() -> list[Any]:
    """Who they are, and since when they are where."""
    return list(Lead.objects.order_by("pk").values_list("first_name", "email", "status", "status_since"))


@pytest.fixture
def loaded(once: Loaded, db: None) -> datetime:
    """When it was loaded; what a test writes is gone after it."""
    return once.at


def test_a_second_load_adds_nothing(loaded: datetime) -> None:
    before = counted()
    assert not load_demo(at=loaded)
    assert counted() == before


@pytest.mark.soak
def test_it_is_the_same_every_time(once: Loaded) -> None:
    assert once.told[0] == once.told[1] != []


@pytest.mark.soak
def test_it_leaves_nothing_when_it_fails_halfway(once: Loaded) -> None:
    before, halfway, after = once.counted
    assert after == before != halfway


def test_every_list_and_box_has_something(loaded: datetime) -> None:
    today = loaded.astimezone(ZoneInfo("America/Los_Angeles")).date()
    start = datetime.combine(today, datetime.min.time(), tzinfo=ZoneInfo("America/Los_Angeles"))
    assert {lead.status for lead in Lead.objects.all()} == set(Status)
    assert Lead.objects.count() >= 60
    assert Lead.objects.unowned().exists()
    assert Lead.objects.come_backs(today=today).count() == 3
    assert Lead.objects.meetings_between(start, start + timedelta(days=1)).count() == 2
    assert Lead.objects.meetings_without_outcome(at=start).count() == 2
    assert NextTouch.objects.filter(due_on__lt=today).exists()
    assert NextTouch.objects.filter(due_on=today).exists()
    assert NextTouch.objects.filter(due_on__gt=today).exists()
    assert Account.objects.count() >= 15
    assert 18 <= Opportunity.objects.count() <= 25
    assert {o.stage for o in Opportunity.objects.all()} >= set(Opportunity.open_states())
    assert Contract.objects.filter(effective_date__isnull=False, invoices__sent_on__isnull=False).count() >= 5
    assert sorted(Conversion.objects.values_list("state", flat=True)) == [
        "accepted",
        "accepted",
        "handed_over",
        "returned",
    ]


def test_there_is_a_request_in_every_state_that_one_can_be_in(loaded: datetime) -> None:
    note_responses(at=loaded)
    clocks = Clock.objects.filter(enquiry__isnull=False)
    assert Enquiry.objects.count() >= 12
    assert clocks.filter(stopped_at__lte=F("limit_at")).count() >= 4
    assert clocks.filter(stopped_at__gt=F("limit_at")).count() == 1
    assert clocks.running().filter(limit_at__lt=loaded).exists()
    assert clocks.running().filter(limit_at__gt=loaded, limit_at__lt=loaded + timedelta(hours=2)).exists()
    assert clocks.filter(paused_at__isnull=False, stopped_at=None).count() == 1
    assert Enquiry.objects.filter(voided_at__isnull=False).count() == 1
    alone = Enquiry.objects.get(lead=None, contact=None)
    assert alone.waits_in is not None
    assert set(clocks.filter(channel="support").values_list("segment", flat=True)) == {"customer"}
    assert not Enquiry.objects.filter(received_at__gt=loaded).exists()


def test_the_past_is_one_that_people_could_have_had(loaded: datetime, once: Loaded) -> None:
    assert not Move.objects.filter(at__gt=loaded).exists()
    assert not Change.objects.filter(at__gt=loaded, pk__gt=once.after).exists()
    assert not Activity.objects.filter(happened_at__gt=loaded).exists()
    assert not Contract.objects.filter(close_date__gt=loaded.date()).exists()
    for lead in Lead.objects.all():
        moves = list(Move.objects.of(lead))
        times = [lead.created_at, *(step.at for step in moves)]
        assert times == sorted(times), lead
        if moves:
            assert (moves[-1].to_state, lead.status_since) == (lead.status, moves[-1].at)
    assert not Move.objects.filter(verb="place").exists()
    assert set(Move.objects.exclude(via="task").values_list("actor_name", flat=True)) == {
        "Sam Ortega", "Priya Raman", "Leo Brandt", "Alex Kim", "Nora Silva", "Maya Cole",
    }  # fmt: skip


def test_there_is_a_contract_in_every_status_and_a_customer_of_every_kind(loaded: datetime) -> None:
    assert {contract.status for contract in Contract.objects.all()} == {str(status) for status in ContractStatus}
    assert Contract.objects.filter(currency="EUR", reseller__type="partner").exists()
    assert Invoice.objects.filter(paid_on=None).exists()
    assert Invoice.objects.filter(paid_on__isnull=False).exists()
    today = loaded.astimezone(ZoneInfo("America/Los_Angeles")).date()
    assert not Contract.objects.filter(status="signed", effective_date__lte=today).exists()
    assert not Contract.objects.filter(status="active", end_date__lt=today).exists()
    types = types_of(list(Account.objects.values_list("pk", flat=True)), loaded)
    by_name = {account.name: types[account.pk] for account in Account.objects.all()}
    assert by_name["Overstrand Media"] == "customer"  # in its days of grace
    assert by_name["Vellum Legal"] == "former_customer"
    assert by_name["Juniper Hill Schools"] == "former_customer"
    assert by_name["Fairlead Resale"] == "partner"
    ended = Contract.objects.get(account__name="Overstrand Media")
    assert ended.status == "expired"
    assert not Opportunity.objects.filter(type="renewal", renews=None).exists()
    for contract in Contract.objects.all():
        assert not list(impossible(contract.dates)), contract


def test_no_two_of_its_accounts_or_contacts_pass_for_one(loaded: datetime) -> None:
    for kind in (Account, Contact):
        found = likely(list(kind._base_manager.all()))
        assert [one for those in found.values() for one in those if "phone" in one.why] == []
