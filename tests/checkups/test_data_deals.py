"""What is stored of opportunities and contracts, held against the handbook: each rule sees what is wrong, and no more.

That every rule means the same in plain Python is held by `test_twins`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.models import Contract, Opportunity
from contracts.stages import criteria_before, stage_keys
from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Run
from crm.checkups.rules import Look, Outcome, rule_of
from crm.checkups.running import start_run
from crm.checkups.storing import settle
from crm.core.acting import acting
from crm.core.door import move
from crm.people.models import User
from tests.conftest import NOW
from tests.contracts.deals import facts_for
from tests.contracts.making import TODAY, make_contract, make_invoice
from tests.factories import START, make_account, make_contact, make_opportunity

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def look(rule: str, *, days: int = 0) -> Outcome:
    """One look of a rule, so many days after now."""
    known = rule_of(rule)
    assert known is not None
    outcome = look_at(known, Look(NOW + timedelta(days=days), handbook.current()))
    assert not outcome.crash, outcome.crash
    return outcome


def found(rule: str, *, days: int = 0) -> set[tuple[int, str]]:
    """The records that a rule finds, with the detail."""
    return {(one.record.pk, one.detail) for one in look(rule, days=days).sights if one.record is not None}


def planned(**fields: Any) -> Opportunity:
    """An open opportunity as it should be."""
    values: dict[str, Any] = {"next_step": "Call them", "next_step_due": TODAY, "close_on": TODAY}
    return make_opportunity(**{**values, **fields})


def force(record: Opportunity | Contract, **values: Any) -> None:
    """Write what no door takes, as another system's row has it."""
    with acting(actor=User.objects.system(), via="test", at=START):
        type(record)._default_manager.filter(pk=record.pk).update(**values)


def test_names_carry_the_year() -> None:
    planned(name="Acme 2026")
    planned(name="2027: Acme")
    without, number, digits = planned(name="Acme"), planned(name="Acme 120261"), planned(name="Acme 20٢٦")
    assert found("data.opportunity_name") == {(without.pk, ""), (number.pk, ""), (digits.pk, "")}
    assert rule_of("data.opportunity_name").fix == "add_year"  # type: ignore[union-attr]


def test_what_is_open_has_a_next_step_with_a_due_date_that_has_not_passed() -> None:
    planned()
    make_opportunity(stage="closed_lost")
    none, undated = planned(next_step="", next_step_due=None), planned(next_step_due=None)
    late = planned(next_step_due=TODAY - DAY)
    forgotten = planned(next_step="", next_step_due=TODAY - DAY)
    wanted = {(none.pk, "next_step"), (undated.pk, "next_step_due"), (forgotten.pk, "next_step")}
    assert found("data.opportunity_next_step") == wanted
    assert found("data.next_step_overdue") == {(late.pk, "")}
    (sight,) = look("data.next_step_overdue").sights
    assert sight.found == "Due on 2026-03-03"


def test_a_next_step_rewritten_again_and_again_in_one_stage_is_told_until_the_stage_changes(alice: User) -> None:
    words, patient = planned(owner=alice), planned(owner=alice)
    for record, times in ((words, 4), (patient, 3)):
        for n in range(times):
            with acting(actor=alice, via="test", at=START + DAY):
                record.next_step = f"Call them again, {n}"
                record.save(update_fields=["next_step"])
    (sight,) = look("data.next_step_rewritten").sights
    assert (sight.record, sight.found) == (words, "Rewritten 4 times in Meeting set")
    move(words, "advance", actor=alice, at=NOW, via="test", **facts_for(words, "advance", NOW))
    assert found("data.next_step_rewritten") == set()


def test_what_is_open_moves_on_and_is_expected_to_close_on_a_day_to_come() -> None:
    slow, past = planned(), planned(close_on=TODAY - DAY)
    dateless = planned(stage="proof_of_value", close_on=None)
    make_opportunity(stage="closed_lost", close_on=None)
    make_opportunity(stage="closed_lost", close_on=TODAY - DAY)
    assert found("data.close_date_passed") == {(past.pk, ""), (dateless.pk, "missing")}
    # Three weeks in the first stage, forty-five days in the other; it was the third day when the looks began.
    assert found("data.opportunity_in_stage", days=18) == set()
    assert found("data.opportunity_in_stage", days=19) == {(slow.pk, ""), (past.pk, "")}
    assert look("data.opportunity_in_stage", days=44).total == 3


def test_what_is_won_has_a_contract_that_was_signed() -> None:
    won, drafted, ended = (make_opportunity(stage="closed_won") for _ in range(3))
    make_contract(account=drafted.account, opportunity=drafted)
    make_contract(account=ended.account, opportunity=ended, status="terminated")
    assert found("data.won_without_contract") == {(won.pk, ""), (drafted.pk, "")}


