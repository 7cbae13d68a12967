"""A contract from draft to its end, by the one door."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from contracts.models import Contract
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.history.models import Move
from crm.people.models import User
from tests.contracts.making import DAY, TODAY, make_contract, make_invoice
from tests.factories import make_account, make_opportunity
from tests.history.undo import said, undo

pytestmark = pytest.mark.django_db


def codes(contract: Contract, verb: str, actor: User, at: datetime, reason: str = "", **facts: Any) -> tuple[str, ...]:
    """What a move is refused with; nothing when it is made."""
    try:
        move(contract, verb, actor=actor, at=at, via="test", reason=reason, **facts)
    except Refused as refusal:
        return refusal.codes
    return ()


def test_it_goes_from_draft_to_active(alice: User, now: datetime) -> None:
    contract = make_contract(owner=alice, effective_date=TODAY, term_months=12, signing="")
    for verb, status in (("send", "sent"), ("recall", "draft"), ("send", "sent")):
        move(contract, verb, actor=alice, at=now, via="test")
        assert contract.status == status
    move(contract, "sign", actor=alice, at=now, via="test", close_date=TODAY - DAY, signing="online")
    assert (contract.status, contract.close_date, contract.signing) == ("signed", TODAY - DAY, "online")
    move(contract, "activate", actor=alice, at=now, via="test")
    assert (contract.status, contract.status_since) == ("active", now)
    assert [step.verb for step in Move.objects.of(contract)] == ["send", "recall", "send", "sign", "activate"]


def test_signing_asks_for_the_day_and_how(alice: User, now: datetime) -> None:
    contract = make_contract(owner=alice, signing="")
    assert codes(contract, "sign", alice, now) == ("needs_close_date", "needs_signing")
    assert codes(contract, "sign", alice, now, close_date=TODAY + DAY, signing="signed") == ("close_date_to_come",)
    assert codes(contract, "sign", alice, now, close_date="1875-05-20", signing="by horse") == (
        "invalid_close_date",
        "invalid_signing",
    )
    contract.refresh_from_db()
    assert (contract.status, contract.close_date) == ("draft", None)


def test_what_is_on_the_record_is_not_asked_again(alice: User, now: datetime) -> None:
    contract = make_contract(owner=alice, close_date=TODAY)
    assert codes(contract, "sign", alice, now) == ()
    assert contract.close_date == TODAY


@pytest.mark.parametrize(
    ("status", "fields", "verb", "wanted"),
    [
        ("signed", {"effective_date": TODAY + DAY}, "activate", ("not_yet_effective",)),
        ("signed", {"effective_date": None}, "activate", ("needs_effective_date",)),
        ("signed", {"effective_date": TODAY}, "activate", ()),
        ("active", {"end_date": TODAY}, "expire", ("not_yet_ended",)),
        ("active", {"end_date": None}, "expire", ("needs_end_date",)),
        ("active", {"end_date": TODAY - DAY}, "expire", ()),
        ("draft", {}, "activate", ("not_from_here",)),
        ("expired", {}, "terminate", ("not_from_here",)),
        ("active", {}, "send", ("not_from_here",)),
        ("terminated", {}, "sign", ("not_from_here",)),
    ],
)
def test_the_calendar_decides(
    alice: User, now: datetime, status: str, fields: dict[str, Any], verb: str, wanted: tuple[str, ...]
) -> None:
    contract = make_contract(status=status, owner=alice, **fields)
    assert codes(contract, verb, alice, now) == wanted


def test_the_day_is_the_companys(alice: User) -> None:
    """At one o'clock in the morning of 5 March in London it is still 4 March in Los Angeles."""
    contract = make_contract(status="signed", owner=alice, effective_date=TODAY + DAY)
    at = datetime.fromisoformat("2026-03-05T01:00:00+00:00")
    assert codes(contract, "activate", alice, at) == ("not_yet_effective",)
    assert codes(contract, "activate", alice, at + timedelta(hours=7)) == ()


def test_terminating_asks_for_a_day_and_a_reason(alice: User, now: datetime) -> None:
    contract = make_contract(status="active", owner=alice)
    assert codes(contract, "terminate", alice, now) == ("needs_terminated_on", "needs_reason")
    assert codes(contract, "terminate", alice, now, "Gone", terminated_on=TODAY + DAY) == ("terminated_on_to_come",)
    early = contract.effective_date - DAY  # type: ignore[operator]
    assert codes(contract, "terminate", alice, now, "Gone", terminated_on=early) == ("terminated_before_effective",)
    assert codes(contract, "terminate", alice, now, "Gone", terminated_on=TODAY) == ()
    assert (contract.status, contract.terminated_on) == ("terminated", TODAY)
    assert Move.objects.of(contract).last().facts == {"terminated_on": str(TODAY)}  # type: ignore[union-attr]


