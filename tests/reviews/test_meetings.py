"""Meetings: an agenda that is gone through one by one, answered in full, and what comes of it (P1, P2)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Opportunity
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused, Stale
from crm.notifications.models import Delivery, Notification
from crm.people.models import User
from crm.reviews.meetings import kinds
from crm.reviews.meetings.counts import counts_of
from crm.reviews.meetings.kinds import last_held
from crm.reviews.meetings.services import (
    Said,
    answer_item,
    call_off,
    finish_meeting,
    go_back,
    go_next,
    go_to,
    join,
    send_minutes,
    skip_item,
    start_meeting,
    take_off,
    take_over,
    write_decisions,
    write_notes,
)
from crm.reviews.models import Item, Meeting
from tests.factories import make_opportunity
from tests.reviews.holding import MONDAY, done, held_since, rituals
from tests.reviews.small_kind import SmallKind

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _small_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, SmallKind.key, SmallKind())


def begin(mona: User, now: datetime, count: int = 3, **given: str) -> Meeting:
    """A meeting about so many opportunities of hers."""
    for number in range(count):
        make_opportunity(name=f"Deal {number + 1} 2026", owner=mona)
    return start_meeting("huddle", given, actor=mona, at=now, via="test")


def answer(meeting: Meeting, position: int, by: User, at: datetime, step: str = "Call", **said: object) -> Item:
    """The next step of one is set."""
    facts, words = {"next_step": step}, Said(**said)  # type: ignore[arg-type]
    return answer_item(meeting, position, facts=facts, said=words, actor=by, at=at, via="test")


def states(meeting: Meeting) -> list[str]:
    """The state of each item, in order."""
    return list(meeting.items.order_by("position").values_list("state", flat=True))


def place(meeting: Meeting) -> int:
    """Where it is, as stored."""
    return Meeting.objects.values_list("place", flat=True).get(pk=meeting.pk)


def close(name: str, by: User, at: datetime) -> None:
    """It is lost, somewhere else."""
    deal = Opportunity.objects.get(name=name)
    move(deal, "lose", actor=by, at=at, via="test", lost_reason="no_budget")


def test_its_agenda_is_fixed_when_it_begins_and_who_begins_it_again_joins(
    mona: User, root: User, alice: User, robot: User, now: datetime
) -> None:
    with pytest.raises(Refused) as refused:
        start_meeting("huddle", {}, actor=mona, at=now, via="test")
    assert refused.value.code == "empty_agenda"
    assert not Meeting.objects.exists()
    meeting = begin(mona, now)
    make_opportunity(name="Too late 2026")
    again = start_meeting("huddle", {}, actor=root, at=now + LATER, via="test")
    assert again == meeting
    assert (meeting.totals, meeting.items.count(), meeting.items.get(position=1).reasons) == (
        {"open": 3},
        3,
        ["no_step"],
    )
    assert [one.user for one in meeting.attendees.all()] == [mona, root]
    # Another scope is another meeting.
    other = start_meeting("huddle", {"owner": str(mona.pk)}, actor=mona, at=now, via="test")
    assert (other.scope_key, other.pk != meeting.pk) == (f"owner={mona.pk}", True)
    # A standard user joins what runs, and begins nothing.
    assert start_meeting("huddle", {}, actor=alice, at=now, via="test") == meeting
    for actor, given, code in ((alice, "999999", "forbidden"), (robot, "", "forbidden"), (mona, "x", "missing_facts")):
        with pytest.raises(Refused) as refused:
            start_meeting("huddle", {"owner": given}, actor=actor, at=now, via="test")
        assert refused.value.code == code
    with pytest.raises(Refused):
        start_meeting("picnic", {}, actor=mona, at=now, via="test")


def test_ten_thousand_are_all_on_its_agenda(mona: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [kinds.Entry(number, f"Deal {number}", None) for number in range(1, 10_001)]
    monkeypatch.setattr(SmallKind, "agenda", lambda self, scope, *, at: entries)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        meeting = start_meeting("huddle", {}, actor=mona, at=now, via="test")
    assert len(asked) < 40
    assert counts_of(meeting).words == "10,000 on the agenda: 10,000 to be answered"
    # None of them is there: all are gone, and nothing stands in the way of the end.
    finish_meeting(meeting, actor=mona, at=now + LATER, via="test")
    assert counts_of(meeting).words == "10,000 on the agenda: 10,000 gone"


def test_an_item_is_answered_with_what_was_really_done(mona: User, now: datetime) -> None:
    meeting = begin(mona, now)
    first = answer(meeting, 1, mona, now + LATER, "Call Nina", note="Keen\r\non it", decision="Ask  twice")
    assert (first.state, first.answers, first.note, first.decision) == (
        "answered",
        ["step_set"],
        "Keen\non it",
        "Ask twice",
    )
    assert (Opportunity.objects.get(pk=first.record_id).next_step, place(meeting)) == ("Call Nina", 2)
    # Nothing was done: it is said on purpose, with a note where no promise stands.
    for said, code in (({}, "needs_answer"), ({"note": "Hm"}, "needs_answer"), ({"nothing_new": True}, "needs_note")):
        with pytest.raises(Refused) as refused:
            answer(meeting, 2, mona, now + LATER, "", **said)
        assert refused.value.codes == (code,)
    assert answer(meeting, 2, mona, now, "", nothing_new=True, note="On holiday").answers == ["nothing_new"]
    assert answer(meeting, 1, mona, now, "Call Nina", nothing_new=True).answers == ["step_set"], "what was done stays"
    # What was moved in a dialog meanwhile is an answer of its own.
    with acting(actor=mona, via="test", at=now):
        Opportunity.objects.filter(name="Deal 3 2026").update(next_step="Meet")
    deal = Opportunity.objects.get(name="Deal 3 2026")
    move(deal, "lose", actor=mona, at=now + LATER, via="test", lost_reason="no_budget")
    assert answer(meeting, 3, mona, now + LATER, "Ignored").answers == ["moved"]
    deal.refresh_from_db()
    assert deal.next_step != "Ignored", "what is closed is asked nothing more"
    assert states(meeting) == ["answered"] * 3


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_half_written(
    mona: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = begin(mona, now)
    for step, field in (("x" * 41, "next_step"), ("Explode", "next_step")):
        with pytest.raises(Refused) as refused:
            answer(meeting, 1, mona, now, step)
        assert [one.field for one in refused.value.missing] == [field]
    for said, field in (({"note": "x" * 10_001}, "item_note"), ({"decision": "x" * 501}, "item_decision")):
        with pytest.raises(Refused) as refused:
            answer(meeting, 1, mona, now, "Call", **said)
        assert [one.field for one in refused.value.missing] == [field]
    # The process ends after any of its statements: what was written before is gone with it.
    for module, name in (("answering", "place_on"), ("answering", "store")):
        with monkeypatch.context() as broken:
            broken.setattr(f"crm.reviews.meetings.{module}.{name}", lambda *a, **k: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                answer(meeting, 1, mona, now, "Half")
        meeting.refresh_from_db()
        assert (states(meeting)[0], meeting.revision, meeting.place) == ("waiting", 0, 1)
        assert Opportunity.objects.get(name="Deal 1 2026").next_step == ""
    with pytest.raises(Refused) as refused:
        answer(meeting, 9, mona, now)
    assert refused.value.code == "not_found"


def test_an_item_that_was_answered_meanwhile_is_not_overwritten(mona: User, now: datetime) -> None:
    meeting = begin(mona, now)
    answer(meeting, 1, mona, now, note="Theirs", seen="waiting ")
    with pytest.raises(Stale) as stale:
        answer(meeting, 1, mona, now + LATER, "Other", note="Mine", seen="waiting ")
    assert stale.value.changes == {"note": ("Mine", "Theirs")}
    assert Opportunity.objects.get(name="Deal 1 2026").next_step == "Call"


def test_an_item_is_skipped_for_a_reason_only(mona: User, now: datetime) -> None:
    meeting = begin(mona, now)
    with pytest.raises(Refused) as refused:
        skip_item(meeting, 1, reason="  ", actor=mona, at=now, via="test")
    assert refused.value.codes == ("needs_reason",)
    assert skip_item(meeting, 1, reason="Ann is away", actor=mona, at=now, via="test").state == "skipped"
    assert place(meeting) == 2
    assert answer(meeting, 1, mona, now).skip_reason == "", "it may be answered all the same"
    with pytest.raises(Refused) as refused:
        skip_item(meeting, 1, reason="No", actor=mona, at=now, via="test")
    assert refused.value.code == "answered"


def test_its_place_is_kept_and_what_is_gone_is_passed_over(mona: User, now: datetime) -> None:
    meeting = begin(mona, now, 5)
    close("Deal 2 2026", mona, now - LATER)
    Opportunity.objects.get(name="Deal 3 2026").delete()
    go_next(meeting, actor=mona, at=now, via="test")
    assert (place(meeting), states(meeting)) == (4, ["waiting", "gone", "gone", "waiting", "waiting"])
    assert list(meeting.items.filter(state="gone").values_list("skip_reason", flat=True)) == [
        "It was closed meanwhile.",
        "It was deleted or merged meanwhile.",
    ]
    go_back(meeting, actor=mona, at=now, via="test")
    assert place(meeting) == 1
    go_back(meeting, actor=mona, at=now, via="test")
    assert place(meeting) == 1
    go_to(meeting, 5, actor=mona, at=now, via="test")
    answer(meeting, 5, mona, now)
    assert place(meeting) == 1, "from the end it goes on at the first that waits"
    with pytest.raises(Refused):
        go_to(meeting, 6, actor=mona, at=now, via="test")
    # What is typed about a record that goes meanwhile is kept.
    Opportunity.objects.get(name="Deal 4 2026").delete()
    kept = answer(meeting, 4, mona, now, note="They merged")
    assert (kept.state, kept.note) == ("gone", "They merged")


def test_one_holds_the_minutes_and_another_takes_them_over(
    mona: User, alice: User, charlie: User, robot: User, now: datetime
) -> None:
    meeting = begin(mona, now)
    with pytest.raises(Refused) as refused:
        take_over(meeting, held_by=mona.pk, actor=charlie, at=now, via="test")
    assert refused.value.code == "forbidden"
    for who in (alice, charlie):
        join(meeting, actor=who, at=now, via="test")
    with pytest.raises(Refused) as refused:
        take_over(meeting, held_by=charlie.pk, actor=alice, at=now, via="test")
    assert refused.value.code == "taken_over"
    take_over(meeting, held_by=mona.pk, actor=alice, at=now + LATER, via="test")
    calls = (
        lambda: answer(meeting, 1, mona, now),
        lambda: skip_item(meeting, 1, reason="No", actor=mona, at=now, via="test"),
        lambda: go_next(meeting, actor=mona, at=now, via="test"),
        lambda: write_notes(meeting, "Mine", was="", actor=mona, at=now, via="test"),
        lambda: finish_meeting(meeting, actor=mona, at=now, via="test"),
        lambda: take_off(meeting, who=charlie, actor=mona, at=now, via="test"),
        lambda: join(meeting, who=robot, actor=mona, at=now, via="test"),
    )
    for call in calls:
        with pytest.raises(Refused, match="Alice holds the minutes since") as refused:
            call()
        assert refused.value.code == "not_holder"
    # Who holds them puts people down and takes them off; who leaves does so by themselves.
    with pytest.raises(Refused) as refused:
        join(meeting, who=robot, actor=alice, at=now, via="test")
    assert refused.value.code == "invalid_attendee"
    with pytest.raises(Refused) as refused:
        take_off(meeting, who=alice, actor=alice, at=now, via="test")
    assert refused.value.code == "holds_minutes"
    take_off(meeting, who=charlie, actor=charlie, at=now, via="test")
    take_off(meeting, who=mona, actor=alice, at=now, via="test")
    assert [one.user for one in meeting.attendees.all()] == [alice]


def test_notes_that_somebody_changed_meanwhile_are_both_shown(mona: User, now: datetime) -> None:
    meeting = begin(mona, now)
    write_notes(meeting, "One\r\n", was="", actor=mona, at=now, via="test")
    write_notes(meeting, "One", was="", actor=mona, at=now, via="test")
    answer(meeting, 1, mona, now)
    write_decisions(meeting, "Hire", was="", actor=mona, at=now, via="test")
    write_notes(meeting, "One two", was="One", actor=mona, at=now, via="test")
    with pytest.raises(Stale) as stale:
        write_notes(meeting, "One three", was="One", actor=mona, at=now, via="test")
    assert stale.value.changes == {"notes": ("One three", "One two")}
    meeting.refresh_from_db()
    assert (meeting.notes, meeting.decisions, meeting.revision) == ("One two", "Hire", 4)
    with pytest.raises(Refused):
        write_notes(meeting, "x" * 20_001, was="One two", actor=mona, at=now, via="test")


def test_it_is_finished_when_nothing_waits_and_its_ritual_is_done(
    mona: User, alice: User, now: datetime, settings: object
) -> None:
    settings.SENDS_EMAIL = True  # type: ignore[attr-defined]
    held_since(now - timedelta(days=30))
    meeting = begin(mona, now)
    join(meeting, actor=alice, at=now, via="test")
    answer(meeting, 1, mona, now + LATER, "Call Nina")
    close("Deal 2 2026", mona, now - LATER)
    with pytest.raises(Refused, match="1 item waits for an answer"):
        finish_meeting(meeting, actor=mona, at=now + LATER, via="test")
    write_decisions(meeting, "Hire", was="", actor=mona, at=now, via="test")
    with rituals("sales_huddle"):
        at = now + timedelta(minutes=65)
        held = finish_meeting(meeting, skip_rest="No time", send=True, actor=mona, at=at, via="test")
    assert states(meeting) == ["answered", "gone", "skipped"]
    assert held.occasion is not None
    assert "3 on the agenda: 1 answered, 1 skipped, 1 gone" in held.occasion.came_of
    assert "Hire" in held.occasion.came_of
    assert (held.totals["open"], held.totals["at_the_end"]) == (3, {"open": 2})
    assert last_held("huddle", {}) == held
    assert last_held("huddle", {"owner": mona.pk}) is None
    told = Notification.objects.filter(kind="meeting_minutes")
    assert {one.to for one in told} == {mona, alice}
    text = Delivery.objects.filter(kind="meeting_minutes", to=alice).get().text
    for words in (
        "1 hour 5 minutes",
        "There: Mona, Alice",
        "Hire",
        "Deal 1 2026: Next step set",
        "→ Call Nina",
        "No time",
    ):
        assert words in text, words
    # Again by a button, once however often it is pressed.
    send_minutes(held, revision=held.revision, actor=alice, at=at, via="test")
    with pytest.raises(Refused) as refused:
        send_minutes(held, revision=held.revision, actor=alice, at=at, via="test")
    assert refused.value.code == "sent_meanwhile"
    assert told.all().count() == 4
    for call in (lambda: answer(meeting, 3, mona, at), lambda: join(meeting, actor=mona, at=at, via="test")):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "ended"


def test_a_ritual_that_was_answered_already_is_no_obstacle(mona: User, alice: User, now: datetime) -> None:
    held_since(now - timedelta(days=30))
    with rituals("sales_huddle"):
        done("sales_huddle", mona, now, period=MONDAY)
        for at in (now, now + LATER):
            Opportunity.objects.all().delete()
            Meeting.objects.running().delete()
            meeting = begin(mona, at, 1)
            held = finish_meeting(meeting, skip_rest="No time", actor=mona, at=at, via="test")
            assert (held.state, held.occasion) == ("held", None)
    # Who may not answer for it holds the minutes all the same.
    with rituals("sales_huddle"):
        at = now + timedelta(days=7)
        meeting = begin(mona, at, 1)
        join(meeting, actor=alice, at=at, via="test")
        take_over(meeting, held_by=mona.pk, actor=alice, at=at, via="test")
        assert finish_meeting(meeting, skip_rest="No time", actor=alice, at=at, via="test").occasion is None


def test_what_is_called_off_was_not_held(mona: User, alice: User, now: datetime) -> None:
    meeting = begin(mona, now)
    join(meeting, actor=alice, at=now, via="test")
    with pytest.raises(Refused) as refused:
        call_off(meeting, actor=alice, at=now, via="test")
    assert refused.value.code == "forbidden"
    call_off(meeting, actor=mona, at=now, via="test")
    assert (Meeting.objects.held().count(), Meeting.objects.get().holder) == (0, None)
    with pytest.raises(Refused) as refused:
        send_minutes(meeting, actor=mona, at=now, via="test")
    assert refused.value.code == "not_held"
