"""Two people move one lead at the same time: one wins, the other is told, and the record shows who did what."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from crm.core.door import create, move, move_many
from crm.core.errors import Refused, Stale
from crm.history.models import Change, Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = "SELECT FROM leads_lead WHERE id = %s FOR UPDATE"


def split(results: list[object]) -> tuple[list[Move], list[Refused]]:
    """Those who won, and those who did not; anything else is an error."""
    won = [result for result in results if isinstance(result, Move)]
    lost = [result for result in results if isinstance(result, Refused)]
    assert len(won) + len(lost) == len(results), results
    return won, lost


def test_the_same_move_is_made_once(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    calls = [
        lambda actor=actor: move(Lead.objects.get(), "work", actor=actor, at=now, via="test") for actor in (alice, bob)
    ]
    won, lost = split(race(*calls, behind=LOCK, values=(lead.pk,)))
    assert (len(won), [refused.codes for refused in lost]) == (1, [("not_from_here",)])
    lead.refresh_from_db()
    assert (lead.status, lead.version) == (Status.WORKING_TO_ENGAGE, 2)
    step = Move.objects.of(lead).get()
    assert step.pk == won[0].pk
    assert Change.objects.of(lead).first().transaction.actor_id == step.actor_id  # type: ignore[union-attr]


def test_who_looked_at_the_older_version_is_shown_what_changed_and_by_whom(
    alice: User, bob: User, now: datetime
) -> None:
    lead = make_lead(owner=alice)
    opened = lead.version

    def nurture() -> Move:
        values = {"nurture_reason": "no_budget"}
        return move(Lead.objects.get(), "nurture", actor=alice, at=now, via="test", version=opened, **values)

    def work() -> Move:
        return move(Lead.objects.get(), "work", actor=bob, at=now, via="test", version=opened, owner=bob)

    won, lost = split(race(nurture, work, behind=LOCK, values=(lead.pk,)))
    assert len(won) == len(lost) == 1
    stale = lost[0]
    assert isinstance(stale, Stale)
    assert stale.code == "stale"
    assert stale.changes["status"] == ("new", won[0].to_state)
    assert f"was changed by {won[0].actor_name} since you opened it" in stale.message
    assert stale.changes.keys() >= ({"nurture_reason"} if won[0].verb == "nurture" else {"owner_id"})
    lead.refresh_from_db()
    assert (lead.status, lead.version) == (won[0].to_state, 2)


def test_several_changes_meanwhile_are_told_as_then_and_now(alice: User, bob: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    opened = lead.version
    move(lead, "work", actor=bob, at=now, via="test")
    move(lead, "nurture", actor=mona, at=now, via="test", nurture_reason="no_need")
    with pytest.raises(Stale, match="changed by Bob and Mona since") as stale:
        move(lead, "work", actor=alice, at=now, via="test", version=opened)
    assert stale.value.changes["status"] == ("new", "closed_nurture")
    assert Lead.objects.get().status == Status.CLOSED_NURTURE


def test_what_was_changed_back_meanwhile_is_not_told_as_a_change(
    alice: User, bob: User, mona: User, now: datetime
) -> None:
    lead = make_lead(owner=alice)
    opened = lead.version
    move(lead, "work", actor=bob, at=now, via="test")
    move(lead, "release", actor=mona, at=now, via="test")
    with pytest.raises(Stale, match="changed by Bob and Mona since") as stale:
        move(lead, "work", actor=alice, at=now, via="test", version=opened)
    assert "status" not in stale.value.changes
    assert Lead.objects.get().status == Status.NEW


def test_the_version_that_is_stored_is_no_conflict(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "work", actor=alice, at=now, via="test", version=lead.version)
    assert lead.status == Status.WORKING_TO_ENGAGE


def test_a_move_and_a_save_do_not_undo_each_other(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=alice)

    def save() -> str:
        mine = Lead.objects.get()
        mine.company = "Initech"
        mine.save()
        return "saved"

    def work() -> Move:
        return move(Lead.objects.get(), "work", actor=bob, at=now, via="test")

    results = race(save, work, behind=LOCK, values=(lead.pk,))
    lead.refresh_from_db()
    assert lead.status == Status.WORKING_TO_ENGAGE, "the move judges the row as it is"
    # Whoever came second: the save is refused, or the move was made on what was saved.
    assert (results[0] == "saved") == (lead.company == "Initech")
    assert results[0] == "saved" or isinstance(results[0], Stale)


def test_two_batches_in_opposite_order_do_not_deadlock(alice: User, bob: User, now: datetime) -> None:
    ids = [make_lead(owner=alice).pk for _ in range(10)]
    calls = [
        lambda: move_many(Lead, ids, "work", actor=alice, at=now, via="test"),
        lambda: move_many(Lead, ids[::-1], "work", actor=bob, at=now, via="test"),
    ]
    found = race(*calls, behind=LOCK, values=(ids[0],))
    assert all(isinstance(outcomes, list) for outcomes in found), found
    moved = [sum(1 for outcome in outcomes if outcome.move) for outcomes in found]
    assert sorted(moved) == [0, 10]
    assert Move.objects.filter(verb="work").count() == 10


def test_moves_one_after_the_other_all_stand(alice: User, now: datetime) -> None:
    """A chain through the flow by one person, while each step is on a record read before."""
    lead = make_lead(owner=alice)
    old = Lead.objects.get()
    move(lead, "work", actor=alice, at=now, via="test")
    move(old, "schedule_meeting", actor=alice, at=now, via="test", meeting_at=now + timedelta(days=1))
    assert old.status == Status.MEETING_SCHEDULED
    assert [step.version for step in Move.objects.of(lead)] == [2, 3]


def test_a_record_that_is_deleted_meanwhile_is_refused(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    kept = make_lead(owner=alice)

    def delete() -> str:
        Lead.objects.filter(pk=lead.pk).delete()
        return "deleted"

    found = race(
        delete,
        lambda: move(lead, "work", actor=alice, at=now, via="test"),
        behind=LOCK,
        values=(lead.pk,),
    )
    assert found[0] == "deleted"
    assert isinstance(found[1], Move) or found[1].code == "not_found"
    assert list(Lead.objects.all()) == [kept]


def test_placing_at_once_gives_each_lead_its_own_id(root: User, now: datetime) -> None:
    def place() -> int:
        lead = Lead(email="x@x.example")
        return create(lead, actor=root, at=now, via="test", state=Status.ENGAGED).pk

    # They all wait for the table that a move is written to.
    found = race(*[place] * 8, behind="LOCK TABLE history_move IN ACCESS EXCLUSIVE MODE")
    assert len(set(found)) == 8
    assert Lead.objects.count() == Move.objects.filter(verb="place").count() == 8
