"""The agenda of a huddle: every open opportunity once, promises that were not kept first (P1)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.models import NextStep, Opportunity
from contracts.next_steps import keep_next_step
from contracts.stages import stage_choices
from crm import handbook
from crm.core.errors import Refused
from crm.handbook.schema import ExchangeRate
from crm.people.models import Team, User
from crm.reviews.huddle.agenda import NOT_KEPT, REASONS, WEIGHTS, Place, in_order
from crm.reviews.huddle.kind import HUDDLE
from crm.reviews.huddle.rows import Row
from tests.conftest import NOW
from tests.contracts.deals import signed_contract
from tests.factories import make_account, make_contact, make_user
from tests.reviews.huddling import DAY, LAST, SINCE, TODAY, agenda, change, deal, found, held, touch

pytestmark = pytest.mark.django_db
LONG_AGO = NOW - 100 * DAY


def test_every_reason_puts_an_opportunity_in_its_place(alice: User, bob: User, mona: User) -> None:
    held(mona)
    # Alphabetically last by name and owner where it matters: only the reasons decide.
    cases: list[tuple[str, tuple[str, ...], dict[str, Any], dict[str, Any]]] = [
        ("Overdue", ("step_overdue",), {"next_step_due": TODAY - DAY}, {}),
        ("Postponed", ("step_postponed",), {}, {"next_step_due": TODAY + 9 * DAY}),
        ("Rewritten", ("step_rewritten",), {}, {"next_step": "Write to them"}),
        ("Dropped", ("step_dropped", "no_step"), {}, {"next_step": "", "next_step_due": None}),
        ("No day any more", ("step_rewritten", "no_due"), {}, {"next_step_due": None}),
        ("No step", ("no_step",), {"next_step": "", "next_step_due": None}, {}),
        ("No day", ("no_due",), {"next_step_due": None}, {}),
        ("Past", ("close_past",), {"close_on": TODAY - DAY}, {}),
        ("Pushed", ("close_pushed",), {}, {"close_on": TODAY + 90 * DAY}),
        ("No close date", ("no_close",), {"close_on": None}, {}),
        ("Untouched", ("untouched",), {"at": NOW - 20 * DAY}, {}),
        ("Dearer", ("amount_changed",), {}, {"amount": Decimal(150)}),
        ("Euros", ("amount_changed",), {}, {"currency": "EUR"}),
        ("Due today", (), {"next_step_due": TODAY, "close_on": TODAY}, {}),
        ("Sooner", (), {}, {"close_on": TODAY + 10 * DAY}),
        ("Told again", (), {}, {"description": "They are keen"}),
    ]
    for name, _, made, changed in cases:
        one = deal(name=name, owner=alice, **made)
        if changed:
            change(one, alice, SINCE, **changed)
    slow = deal(name="Too long", owner=alice, at=LONG_AGO)
    touch(NOW - DAY, alice, opportunity=slow)
    back = deal(name="There and back", owner=alice, amount=Decimal(90))
    change(back, bob, SINCE, amount=Decimal(900), close_on=TODAY + 90 * DAY)
    change(back, bob, SINCE + timedelta(minutes=1), amount=Decimal(90), close_on=TODAY + 60 * DAY)
    # What was agreed in the last huddle, or before it, is not held against anybody now.
    agreed = deal(name="Agreed then", owner=alice, amount=Decimal(80))
    change(agreed, alice, LAST - timedelta(minutes=9), next_step_due=TODAY + 7 * DAY, close_on=TODAY + 90 * DAY)
    told = dict(agenda())
    expected = {name: reasons for name, reasons, _, _ in cases}
    expected |= {"Too long": ("over_stage",), "There and back": (), "Agreed then": ()}
    assert told == expected
    weights = [WEIGHTS[one.reasons[0]] if one.reasons else 7 for one in found()]
    assert weights == sorted(weights)
    assert set(weights) == set(range(1, 8)), "every reason, and the rest"
    # Without a last time there is nothing to be compared with; for another scope there was none.
    assert dict(agenda(owner=alice.pk))["Postponed"] == ()
    assert dict(agenda(owner=alice.pk))["Overdue"] == ("step_overdue",)
    assert set(NOT_KEPT) == {code for code, weight in WEIGHTS.items() if weight == 1}
    assert list(REASONS) == list(WEIGHTS)


def test_within_a_reason_it_goes_by_owner_then_amount(alice: User, bob: User, mona: User) -> None:
    late: dict[str, Any] = {"next_step_due": TODAY - DAY}
    deal(name="Nobody's", amount=Decimal(9_000), **late)
    deal(name="Bob's", owner=bob, amount=Decimal(5_000), **late)
    deal(name="Alice's small one", owner=alice, amount=Decimal(1), **late)
    deal(name="Alice's big one", owner=alice, amount=Decimal(2), **late)
    deal(name="Alice's without", owner=alice, amount=None, **late)
    # Not the same promise broken in another way: the same reason, so the owner goes first.
    deal(name="Bob's other", owner=bob, next_step="", next_step_due=None)
    change(deal(name="Alice's, rewritten", owner=alice, amount=Decimal(3)), alice, SINCE, next_step="Other")
    held(mona)
    deal(name="Fine", owner=alice, amount=Decimal(70_000))
    # Not on it: what is closed, and what another owns where the scope is one owner.
    deal(name="Won", owner=alice, stage="closed_won", **late)
    deal(name="Lost", owner=alice, stage="closed_lost", **late)
    names = [name for name, _ in agenda()]
    alices = ["Alice's, rewritten", "Alice's big one", "Alice's small one", "Alice's without"]
    assert names == [*alices, "Bob's", "Nobody's", "Bob's other", "Fine"]
    assert [name for name, _ in agenda(owner=bob.pk)] == ["Bob's", "Bob's other"]
    north = alice.team
    assert north is not None
    assert "Nobody's" not in dict(agenda(team=north.pk))
    assert len(agenda(team=north.pk)) == 7
    (entry,) = [one for one in HUDDLE.agenda({}, at=NOW) if one.name == "Alice's big one"]
    assert (entry.owner_id, entry.before["amount"], entry.before["next_step_due"]) == (alice.pk, "2.00", "2026-03-03")


def test_a_touch_with_anybody_of_the_company_counts_and_what_was_never_touched_counts_from_its_beginning(
    alice: User, mona: User
) -> None:
    ways: dict[str, Any] = {}
    for name in ("opportunity", "contact", "account", "colleague", "contract"):
        one = deal(name=name, owner=alice, at=NOW - 15 * DAY)
        touch(NOW - 80 * DAY, alice, opportunity=one)
        ways[name] = one
    assert {reasons for _, reasons in agenda()} == {("untouched",)}
    touch(NOW - DAY, alice, opportunity=ways["opportunity"])
    contact = make_contact()
    change(ways["contact"], mona, NOW - 15 * DAY, contact=contact)
    touch(NOW - DAY, alice, contact=contact)
    touch(NOW - DAY, alice, account=ways["account"].account)
    touch(NOW - DAY, alice, contact=make_contact(account=ways["colleague"].account))
    touch(NOW - DAY, alice, contract=signed_contract(ways["contract"]))
    assert {reasons for _, reasons in agenda()} == {()}
    # Fourteen days later to the moment it is too long again, not before; a touch to come is none yet.
    limit = timedelta(days=handbook.current().reviews.untouched_days)
    touch(NOW + 90 * DAY, alice, opportunity=ways["opportunity"])
    due = NOW - DAY + limit
    assert all("untouched" not in reasons for _, reasons in agenda(due - timedelta(seconds=1)))
    assert all("untouched" in reasons for _, reasons in agenda(due))
    new = deal(name="New", owner=alice, at=NOW)
    assert dict(agenda(NOW + limit))[new.name][-1:] == ("untouched",)


STAGES = st.sampled_from(["meeting_set", "discovery", "negotiation", "closed_won", "closed_lost", "left_the_handbook"])
WORLD = st.lists(
    st.tuples(STAGES, st.integers(0, 3), st.integers(-20, 20), st.sampled_from(["", "Call"]), st.integers(0, 40)),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=WORLD)
def test_no_open_opportunity_is_missing_and_none_is_there_twice(world: list[Any], alice: User, charlie: User) -> None:
    with transaction.atomic():
        owners = [None, alice, charlie, make_user("gone", role="ae", is_active=False)]
        account = make_account()
        with connection.cursor() as cursor:
            # In stages that no door leads to as well: without triggers, and put back after.
            cursor.execute("SET LOCAL session_replication_role = replica")
            Opportunity.objects.bulk_create(
                Opportunity(
                    name=f"{place}",
                    account=account,
                    stage=stage,
                    stage_since=NOW - days * DAY,
                    owner=owners[owner],
                    next_step=step,
                    next_step_due=TODAY + due * DAY if due % 3 else None,
                    close_on=TODAY + due * DAY if due % 4 else None,
                    amount=due or None,
                    currency="USD" if due % 5 else "XXX",
                )
                for place, (stage, owner, due, step, days) in enumerate(world)
            )
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        wanted = Opportunity.objects.open()
        scopes = [({}, wanted), *(({"owner": one.pk}, wanted.filter(owner=one)) for one in owners if one)]
        scopes += [({"team": one.pk}, wanted.filter(owner__team=one)) for one in Team.objects.all()]
        for scope, rows in scopes:
            got = [place.row.id for place in found(NOW, **scope)]
            assert sorted(got) == sorted(rows.values_list("pk", flat=True))
            assert all(code in REASONS for place in found(NOW, **scope) for code in place.reasons)
        transaction.set_rollback(True)


@given(st.lists(st.tuples(st.sampled_from([(), ("no_step",), ("step_overdue", "untouched")]), st.integers(0, 3))))
def test_however_they_lie_the_order_is_the_same(given_: list[Any]) -> None:
    def row(number: int, owner: int) -> Row:
        name = ["", "alice", "Bob", "alice"][owner]
        values = dict.fromkeys(Row.__slots__)
        return Row(**{**values, "id": number, "owner_id": owner or None, "owner_name": name, "owner_email": ""})  # type: ignore[arg-type]

    there = [Place(row(number, owner), reasons) for number, (reasons, owner) in enumerate(given_)]
    shuffled = random.sample(there, len(there))
    assert in_order(shuffled) == in_order(there)
    assert sorted(one.row.id for one in in_order(shuffled)) == [one.row.id for one in there]


def test_the_totals_tell_how_much_how_likely_and_how_promises_were_kept(
    alice: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = handbook.current()
    rate = {"currency": "EUR", "since": TODAY - 9 * DAY, "rate": "2"}
    company = book.company.model_copy(update={"rates": (ExchangeRate(**rate),)})  # type: ignore[arg-type]
    monkeypatch.setattr(handbook, "_in_use", [book.model_copy(update={"company": company})])
    held(mona)
    deal(amount=Decimal(1000), stage="proof_of_value", owner=alice)
    deal(amount=Decimal(10), currency="EUR", stage="negotiation")
    deal(amount=Decimal(10), currency="EUR", close_on=TODAY - 30 * DAY, stage="negotiation", stated_forecast="omitted")
    deal(amount=Decimal(7), currency="SEK")
    deal(amount=None, stage="negotiation", next_step_due=TODAY - DAY)
    for due, at in ((TODAY, SINCE), (TODAY - DAY, SINCE), (TODAY, LAST - DAY)):
        one = deal(amount=None, next_step_due=due, stage="discovery", stated_forecast="commit")
        keep_next_step(one, actor=mona, at=at, via="test", next_step="Meet", next_step_due=TODAY + DAY)
    deal(stage="closed_won", amount=Decimal(9999))
    totals = HUDDLE.totals({}, at=NOW)
    assert totals["count"] == 8
    # 1,000 dollars and 10 euros at 2; those that close before there was a rate, and kronor, are apart.
    assert (totals["amount"], totals["weighted"], totals["apart"]) == (
        "1020.00",
        "518.00",
        {"EUR": "10.00", "SEK": "7.00"},
    )
    assert totals["without_amount"] == 4
    assert {key: one["count"] for key, one in totals["categories"].items()} == {
        "commit": 5,
        "best_case": 1,
        "pipeline": 1,
        "omitted": 1,
    }
    assert totals["categories"]["best_case"] == {"count": 1, "amount": "1000.00", "weighted": "500.00"}
    assert totals["promises"] == {"kept": 1, "late": 1, "not_kept": 1}
    said = HUDDLE.figures(totals)
    assert HUDDLE.figures({"count": 3000, "without_amount": 1200})["Open opportunities"] == "3,000"
    assert said["Amount"] == "1,020 USD"
    assert said["SEK, no rate"] == "7 SEK"
    assert said["Promises"] == "1 kept, 1 kept late since March 2, 2026, 1 not kept"
    assert HUDDLE.totals({"owner": alice.pk}, at=NOW)["promises"] == {"kept": 0, "late": 0, "not_kept": 0}


def test_a_scope_is_an_owner_s_a_team_s_or_everything(alice: User, robot: User) -> None:
    assert HUDDLE.read_scope({}) == {} == HUDDLE.read_scope({"owner": "", "team": " ", "page": "2"})
    assert HUDDLE.read_scope({"owner": str(alice.pk)}) == {"owner": alice.pk}
    assert HUDDLE.scope_words({}) == "Everything"
    assert HUDDLE.scope_words({"owner": alice.pk}) == "Alice"
    assert HUDDLE.scope_words({"team": alice.team_id or 0}) == "Team North"
    wrong: list[tuple[dict[str, str], str]] = [
        ({"owner": "0"}, "invalid_owner"),
        ({"owner": "¹"}, "invalid_owner"),
        ({"owner": "9" * 18}, "invalid_owner"),
        ({"owner": str(robot.pk)}, "invalid_owner"),
        ({"team": "x"}, "invalid_team"),
        ({"owner": str(alice.pk), "team": str(alice.team_id)}, "one_scope"),
    ]
    for given_, code in wrong:
        with pytest.raises(Refused) as refused:
            HUDDLE.read_scope(given_)
        assert refused.value.codes == (code,), given_


def test_an_agenda_costs_the_same_however_long_it_is(alice: User, mona: User) -> None:
    held(mona)

    def cost(count: int) -> int:
        for _ in range(count):
            one = deal(owner=alice, next_step_due=TODAY - DAY)
            touch(SINCE, alice, opportunity=one)
            change(one, alice, SINCE, amount=Decimal(3), close_on=TODAY + 99 * DAY)
        with CaptureQueriesContext(connection) as queries:
            HUDDLE.agenda({}, at=NOW)
        return len(queries)

    assert cost(5) == cost(45) == 2
    assert NextStep.objects.count() == 50
    assert len(stage_choices()) > 2


def test_it_is_asked_at_a_moment(alice: User, now: datetime) -> None:
    one = deal(owner=alice, next_step_due=TODAY)
    assert dict(agenda(now))[one.name] == ()
    assert "step_overdue" in dict(agenda(now + DAY))[one.name]