def test_it_is_not_terminated_before_the_last_party_signed_or_after_it_ended(alice: User, now: datetime) -> None:
    late = make_contract(status="active", owner=alice, close_date=date(2026, 2, 10))
    assert codes(late, "terminate", alice, now, "No", terminated_on=date(2026, 2, 1)) == ("terminated_before_close",)
    over = make_contract(status="active", owner=alice, end_date=date(2026, 2, 1))
    assert codes(over, "terminate", alice, now, "No", terminated_on=TODAY) == ("terminated_after_end",)


def test_a_manager_reinstates_it_with_a_reason(alice: User, mona: User, now: datetime) -> None:
    contract = make_contract(status="terminated", owner=alice)
    assert codes(contract, "reinstate", alice, now, "A slip") == ("forbidden",)
    assert codes(contract, "reinstate", mona, now) == ("needs_reason",)
    assert codes(contract, "reinstate", mona, now, "A slip") == ()
    assert (contract.status, contract.terminated_on) == ("signed", None)


def test_who_may_not_change_it_may_not_move_it(alice: User, bob: User, charlie: User, now: datetime) -> None:
    contract = make_contract(owner=alice)
    assert codes(contract, "send", charlie, now) == ("forbidden",)
    assert codes(contract, "send", bob, now) == ()


def test_its_opportunitys_owner_comes_before_its_accounts(alice: User, charlie: User, now: datetime) -> None:
    account = make_account(owner=alice)
    opportunity = make_opportunity(account=account, owner=charlie)
    contract = make_contract(account=account, opportunity=opportunity)
    assert codes(contract, "send", alice, now) == ("forbidden",)
    assert codes(contract, "send", charlie, now) == ()


def test_no_other_way_changes_the_status(alice: User) -> None:
    contract = make_contract(owner=alice)
    with pytest.raises(IntegrityError, match="status of a contract changes by a move"), transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(status="active")
    with pytest.raises(IntegrityError, match="placed in its status by a move"), transaction.atomic():
        Contract.objects.bulk_create([Contract(name="Sly", account=contract.account, status="active")])
    contract.name = "Renamed"
    contract.save()
    assert Contract.objects.get(pk=contract.pk).status == "draft"


def test_only_who_may_place_creates_one_in_another_status(alice: User, root: User, now: datetime) -> None:
    from crm.core.door import create

    one = Contract(name="Old", account=make_account())
    with pytest.raises(Refused) as refused:
        create(one, actor=alice, at=now, via="test", state="expired")
    assert refused.value.code == "forbidden"
    placed = create(Contract(name="Old", account=one.account), actor=root, at=now, via="test", state="expired")
    assert (placed.status, Move.objects.of(placed).get().verb) == ("expired", "place")


def test_a_batch_is_moved_with_a_verdict_for_each(
    alice: User, charlie: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    mine = [make_contract(owner=alice) for _ in range(20)]
    theirs = make_contract(owner=charlie)
    signed = make_contract(status="signed", owner=alice)
    ids = [one.pk for one in (*mine, theirs, signed)]
    with django_assert_max_num_queries(16):
        outcomes = move_many(Contract, ids, "send", actor=alice, at=now, via="bulk")
    found = [one.refusal.codes if one.refusal else () for one in outcomes]
    assert found == [()] * 20 + [("forbidden",), ("not_from_here",)]


def test_a_missing_end_or_term_follows_from_the_other(alice: User) -> None:
    contract = make_contract(owner=alice, effective_date=date(2026, 1, 31), term_months=1)
    assert contract.end_date == date(2026, 2, 27)
    other = make_contract(owner=alice, effective_date=date(2026, 4, 1), end_date=date(2027, 3, 31))
    assert other.term_months == 12
    other.term_months, other.end_date = 24, None
    other.save(update_fields=["term_months", "end_date"])
    other.refresh_from_db()
    assert other.end_date == date(2028, 3, 31)


def test_a_move_is_undone_exactly(alice: User, now: datetime) -> None:
    contract = make_contract(status="active", owner=alice)
    invoice = make_invoice(contract, sent_on=TODAY)
    step = move(contract, "terminate", actor=alice, at=now, via="test", reason="A slip", terminated_on=TODAY)
    assert [one[:2] for one in said(undo(step.transaction, by=alice, at=now))] == [("contract", "put_back")]
    contract.refresh_from_db()
    assert (contract.status, contract.terminated_on) == ("active", None)
    assert list(contract.invoices.all()) == [invoice]
