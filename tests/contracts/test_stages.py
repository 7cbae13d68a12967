"""The stages of an opportunity are the handbook's; its verbs are advance, step back, win, lose, reopen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from contracts.entering import missing_of
from contracts.flow import stage_keys
from contracts.models import Opportunity
from contracts.stages import every_criterion
from crm import handbook
from crm.core.door import create, move, move_many, verdicts
from crm.core.errors import Refused
from crm.history.models import Move
from crm.people.models import User
from tests.access import client_of
from tests.contracts.deals import facts_for, signed_contract
from tests.factories import make_account, make_opportunity

pytestmark = pytest.mark.django_db
OPEN = [stage.key for stage in handbook.current().opportunity.stages if stage.kind == "open"]
FIRST, LAST = OPEN[0], OPEN[-1]
ALL = [stage.key for stage in handbook.current().opportunity.stages]
# What each verb answers where it cannot lead on.
CODES = {"advance": "no_further_stage", "step_back": "no_earlier_stage", "win": "not_open", "lose": "not_open"}


def target(verb: str, stage: str) -> str:
    """Where the verb leads from this stage; empty where it may not."""
    if stage not in OPEN:
        return FIRST if verb == "reopen" else ""
    place = OPEN.index(stage)
    return {
        "advance": "".join(OPEN[place + 1 : place + 2]),
        "step_back": OPEN[place - 1] if place else "",
        "win": "closed_won",
        "lose": "closed_lost",
        "reopen": "",
    }[verb]


def step(opportunity: Opportunity, verb: str, actor: User, at: datetime) -> Move:
    """Make the move with all that it asks for."""
    return move(opportunity, verb, actor=actor, at=at, via="test", reason="Because", **facts_for(opportunity, verb, at))


@pytest.mark.parametrize("stage", ALL)
@pytest.mark.parametrize("verb", ["advance", "step_back", "win", "lose", "reopen"])
def test_each_verb_leads_where_it_says_or_is_refused(verb: str, stage: str, mona: User, now: datetime) -> None:
    opportunity = make_opportunity(stage=stage)
    wanted = target(verb, stage)
    if not wanted:
        with pytest.raises(Refused) as refused:
            step(opportunity, verb, mona, now)
        assert refused.value.codes == (CODES.get(verb, "not_closed"),)
        assert Opportunity.objects.get().stage == stage
        return
    made = step(opportunity, verb, mona, now)
    assert (opportunity.stage, opportunity.stage_since) == (wanted, now)
    assert (made.object, made.from_state, made.to_state, made.verb) == ("opportunity", stage, wanted, verb)


def test_losing_asks_why_and_reopening_forgets_it(mona: User, now: datetime) -> None:
    opportunity = make_opportunity()
    with pytest.raises(Refused) as refused:
        move(opportunity, "lose", actor=mona, at=now, via="test")
    assert refused.value.codes == ("needs_lost_reason",)
    move(opportunity, "lose", actor=mona, at=now, via="test", lost_reason="competitor")
    assert opportunity.lost_reason == "competitor"
    with pytest.raises(Refused) as unsaid:
        move(opportunity, "reopen", actor=mona, at=now, via="test")
    assert unsaid.value.codes == ("needs_reason", "needs_next_step", "needs_next_step_due")
    move(
        opportunity,
        "reopen",
        actor=mona,
        at=now,
        via="test",
        reason="They called",
        **facts_for(opportunity, "reopen", now),
    )
    assert opportunity.lost_reason == ""


def test_winning_takes_what_was_met_in_the_last_stage_and_names_the_rest(alice: User, now: datetime) -> None:
    every = [key for key, _ in every_criterion()]
    ticked, left = (
        make_opportunity(owner=alice, stage="negotiation", criteria_met=every[:-1], name=f"{name} 2026")
        for name in ("Ticked", "Left")
    )
    for sale in (ticked, left):
        signed_contract(sale)
    dialog = client_of(alice).get(f"/admin/contracts/opportunity/{ticked.pk}/move/win/").content.decode()
    assert "The terms are agreed" in dialog
    move(ticked, "win", actor=alice, at=now, via="test", criteria=["terms_agreed"])
    move(left, "win", actor=alice, at=now, via="test")
    assert missing_of(ticked, now) == []
    assert [one.code for one in missing_of(left, now)] == ["unmet_terms_agreed"]


def test_it_is_reopened_where_it_was_closed(mona: User, now: datetime) -> None:
    opportunity = make_opportunity()
    for verb in ("advance", "advance", "advance", "step_back", "win"):
        step(opportunity, verb, mona, now)
    step(opportunity, "reopen", mona, now)
    assert opportunity.stage == OPEN[2]


def test_a_closed_opportunity_without_an_open_past_is_reopened_in_the_first_stage(mona: User, now: datetime) -> None:
    opportunity = make_opportunity(stage="closed_won")
    step(opportunity, "reopen", mona, now)
    assert opportunity.stage == FIRST


@pytest.mark.parametrize(
    ("who", "moves", "reopens"),
    [
        ("alice", True, False),
        ("bob", True, False),
        ("charlie", False, False),
        ("mona", True, True),
        ("root", True, True),
        ("robot", True, False),
    ],
)
def test_who_may(
    who: str, moves: bool, reopens: bool, alice: User, now: datetime, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(who)
    for verb, stage, may in (
        *((verb, OPEN[1], moves) for verb in ("advance", "step_back", "win", "lose")),
        ("reopen", "closed_lost", reopens),
    ):
        opportunity = make_opportunity(owner=alice, stage=stage)
        if may:
            step(opportunity, verb, actor, now)
            continue
        with pytest.raises(Refused) as refused:
            step(opportunity, verb, actor, now)
        assert refused.value.codes == ("forbidden",), verb


def test_its_history_of_stages_begins_with_its_creation(alice: User, now: datetime) -> None:
    opportunity = Opportunity(name="Acme 2026", account=make_account(), stage=FIRST, owner=alice)
    create(opportunity, actor=alice, at=now, via="test")
    day = timedelta(days=1)
    step(opportunity, "advance", alice, now + day)
    step(opportunity, "win", alice, now + 3 * day)
    history = [(m.verb, m.from_state, m.to_state, m.at, m.version) for m in Move.objects.of(opportunity)]
    assert history == [
        ("create", "", FIRST, now, 1),
        ("advance", FIRST, OPEN[1], now + day, 2),
        ("win", OPEN[1], "closed_won", now + 3 * day, 3),
    ]


@pytest.mark.parametrize("stage", ALL[1:])
def test_only_who_may_place_makes_one_in_a_later_stage(stage: str, mona: User, robot: User, now: datetime) -> None:
    account = make_account()
    with pytest.raises(Refused) as refused:
        create(Opportunity(name="A 2026", account=account), actor=mona, at=now, via="test", state=stage)
    assert refused.value.codes == ("forbidden",)
    placed = create(Opportunity(name="A 2026", account=account), actor=robot, at=now, via="test", state=stage)
    assert Move.objects.of(placed).get().verb == "place"


def test_the_next_stages_are_offered_with_their_reasons(alice: User, charlie: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, stage=LAST)
    signed_contract(opportunity)
    answers = {v.verb.name: v for v in verdicts(opportunity, actor=alice, at=now, via="test")}
    assert {name for name, verdict in answers.items() if verdict.allowed} == {"step_back", "win", "lose"}
    assert [item.code for item in answers["advance"].missing] == ["no_further_stage"]
    assert [item.code for item in answers["lose"].asks] == ["needs_lost_reason"]
    assert answers["reopen"].code == "forbidden"
    assert {v.code for v in verdicts(opportunity, actor=charlie, at=now, via="test")} == {"forbidden"}


def test_a_stage_that_left_the_handbook_is_shown_and_can_be_reopened(mona: User, robot: User, now: datetime) -> None:
    opportunity = create(
        Opportunity(name="A 2026", account=make_account()), actor=robot, at=now, via="import", state="paused"
    )
    assert (opportunity.stage_label, opportunity.is_open, opportunity.is_won) == ("paused", False, False)
    assert opportunity not in Opportunity.objects.open()
    step(opportunity, "reopen", mona, now)
    assert opportunity.stage == FIRST


def test_open_means_the_open_stages_of_the_handbook() -> None:
    made = {stage: make_opportunity(stage=stage) for stage in ALL}
    assert set(Opportunity.objects.open()) == {made[stage] for stage in OPEN}
    assert stage_keys("won") == ["closed_won"]
    assert [stage for stage, one in made.items() if one.is_won] == ["closed_won"]


def test_many_are_moved_each_to_its_own_next_stage(mona: User, now: datetime) -> None:
    made = [make_opportunity(stage=stage) for stage in (OPEN[0], OPEN[2], "closed_won")]
    facts = facts_for(made[0], "advance", now) | {"criteria": [key for key, _ in every_criterion()]}
    ids = [one.pk for one in made]
    outcomes = move_many(Opportunity, ids, "advance", actor=mona, at=now, via="test", facts=facts)
    assert [outcome.refusal.codes if outcome.refusal else () for outcome in outcomes] == [
        (),
        (),
        ("unknown_fact", "no_further_stage"),
    ]
    assert [Opportunity.objects.get(pk=one.pk).stage for one in made] == [OPEN[1], OPEN[3], "closed_won"]


def test_a_contract_with_another_account_wins_nothing(alice: User, now: datetime) -> None:
    opportunity, other = make_opportunity(owner=alice, stage="negotiation"), make_opportunity(owner=alice)
    contract = signed_contract(other, at=now)
    contract.opportunity = opportunity
    contract.save()
    with pytest.raises(Refused) as refused:
        move(opportunity, "win", actor=alice, at=now, via="test", **facts_for(other, "win", now))
    assert "needs_contract" in refused.value.codes
