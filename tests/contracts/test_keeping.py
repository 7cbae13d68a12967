"""What the calendar does by itself: contracts become active, end, and renew; renewals are opened in time, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts import tasks
from contracts.keeping import keep_contracts
from contracts.models import Contract, Opportunity
from contracts.renewing import add_expansion, open_renewal, open_renewals
from crm import handbook
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.models import Move
from crm.jobs.schedule import SCHEDULE
from crm.notifications.models import Notification
from crm.people.models import User
from tests.contracts.making import DAY, TODAY, make_contract
from tests.factories import START, make_account, make_opportunity
from tests.races import in_thread, race, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db
SOON = TODAY + timedelta(days=60)


def status_of(contract: Contract) -> str:
    return str(Contract.objects.get(pk=contract.pk).status)


def test_contracts_become_active_and_end_by_the_calendar(now: datetime) -> None:
    starts = make_contract(status="signed", effective_date=TODAY)
    later = make_contract(status="signed", effective_date=TODAY + DAY)
    ends = make_contract(status="active", end_date=TODAY - DAY)
    last_day = make_contract(status="active", end_date=TODAY)
    late = make_contract(status="signed", effective_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
    draft = make_contract(effective_date=TODAY, end_date=TODAY + DAY)
    assert keep_contracts(at=now) == {"activate": 2, "renew": 0, "expire": 2}
    found = [status_of(one) for one in (starts, later, ends, last_day, late, draft)]
    assert found == ["active", "signed", "expired", "active", "expired", "draft"]
    step = Move.objects.of(starts).last()
    assert step is not None
    assert (step.actor_id, step.via, step.at) == (User.objects.system().pk, "task", now)
    assert keep_contracts(at=now) == {"activate": 0, "renew": 0, "expire": 0}


def test_beat_sends_the_task(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "contracts.tasks.keep" in {entry["task"] for entry in SCHEDULE.values()}
    monkeypatch.setattr("contracts.tasks.timezone.now", lambda: now)
    contract = make_contract(status="signed", effective_date=TODAY)
    ending = make_contract(status="active", end_date=SOON)
    tasks.keep()
    assert status_of(contract) == "active"
    assert Opportunity.objects.get(renews=ending)


def test_one_that_renews_by_itself_is_followed_by_another_term(now: datetime) -> None:
    account = make_account()
    old = make_contract(
        status="active",
        account=account,
        effective_date=date(2025, 3, 1),
        end_date=date(2026, 2, 28),
        auto_renew=True,
        amount=Decimal(500),
        hosts=40,
        notice_days=30,
        terms="Escrow",
    )
    assert keep_contracts(at=now) == {"activate": 1, "renew": 1, "expire": 0}
    new = Contract.objects.exclude(pk=old.pk).get()
    assert (status_of(old), new.status) == ("expired", "active")
    assert (new.effective_date, new.end_date, new.close_date) == (date(2026, 3, 1), date(2027, 2, 28), old.end_date)
    assert (new.amount, new.hosts, new.notice_days, new.terms, new.auto_renew) == (Decimal(500), 40, 30, "Escrow", True)
    assert keep_contracts(at=now) == {"activate": 0, "renew": 0, "expire": 0}
    assert Contract.objects.count() == 2


def test_one_behind_by_several_terms_catches_up(now: datetime) -> None:
    dates: dict[str, Any] = {"effective_date": date(2022, 1, 1), "end_date": date(2022, 12, 31)}
    make_contract(status="active", auto_renew=True, **dates)
    assert keep_contracts(at=now) == {"activate": 4, "renew": 4, "expire": 0}
    assert sorted(Contract.objects.values_list("status", flat=True)) == ["active"] + ["expired"] * 4


@pytest.mark.parametrize("stage", ["closed_lost", "closed_won"])
def test_it_is_not_renewed_by_itself_once_its_renewal_is_decided(now: datetime, stage: str) -> None:
    old = make_contract(status="active", end_date=TODAY - DAY, effective_date=date(2025, 1, 1), auto_renew=True)
    renewal = make_opportunity(account=old.account, renews=old, stage=stage)
    if stage == "closed_won":
        make_contract(status="active", account=old.account, opportunity=renewal)
    before = Contract.objects.count()
    assert keep_contracts(at=now) == {"activate": 0, "renew": 0, "expire": 1}
    assert Contract.objects.count() == before


def test_its_open_renewal_gets_the_contract_that_follows(now: datetime) -> None:
    old = make_contract(status="active", end_date=TODAY - DAY, effective_date=date(2025, 3, 4), auto_renew=True)
    renewal = make_opportunity(account=old.account, renews=old, stage="discovery")
    keep_contracts(at=now)
    assert Contract.objects.get(opportunity=renewal).status == "active"


def test_without_a_term_it_ends(now: datetime) -> None:
    odd: dict[str, Any] = {"effective_date": date(2026, 1, 5), "end_date": TODAY - DAY}
    contract = make_contract(status="active", auto_renew=True, **odd)
    assert contract.term_months is None
    assert keep_contracts(at=now)["expire"] == 1
    assert status_of(contract) == "expired"


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_work(now: datetime) -> None:
    """The second takes what the first has not locked, and nothing is moved twice."""
    contracts = [make_contract(status="signed", effective_date=TODAY) for _ in range(3)]
    with second_connection() as other:
        other.execute("SELECT FROM contracts_contract WHERE id = %s FOR UPDATE", [contracts[0].pk])
        assert keep_contracts(at=now)["activate"] == 2
        other.rollback()
    assert keep_contracts(at=now)["activate"] == 1
    assert Move.objects.filter(verb="activate").count() == 3


# --- renewals ---------------------------------------------------------------------------------------------------------


def test_a_renewal_is_opened_in_time(alice: User, ann: User, now: datetime) -> None:
    account = make_account(name="Initech", owner=alice)
    sale = make_opportunity(account=account, owner=ann)
    contract = make_contract(
        status="active",
        account=account,
        opportunity=sale,
        end_date=SOON,
        effective_date=date(2025, 5, 4),
        amount=Decimal(900),
        currency="EUR",
        hosts=70,
        payment_terms="net_30",
    )
    assert open_renewals(at=now) == 1
    made = Opportunity.objects.get(renews=contract)
    assert (made.name, made.type, made.stage, made.owner) == ("Initech 2026 renewal", "renewal", "meeting_set", ann)
    assert (made.amount, made.currency, made.hosts, made.payment_terms) == (Decimal(900), "EUR", 70, "net_30")
    assert (made.close_on, made.effective_on) == (SOON, SOON + DAY)
    assert made.ends_on == date(2027, 5, 3)
    assert made.next_step
    assert made.next_step_due == TODAY + timedelta(days=7)
    told = Notification.objects.get(to=ann)
    assert told.title == "Renewal opened: Initech 2026 renewal"
    assert open_renewals(at=now) == 0
    assert open_renewals(at=now + timedelta(days=1)) == 0
    assert Notification.objects.count() == 1


def test_it_is_opened_as_many_days_before_as_the_handbook_says(now: datetime) -> None:
    days = handbook.current().contract.renewal_days
    make_contract(status="active", end_date=TODAY + timedelta(days=days + 1))
    assert open_renewals(at=now) == 0
    assert open_renewals(at=now + timedelta(days=1)) == 1


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("terminated", {"end_date": SOON}),
        ("expired", {}),
        ("draft", {"end_date": SOON}),
        ("active", {"end_date": TODAY - DAY}),
        ("active", {"end_date": None}),
    ],
)
def test_none_is_opened_for_what_does_not_go_on(now: datetime, status: str, fields: dict[str, Any]) -> None:
    make_contract(status=status, **fields)
    assert open_renewals(at=now) == 0


def test_one_made_by_hand_is_the_renewal(now: datetime) -> None:
    contract = make_contract(status="active", end_date=SOON)
    make_opportunity(account=contract.account, renews=contract, stage="closed_lost")
    assert open_renewals(at=now) == 0


def test_an_owner_who_left_owns_no_renewal(alice: User, now: datetime) -> None:
    account = make_account(owner=alice)
    gone = make_opportunity(
        account=account, owner=User.objects.create(email="g@example.com", role="ae", is_active=False)
    )
    contract = make_contract(status="active", account=account, opportunity=gone, end_date=SOON)
    open_renewals(at=now)
    assert Opportunity.objects.get(renews=contract).owner == alice


def test_expansions_that_end_with_it_are_renewed_with_it(now: datetime) -> None:
    base = make_contract(status="active", end_date=SOON, amount=Decimal(100), hosts=10)
    more = make_opportunity(account=base.account, amends=base)
    added: dict[str, Any] = {"account": base.account, "opportunity": more}
    make_contract(status="active", end_date=SOON, amount=Decimal(30), hosts=3, **added)
    own = make_contract(status="active", end_date=SOON, amount=Decimal(7), currency="EUR", **added)
    assert open_renewals(at=now) == 2
    renewal = Opportunity.objects.get(renews=base)
    assert (renewal.amount, renewal.hosts) == (Decimal(130), 13)
    assert Opportunity.objects.get(renews=own).amount == Decimal(7)


def test_with_people_who_are_not_to_be_contacted_it_is_opened_without_a_next_step(mona: User, now: datetime) -> None:
    account = make_account(website="https://globex.example")
    contract = make_contract(status="active", account=account, end_date=SOON)
    suppress(actor=mona, at=START, via="test", reason="company_asked", domains=["globex.example"])
    assert open_renewals(at=now) == 1
    made = Opportunity.objects.get(renews=contract)
    assert (made.next_step, made.next_step_due) == ("", None)


@pytest.mark.django_db(transaction=True)
def test_two_workers_open_one_renewal(now: datetime) -> None:
    contract = make_contract(status="active", end_date=SOON)
    made = race(
        lambda: open_renewal(contract.pk, at=now),
        lambda: open_renewal(contract.pk, at=now),
        behind="LOCK TABLE contracts_contract IN ACCESS EXCLUSIVE MODE",
    )
    assert not [one for one in made if isinstance(one, Exception)]
    assert Opportunity.objects.filter(renews=contract).count() == 1
    assert sum(one is not None for one in made) == 1


@pytest.mark.django_db(transaction=True)
def test_one_entered_by_hand_at_the_same_moment_keeps_the_task_off(now: datetime) -> None:
    contract = make_contract(status="active", end_date=SOON)
    with ThreadPoolExecutor(1) as pool, second_connection() as gate:
        gate.execute("SELECT FROM contracts_contract WHERE id = %s FOR UPDATE", [contract.pk])
        by_hand = in_thread(pool, lambda: make_opportunity(account=contract.account, renews=contract))
        try:
            wait_until_blocked(1)
            assert open_renewal(contract.pk, at=now) is None
        finally:
            gate.rollback()
        assert by_hand.result(timeout=30)
    assert open_renewals(at=now) == 0
    assert Opportunity.objects.filter(renews=contract).count() == 1


def test_what_breaks_halfway_leaves_nothing_and_is_made_up_for(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract(
        status="active", end_date=SOON, owner=User.objects.create(email="o@example.com", role="ae")
    )

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("stopped")

    with monkeypatch.context() as broken:
        broken.setattr("contracts.renewing.notify", fail)
        with pytest.raises(RuntimeError):
            open_renewals(at=now)
    assert not Opportunity.objects.filter(renews=contract).exists()
    assert open_renewals(at=now) == 1


# --- expansions -------------------------------------------------------------------------------------------------------


def test_an_expansion_ends_with_the_contract_it_amends(alice: User, now: datetime) -> None:
    contract = make_contract(status="active", owner=alice, currency="EUR", payment_terms="net_45")
    step = {"next_step": "Send the quote", "next_step_due": TODAY + DAY}
    made = add_expansion(contract, hosts=25, amount=Decimal(10), actor=alice, at=now, via="test", **step)  # type: ignore[arg-type]
    assert (made.type, made.amends, made.hosts, made.ends_on) == ("expansion", contract, 25, contract.end_date)
    assert (made.effective_on, made.currency, made.payment_terms, made.owner) == (TODAY, "EUR", "net_45", alice)
    assert "2026" in made.name


@pytest.mark.parametrize("status", ["draft", "sent", "expired", "terminated"])
def test_only_a_running_contract_is_expanded(alice: User, now: datetime, status: str) -> None:
    contract = make_contract(status=status, owner=alice)
    with pytest.raises(Refused) as refused:
        add_expansion(contract, hosts=1, amount=None, next_step="", next_step_due=None, actor=alice, at=now, via="test")
    assert refused.value.code == "not_running"


def test_who_may_not_change_a_contract_may_not_expand_it(alice: User, charlie: User, now: datetime) -> None:
    contract = make_contract(status="active", owner=alice)
    with pytest.raises(Refused) as refused:
        add_expansion(
            contract, hosts=1, amount=None, next_step="", next_step_due=None, actor=charlie, at=now, via="test"
        )
    assert refused.value.code == "forbidden"


def test_a_change_of_the_end_date_is_seen(alice: User, now: datetime) -> None:
    contract = make_contract(status="active", owner=alice, end_date=TODAY - DAY)
    with acting(actor=alice, via="test", at=now):
        contract.end_date, contract.term_months = date(2026, 12, 31), None
        contract.save(update_fields=["end_date", "term_months"])
    assert keep_contracts(at=now)["expire"] == 0