def test_what_was_placed_lacks_what_the_moves_to_its_stage_ask_for(alice: User) -> None:
    met = [one.key for _, one in criteria_before("scope")]
    placed = planned(stage="scope", criteria_met=met[:-1])
    planned(stage="scope", criteria_met=met)
    lost = make_opportunity(stage="closed_lost")
    renewal = make_opportunity(stage="closed_lost", lost_reason="price", type="renewal")
    # Not placed: the moves ask for it when it is moved.
    made = planned(type="renewal", owner=alice)
    move(made, "advance", actor=alice, at=NOW, via="test", **facts_for(made, "advance", NOW))
    wanted = {(placed.pk, "criteria"), (lost.pk, "needs_lost_reason"), (renewal.pk, "needs_renews")}
    assert found("data.opportunity_facts") == wanted
    # Nine criteria that nobody was asked for are one fact, and one finding.
    won = make_opportunity(stage="closed_won")
    sights = {one.record.pk: one for one in look("data.opportunity_facts").sights if one.record}
    assert look("data.opportunity_facts").total == len(wanted) + 1
    for stage, one in criteria_before(stage_keys("won")[0]):
        assert f"{one.label} ({stage.label})" in sights[won.pk].found
    assert sights[placed.pk].found.count("(") == 1


def test_dates_of_signed_contracts_are_in_order() -> None:
    fine = make_contract(status="active")
    make_invoice(fine, sent_on=fine.close_date)
    make_contract(close_date=date(2026, 2, 1), effective_date=date(2026, 1, 1))  # a draft: nothing is agreed yet
    late = make_contract(status="active", close_date=date(2026, 1, 2))
    early = make_contract(status="active")
    make_invoice(early, sent_on=date(2025, 11, 30))
    make_invoice(early, sent_on=date(2026, 1, 1))
    after = make_contract(status="terminated", terminated_on=date(2027, 1, 2))
    before = make_contract(status="terminated", terminated_on=date(2026, 1, 5), close_date=date(2026, 1, 6))
    wanted = {(late.pk, "signed_after_start"), (early.pk, "invoice_before_signature")}
    wanted |= {(after.pk, "terminated_after_end"), (before.pk, "terminated_before_close")}
    # It was signed after the service started as well.
    assert found("data.contract_dates") == wanted | {(before.pk, "signed_after_start")}
    said = {one.detail: one.found for one in look("data.contract_dates").sights}
    assert said["invoice_before_signature"].endswith("before the last party signed (2025-12-01).")


def test_signed_contracts_have_their_dates_and_an_invoice_in_time() -> None:
    make_contract()
    billed = make_contract(status="active")
    make_invoice(billed, sent_on=TODAY)
    free = make_contract(status="active", amount=0)
    bare = make_contract(status="signed", signing="", close_date=None, effective_date=None, end_date=None)
    ended = make_contract(status="terminated", terminated_on=None)
    unbilled = make_contract(status="active")
    make_invoice(unbilled)
    names = ("close_date", "effective_date", "end_date", "signing")
    assert found("data.contract_facts") == {*((bare.pk, name) for name in names), (ended.pk, "terminated_on")}
    assert found("data.contract_invoice") == {(unbilled.pk, "")}
    assert free.pk not in {pk for pk, _ in found("data.contract_invoice", days=90)}
    recent = make_contract(status="active", effective_date=TODAY - 30 * DAY)
    assert (recent.pk, "") not in found("data.contract_invoice")
    assert (recent.pk, "") in found("data.contract_invoice", days=1)


def test_amounts_are_in_a_currency_that_has_a_rate_on_their_day() -> None:
    planned(amount=10), planned(amount=10, currency="EUR", close_on=None), planned(currency="JPY")
    make_opportunity(stage="closed_lost", amount=10, currency="JPY")
    yen, odd = planned(amount=10, currency="JPY"), planned(amount=10, currency="US$")
    make_contract(status="active", amount=10, currency="GBP")
    old = make_contract(status="active", amount=10, currency="GBP", close_date=date(2019, 12, 31))
    assert found("data.amount_currency") == {(yen.pk, "rate"), (odd.pk, "currency"), (old.pk, "rate")}


def test_an_opportunity_its_contact_and_its_contracts_are_of_one_account() -> None:
    account, other, partner = make_account(), make_account(), make_account(type="partner")
    planned(account=account, contact=make_contact(account=account), renews=make_contract(account=account))
    planned(account=account, contact=make_contact())
    planned(account=account, contact=make_contact(account=partner), reseller=partner)
    stranger = planned(account=account, contact=make_contact(account=other), reseller=partner)
    crossed = planned(account=account)
    force(make_contract(account=account, opportunity=crossed), account=other)
    renewed = planned(account=account, renews=make_contract(account=other))
    amended = planned(account=account, amends=make_contract(account=other))
    wanted = {(stranger.pk, "contact"), (crossed.pk, "contracts"), (renewed.pk, "renews"), (amended.pk, "amends")}
    assert found("data.opportunity_account") == wanted


def test_resellers_are_partners_and_never_the_customer() -> None:
    partner, customer = make_account(type="partner"), make_account()
    planned(reseller=partner)
    bad, same = planned(reseller=customer), planned(account=customer, reseller=customer)
    contract = make_contract(status="active", reseller=customer)
    sights = look("data.reseller").sights
    assert {(one.record, one.detail) for one in sights} == {(bad, "type"), (same, "same"), (contract, "type")}


def test_what_is_found_closes_when_it_is_put_right(root: User) -> None:
    record = planned(name="Acme")
    for name, state in (("Acme", Finding.State.OPEN), ("Acme 2026", Finding.State.FIXED)):
        force(record, name=name)
        run = start_run(why=Run.Why.ASKED, by=root, at=NOW, rules=["data.opportunity_name"], woken=False)
        settle(look("data.opportunity_name"), run=run, at=NOW)
        assert Finding.objects.get().state == state
