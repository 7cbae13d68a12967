"""Every move of the page can be made, and no other."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from crm.activities.models import Activity
from crm.core.door import move, verdicts
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Lead
from leads.moves_table import moves_table
from leads.statuses import OPEN, Status
from tests.factories import START, make_lead
from tests.leads.moves import ALLOWED, POSSIBLE, VERBS, facts_for, make_full_move, ready_lead, reason_for

pytestmark = pytest.mark.django_db
REFUSED = [(status, verb) for status in Status for verb in VERBS if (status, verb) not in POSSIBLE]


def test_the_table_is_the_pages() -> None:
    """Compared by the labels people read, whichever verb leads there."""
    ours = {(row["from"], row["to"]) for row in moves_table()}
    page = {(start.label, target.label) for start, _, target in ALLOWED}
    assert ours == page
    assert len(moves_table()) == len(ALLOWED)


def test_the_table_names_each_move_with_who_and_needs() -> None:
    labels = {name: info.label for name, info in Lead.verbs().items()}
    ours = [(row["from"], row["verb"], row["to"]) for row in moves_table()]
    assert sorted(ours) == sorted((start.label, labels[verb], target.label) for start, verb, target in ALLOWED)
    assert all(row["who"] and row["needs"] for row in moves_table())


def test_the_command_prints_the_table() -> None:
    out = StringIO()
    call_command("flow", "--json", stdout=out)
    rows = json.loads(out.getvalue())
    assert rows == moves_table()
    assert list(rows[0]) == ["from", "to", "verb", "who", "needs"]
    out = StringIO()
    call_command("flow", stdout=out)
    assert len(out.getvalue().splitlines()) == len(rows) + 1


@pytest.mark.parametrize(
    ("status", "verb", "target"), [row for row in ALLOWED if row[1] != "release"], ids=lambda value: str(value)
)
def test_it_makes_the_move(status: Status, verb: str, target: Status, mona: User, now: datetime) -> None:
    lead = ready_lead(status, verb, owner=mona)
    facts = facts_for(verb, status, owner=mona, at=now)
    step = move(lead, verb, actor=mona, at=now, via="test", reason=reason_for(verb), **facts)
    assert lead.status == target
    assert lead.status_since == (START if status == target else now)
    stored = Move.objects.get(pk=step.pk)
    assert (stored.object, stored.record_id, stored.version) == ("lead", lead.pk, lead.version)
    assert (stored.from_state, stored.to_state, stored.verb) == (status, target, verb)
    assert (stored.actor_id, stored.actor_name, stored.at, stored.via) == (mona.pk, "Mona", now, "test")
    assert stored.reason == reason_for(verb)
    assert set(stored.facts) == set(facts)
    assert stored.transaction_id == Change.objects.of(lead).first().transaction_id  # type: ignore[union-attr]


@pytest.mark.parametrize(("status", "verb"), REFUSED, ids=lambda value: str(value))
def test_it_refuses_a_move_the_page_does_not_have(status: Status, verb: str, mona: User, now: datetime) -> None:
    lead = ready_lead(status, verb, owner=mona)
    moves = Move.objects.count()
    with pytest.raises(Refused) as refused:
        make_full_move(lead, verb, status, actor=mona, at=now)
    assert refused.value.codes == ("not_from_here",)
    assert status.label in refused.value.message
    lead.refresh_from_db()
    assert (lead.status, lead.version, Move.objects.count()) == (status, 1, moves)


def test_a_verb_that_does_not_exist_is_refused_with_those_that_do(mona: User, now: datetime) -> None:
    with pytest.raises(Refused, match="enrich, qualify") as refused:
        move(make_lead(), "promote", actor=mona, at=now, via="test")
    assert refused.value.code == "unknown_verb"


def test_a_record_that_is_gone_is_refused(mona: User, now: datetime) -> None:
    lead = make_lead()
    Lead.objects.filter(pk=lead.pk).delete()
    with pytest.raises(Refused) as refused:
        move(lead, "work", actor=mona, at=now, via="test")
    assert refused.value.code == "not_found"


# --- where it is released to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("came_from", [Status.NEW, Status.NEW_ENRICHED, Status.NEW_MQL])
def test_it_is_released_to_the_new_status_it_came_from(came_from: Status, alice: User, now: datetime) -> None:
    lead = make_lead(status=came_from, owner=alice)
    move(lead, "work", actor=alice, at=now, via="test")
    move(lead, "release", actor=alice, at=now, via="test")
    assert lead.status == came_from


def test_it_is_released_to_new_when_it_had_no_new_status(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.WORKING_TO_ENGAGE, owner=alice)
    move(lead, "release", actor=alice, at=now, via="test")
    assert lead.status == Status.NEW


def test_it_is_released_to_the_latest_new_status(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "enrich", actor=alice, at=now, via="test", phone="(415) 555-2671")
    move(lead, "work", actor=alice, at=now, via="test")
    move(lead, "nurture", actor=alice, at=now, via="test", nurture_reason="no_budget")
    move(lead, "work", actor=alice, at=now, via="test")
    move(lead, "release", actor=alice, at=now, via="test")
    assert lead.status == Status.NEW_ENRICHED


# --- what a move leaves behind ----------------------------------------------------------------------------------------


def test_evidence_is_logged_as_a_touch_of_the_same_transaction(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    spoke = now - timedelta(hours=2)
    step = move(
        lead,
        "engage",
        actor=alice,
        at=now,
        via="test",
        evidence="email.replied",
        happened_at=spoke,
        said="Tell me more",
    )
    touch = Activity.objects.get(lead=lead)
    assert (touch.kind, touch.outcome, touch.direction, touch.happened_at) == ("email", "replied", "in", spoke)
    assert (touch.text, touch.by) == ("Tell me more", alice)
    assert Change.objects.of(touch).get().transaction_id == step.transaction_id


@pytest.mark.parametrize(
    ("verb", "facts", "outcome"),
    [
        ("fall_through", {"meeting_outcome": "no_show"}, "no_show"),
        ("fall_through", {"meeting_outcome": "cancelled"}, "cancelled"),
        ("work_to_convert", {"meeting_outcome": "held", "said": "They like it"}, "held"),
    ],
)
def test_what_became_of_the_meeting_is_logged(
    verb: str, facts: dict[str, Any], outcome: str, alice: User, now: datetime
) -> None:
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now - timedelta(hours=1))
    move(lead, verb, actor=alice, at=now, via="test", **facts)
    touch = Activity.objects.get(lead=lead)
    assert (touch.kind, touch.outcome, touch.happened_at) == ("meeting", outcome, now - timedelta(hours=1))
    assert lead.meeting_outcome == outcome


def test_enriching_and_qualifying_store_what_was_found(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "enrich", actor=alice, at=now, via="test", mobile="(415) 555-2671", second_email="Lea@home.example")
    move(lead, "qualify", actor=alice, at=now, via="test", employees=700)
    stored = Lead.objects.get()
    assert (stored.mobile_key, stored.second_email_key, stored.employees) == ("+14155552671", "lea@home.example", 700)


@pytest.mark.parametrize(("reason", "days"), [("bad_timing", 90), ("too_small", 365)])
def test_the_come_back_date_is_the_handbooks_for_the_reason(reason: str, days: int, alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    # Late in the evening in Los Angeles it is the next day in UTC: the company's day counts.
    evening = datetime.fromisoformat("2026-03-05T04:00:00+00:00")
    move(lead, "nurture", actor=alice, at=evening, via="test", nurture_reason=reason)
    assert lead.come_back_on == datetime(2026, 3, 4).date() + timedelta(days=days)
    assert lead.nurture_reason == reason


def test_a_chosen_come_back_date_is_kept_and_forgotten_when_work_begins_again(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    day = now.date() + timedelta(days=10)
    move(lead, "nurture", actor=alice, at=now, via="test", nurture_reason="other", come_back_on=day)
    assert list(Lead.objects.come_backs(today=day)) == [lead]
    move(lead, "work", actor=alice, at=now, via="test")
    assert (lead.come_back_on, lead.nurture_reason) == (None, "")


def test_a_moved_meeting_is_not_a_new_status(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now + timedelta(days=1))
    move(lead, "reschedule", actor=alice, at=now, via="test", meeting_at=now + timedelta(days=5))
    assert (lead.meeting_at, lead.status_since) == (now + timedelta(days=5), START)


def test_a_meeting_that_fell_through_is_not_the_next_one(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now + timedelta(days=1))
    move(lead, "fall_through", actor=alice, at=now, via="test", meeting_outcome="cancelled")
    with pytest.raises(Refused) as refused:
        move(lead, "schedule_meeting", actor=alice, at=now, via="test")
    assert refused.value.codes == ("needs_meeting",)


def test_time_in_each_status_is_read_off_the_moves(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    hours = [1, 5, 30]
    move(lead, "work", actor=alice, at=now, via="test")
    at = now + timedelta(hours=hours[0])
    move(lead, "schedule_meeting", actor=alice, at=at, via="test", meeting_at=now + timedelta(days=9))
    at += timedelta(hours=hours[1])
    move(lead, "reschedule", actor=alice, at=at, via="test", meeting_at=now + timedelta(days=10))
    at += timedelta(hours=hours[2])
    move(lead, "fall_through", actor=alice, at=at, via="test", meeting_outcome="cancelled")
    steps = list(Move.objects.of(lead))
    assert [(step.from_state, step.to_state) for step in steps] == [
        ("new", "working_to_engage"),
        ("working_to_engage", "meeting_scheduled"),
        ("meeting_scheduled", "meeting_scheduled"),
        ("meeting_scheduled", "engaged"),
    ]
    spent = [(after.at - before.at) / timedelta(hours=1) for before, after in itertools.pairwise(steps)]
    assert spent == hours
    assert steps[0].age(now + timedelta(hours=2)) == 7200
    assert all(before.to_state == after.from_state for before, after in itertools.pairwise(steps))


# --- "why not?" -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
def test_why_not_answers_for_each_move_that_leaves_the_status(status: Status, mona: User, now: datetime) -> None:
    lead = ready_lead(status, "convert", owner=mona)
    answers = {verdict.verb.name: verdict for verdict in verdicts(lead, actor=mona, at=now, via="test")}
    assert set(answers) == {verb for start, verb in POSSIBLE if start == status}
    allowed = {name for name, verdict in answers.items() if verdict.allowed}
    assert allowed == set(answers) - ({"work_to_convert"} if "work_to_convert" in answers else set())


def test_why_not_tells_what_the_dialog_asks_from_what_it_cannot_give(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED, owner=alice, need="not_met")
    answers = {verdict.verb.name: verdict for verdict in verdicts(lead, actor=alice, at=now, via="test")}
    convert = answers["convert"]
    assert convert.code == "missing_facts"
    assert [item.code for item in convert.missing] == [
        "bant_budget_unknown",
        "bant_authority_unknown",
        "bant_need_not_met",
        "bant_timing_unknown",
    ]
    assert [item.code for item in convert.asks] == ["needs_opportunity_owner", "needs_next_step", "needs_next_step_due"]
    assert answers["nurture"].allowed
    assert [item.code for item in answers["nurture"].asks] == ["needs_nurture_reason"]


def test_why_not_says_who_may(charlie: User, alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    answers = verdicts(lead, actor=charlie, at=now, via="test")
    assert {verdict.code for verdict in answers} == {"forbidden"}
    assert "Owner, their team, a manager" in answers[0].message


def test_every_open_status_can_be_closed() -> None:
    assert {start for start, verb in POSSIBLE if verb == "nurture"} == set(OPEN)
