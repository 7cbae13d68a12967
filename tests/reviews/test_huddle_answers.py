"""What is done with an opportunity in a huddle: by its own doors, told by what was really done (P1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.models import NextStep, Opportunity
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused, Stale
from crm.people.models import User
from crm.reviews.huddle.kind import HUDDLE
from crm.reviews.meetings.services import Said, answer_item, finish_meeting, join, start_meeting, take_over
from crm.reviews.models import Item, Meeting
from tests.factories import make_contact
from tests.races import race
from tests.reviews.huddling import DAY, TODAY, change, deal, item_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def sent(record: Opportunity, **typed: Any) -> dict[str, str]:
    """The form of a record as a browser sends it: everything that stands in it, and what was typed."""
    form = HUDDLE.form(HUDDLE.find([record.pk])[record.pk], at=datetime.now())
    values = {name: field.value() for name, field in ((one.name, form[one.name]) for one in form)}
    return {name: "" if value is None else str(value) for name, value in {**values, **typed}.items()}


def write(record: Opportunity, actor: User, at: datetime, data: Mapping[str, str]) -> list[str]:
    """Read the form and do what it says."""
    found = HUDDLE.find([record.pk])[record.pk]
    form = HUDDLE.form(found, data=data, at=at)
    assert form.is_valid(), form.errors
    return HUDDLE.write(found, form.cleaned_data, actor=actor, at=at, via="admin")


def promises(record: Opportunity) -> list[tuple[str, str]]:
    """What was promised, and what became of it, the oldest first."""
    return [(one.text, one.outcome) for one in record.next_steps.order_by("made_at", "pk")]


NEXT, LATER = str(TODAY + 7 * DAY), str(TODAY + 9 * DAY)
CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str], list[tuple[str, str]]]] = [
    ("nothing", {}, {}, [], [("Call them", "standing")]),
    (
        "kept",
        {},
        {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT},
        ["step_kept", "step_set"],
        [("Call them", "kept"), ("Meet", "standing")],
    ),
    (
        "kept late",
        {"next_step_due": TODAY - DAY},
        {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT},
        ["step_late", "step_set"],
        [("Call them", "late"), ("Meet", "standing")],
    ),
    ("not yet", {}, {"step_kept": "no"}, ["step_open"], [("Call them", "standing")]),
    (
        "postponed",
        {"next_step_due": TODAY - DAY},
        {"step_kept": "no", "next_step_due": NEXT},
        ["step_postponed"],
        [("Call them", "rewritten"), ("Call them", "standing")],
    ),
    (
        "another",
        {},
        {"next_step": "Write to them"},
        ["step_set"],
        [("Call them", "rewritten"), ("Write to them", "standing")],
    ),
    (
        "the first",
        {"next_step": "", "next_step_due": None},
        {"next_step": "Call Nina", "next_step_due": NEXT},
        ["step_set"],
        [("Call Nina", "standing")],
    ),
    (
        "figures",
        {"stated_forecast": "commit"},
        {"close_on": str(TODAY + 90 * DAY), "stated_forecast": "", "confidence": "60", "amount": "1250.50"},
        ["close_pushed", "forecast", "confidence", "amount"],
        [("Call them", "standing")],
    ),
    ("sooner", {}, {"close_on": str(TODAY)}, ["close_pulled"], [("Call them", "standing")]),
    ("no day", {}, {"close_on": "", "amount": ""}, ["close_cleared", "amount"], [("Call them", "standing")]),
    ("a day", {"close_on": None}, {"close_on": str(TODAY)}, ["close_set"], [("Call them", "standing")]),
    (
        "everything",
        {},
        {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT, "amount": "7", "close_on": LATER},
        ["step_kept", "step_set", "close_pulled", "amount"],
        [("Call them", "kept"), ("Meet", "standing")],
    ),
]


def test_what_is_typed_is_done_and_told_and_makes_one_promise_at_most(alice: User, now: datetime) -> None:
    for number, (case, made, typed, codes, promised) in enumerate(CASES):
        at, one = now + number * MINUTE, deal(owner=alice, **made)
        before = one.version
        item = item_of(one, alice, at - MINUTE) if not number else Item(record_id=one.pk)
        assert write(one, alice, at, sent(one, **typed)) == codes, case
        assert promises(one) == promised, case
        one.refresh_from_db()
        assert (one.version > before) == (codes not in ([], ["step_open"])), case
        # The same, read off the change log by whoever looks later: what was said alone is in no log.
        since = HUDDLE.done_since(item, one, since=at - MINUTE)
        assert since == [code for code in codes if code != "step_open"], case
        assert HUDDLE.done_since(item, one, since=at) == []
        assert all(code in HUDDLE.answers for code in codes)
    figures = Opportunity.objects.get(amount=Decimal("1250.50"))
    assert (figures.confidence, figures.stated_forecast, figures.close_on) == (60, "", TODAY + 90 * DAY)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ({}, {"step_kept": "yes"}, ("same_next_step",)),
    ({}, {"step_kept": "yes", "next_step": "", "next_step_due": ""}, ("needs_next_step", "needs_next_step_due")),
    ({"next_step_due": TODAY - DAY}, {"step_kept": "no"}, ("next_step_overdue",)),
    # Something else for the day that has passed is no promise either.
    ({"next_step_due": TODAY - DAY}, {"step_kept": "no", "next_step": "Meet"}, ("next_step_overdue",)),
    ({"next_step_due": TODAY - DAY}, {"next_step": "Meet"}, ("next_step_overdue",)),
    ({}, {"next_step_due": str(TODAY - DAY)}, ("next_step_due_past",)),
    ({}, {"next_step": "", "next_step_due": ""}, ("needs_next_step",)),
    ({"next_step": "", "next_step_due": None}, {"next_step": "Call"}, ("needs_next_step_due",)),
    ({}, {"amount": "-1"}, ("negative_amount",)),
    ({}, {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT, "amount": "-1"}, ("negative_amount",)),
]


def test_what_its_own_page_refuses_is_refused_in_the_same_words_and_nothing_is_written(
    alice: User, charlie: User, now: datetime
) -> None:
    for made, typed, codes in REFUSED:
        one = deal(owner=alice, **made)
        with pytest.raises(Refused) as refused:
            write(one, alice, now, sent(one, **typed))
        assert refused.value.codes == codes
        assert all(item.field in HUDDLE.form(one, at=now).fields for item in refused.value.missing)
        stored = Opportunity.objects.get(pk=one.pk)
        assert (stored.version, len(promises(one))) == (one.version, 1 if one.next_step else 0)
    one = deal(owner=alice)
    form = HUDDLE.form(one, data=sent(one, amount="lots", confidence="101", close_on="1850-01-01"), at=now)
    assert set(form.errors) == {"amount", "confidence", "close_on"}
    # Who may not change it is told so by the record's door, whatever is typed; who types nothing is not.
    for typed in ({"amount": "7"}, {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT}):
        with pytest.raises(Refused) as refused:
            write(one, charlie, now, sent(one, **typed))
        assert refused.value.code == "forbidden"
        assert refused.value.message == "An opportunity is changed by: Owner, their team, a manager."
    assert write(one, charlie, now, sent(one)) == []
    contact = make_contact()
    barred = deal(owner=alice, contact=contact, next_step_due=TODAY - DAY)
    suppress(actor=alice, at=now, via="test", reason="asked_us", emails=[contact.email])
    for typed in (
        {"next_step_due": NEXT},
        {"step_kept": "yes", "next_step": "Meet", "next_step_due": NEXT},
    ):
        with pytest.raises(Refused) as refused:
            write(barred, alice, now, sent(barred, **typed))
        assert "do_not_contact" in (refused.value.code, *refused.value.codes)
        assert refused.value.missing[0].field == "next_step"
    assert write(barred, alice, now, sent(barred, amount="5")) == ["amount"]


def test_what_another_changed_meanwhile_is_shown_and_never_overwritten(alice: User, bob: User, now: datetime) -> None:
    one = deal(owner=alice)
    opened = sent(one)
    change(one, bob, now, amount=Decimal(900), close_on=TODAY + 70 * DAY)
    # Nothing was typed: what they did stands, and nothing is asked for.
    assert write(one, alice, now + MINUTE, opened) == []
    typed = {**opened, "amount": "500", "confidence": "40"}
    with pytest.raises(Stale) as stale:
        write(one, alice, now + MINUTE, typed)
    assert "Bob" in stale.value.message
    assert {name: [str(one) for one in pair] for name, pair in stale.value.changes.items()} == {
        "amount": ["100.0", "900.0"],
        "close_on": ["2026-05-03", "2026-05-13"],
    }
    record = HUDDLE.find([one.pk])[one.pk]
    assert (record.amount, record.confidence) == (900, None)
    # The form is shown again with both values of what both changed, and with theirs where only they did.
    form = HUDDLE.form(record, data=typed, at=now)
    told = {item.label: (item.before, item.theirs, item.yours, item.who) for item in form.meanwhile}
    assert told == {
        "Amount": ("100", "900", "500", "Bob"),
        "Close date": ("May 3, 2026", "May 13, 2026", "", "Bob"),
    }
    assert (form["amount"].value(), form["close_on"].value()) == ("500", "2026-05-13")
    again = {name: str(form[name].value() or "") for name in typed} | {"version": str(record.version)}
    assert write(one, alice, now + 2 * MINUTE, again) == ["confidence", "amount"]
    record.refresh_from_db()
    assert (record.amount, record.close_on) == (500, TODAY + 70 * DAY)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told_what_the_other_did(alice: User, mona: User, now: datetime) -> None:
    one = deal(owner=alice)
    opened = sent(one, step_kept="yes", next_step_due=NEXT)
    first, second = race(
        lambda: write(one, alice, now, {**opened, "next_step": "Meet"}),
        lambda: write(one, mona, now, {**opened, "next_step": "Write to them"}),
        behind="SELECT FROM contracts_opportunity WHERE id = %s FOR UPDATE",
        values=(one.pk,),
    )
    won, lost = (first, second) if isinstance(second, Stale) else (second, first)
    assert won == ["step_kept", "step_set"]
    assert isinstance(lost, Stale)
    stood = "Meet" if lost is second else "Write to them"
    assert lost.changes["next_step"] == ("Call them", stood)
    assert promises(one) == [("Call them", "kept"), (stood, "standing")]


def test_what_is_not_sent_stays(alice: User, now: datetime) -> None:
    one = deal(owner=alice, confidence=30)
    assert write(one, alice, now, {"amount": "7"}) == ["amount"]
    one.refresh_from_db()
    assert (one.confidence, one.next_step) == (30, "Call them")


def test_its_dialogs_answer_it_as_well(mona: User, alice: User, now: datetime) -> None:
    moved, given, edited, lost = (deal(owner=alice) for _ in range(4))
    items = {one.pk: Item(record_id=one.pk) for one in (moved, given, edited, lost)}
    step: dict[str, Any] = {"next_step": "Meet", "next_step_due": TODAY + 3 * DAY, "criteria": ["meeting_held"]}
    move(moved, "advance", actor=alice, at=now + MINUTE, via="admin", next_step_kept="on", **step)
    change(given, mona, now + MINUTE, owner=mona)
    change(edited, mona, now + MINUTE, description="They are keen")
    move(lost, "lose", actor=alice, at=now + MINUTE, via="admin", lost_reason="price")
    done = {one.name: HUDDLE.done_since(items[one.pk], one, since=now) for one in (moved, given, edited, lost)}
    assert done == {
        moved.name: ["step_kept", "step_set", "advanced"],
        given.name: ["owner"],
        edited.name: ["edited"],
        lost.name: ["lost"],
    }
    lost.refresh_from_db()
    assert HUDDLE.is_gone(lost)
    assert HUDDLE.gone_words(lost) == "It is Closed lost now."
    # The handbook may lose its stage while the meeting runs: that closes nothing, and it is still asked for.
    astray = deal(owner=alice, stage="stage_of_last_year")
    assert not HUDDLE.is_gone(astray)
    assert write(astray, alice, now + MINUTE, sent(astray, amount="7")) == ["amount"]


# --- in a meeting -----------------------------------------------------------------------------------------------------


def answer(meeting: Meeting, position: int, actor: User, at: datetime, *, note: str = "", **typed: Any) -> Item:
    """Answer an item as the page does."""
    item = meeting.items.get(position=position)
    record = Opportunity.objects.filter(pk=item.record_id).first()
    facts = sent(record, **typed) if record and record.is_open else typed
    said = Said(note=note, nothing_new=not typed)
    return answer_item(meeting, position, facts=facts, said=said, actor=actor, at=at, via="admin")


def test_a_huddle_leaves_nothing_without_an_answer(mona: User, alice: User, charlie: User, now: datetime) -> None:
    overdue = deal(name="Overdue 2026", owner=alice, next_step_due=TODAY - DAY)
    barred = deal(name="Barred 2026", owner=charlie, next_step="", next_step_due=None)
    closed = deal(name="Closed meanwhile 2026", owner=charlie, close_on=TODAY - 3 * DAY)
    deleted = deal(name="Deleted meanwhile 2026", owner=charlie, close_on=TODAY - 2 * DAY, amount=Decimal(1))
    fine = deal(name="Fine 2026", owner=alice)
    meeting = start_meeting("huddle", {}, actor=mona, at=now, via="admin")
    names = list(meeting.items.values_list("name", flat=True))
    assert names == [one.name for one in (overdue, barred, closed, deleted, fine)]
    assert meeting.totals["promises"]["not_kept"] == 1
    # Whoever holds the minutes changes what they may change, and nothing else.
    join(meeting, actor=alice, at=now, via="admin")
    take_over(meeting, held_by=mona.pk, actor=alice, at=now, via="admin")
    with pytest.raises(Refused) as refused:
        answer(meeting, 2, alice, now, next_step="Call", next_step_due=NEXT, note="They want it")
    assert refused.value.message == "An opportunity is changed by: Owner, their team, a manager."
    assert meeting.items.get(position=2).state == "waiting"
    assert not Opportunity.objects.get(pk=barred.pk).next_step
    # An overdue promise is no answer by itself; with a note it is.
    with pytest.raises(Refused) as refused:
        answer(meeting, 1, alice, now)
    assert refused.value.codes == ("needs_note",)
    done = answer(meeting, 1, alice, now, step_kept="no", next_step_due=NEXT)
    assert (done.state, done.answers) == ("answered", ["step_postponed"])
    assert answer(meeting, 2, alice, now, note="Charlie plans it tomorrow").answers == ["nothing_new"]
    move(closed, "lose", actor=charlie, at=now + MINUTE, via="admin", lost_reason="price")
    with acting(actor=mona, via="admin", at=now + MINUTE):
        deleted.delete()
    lost = answer(meeting, 3, alice, now + 2 * MINUTE, amount="7")
    assert (lost.state, lost.answers) == ("answered", ["lost"])
    assert Opportunity.objects.get(pk=closed.pk).amount == 100, "what is closed is not changed by a form"
    assert answer(meeting, 4, alice, now + 2 * MINUTE, amount="7").state == "gone"
    assert answer(meeting, 5, alice, now + 2 * MINUTE).answers == ["nothing_new"], "its promise stands"
    finish_meeting(meeting, skip_rest="", send=False, actor=alice, at=now + 3 * MINUTE, via="admin")
    assert not Item.objects.waiting().exists()
    # The first one was: there is no last time, and its own minutes are not that.
    meeting.refresh_from_db()
    lines = [line for many in HUDDLE.told(list(meeting.items.select_related("meeting"))).values() for line in many]
    assert "Next step: “Call them”, due March 11, 2026" in lines
    assert not any(line.startswith("Promised last time") for line in lines)
    # What was promised then is asked for the next time, and comes first when it was not kept.
    later = now + 8 * DAY
    following = start_meeting("huddle", {}, actor=mona, at=later, via="admin")
    first = following.items.get(position=1)
    assert (first.name, first.reasons[0]) == (overdue.name, "step_overdue")
    told = HUDDLE.told(list(following.items.select_related("meeting")))
    assert told[first.pk] == ["Promised last time: “Call them”, due March 11, 2026: past due"]
    write(overdue, alice, later + MINUTE, sent(overdue, step_kept="yes", next_step="Sign", next_step_due="2026-03-20"))
    assert HUDDLE.told([first])[first.pk] == [
        "Promised last time: “Call them”, due March 11, 2026: kept late",
        "Next step: “Sign”, due March 20, 2026",
    ]
    assert NextStep.objects.filter(opportunity=overdue).count() == 3
    write(fine, alice, later + MINUTE, sent(fine, step_kept="no", next_step_due="2026-03-20"))
    postponed = following.items.get(record_id=fine.pk)
    assert HUDDLE.told([postponed])[postponed.pk][0] == "Promised last time: “Call them”, due March 9, 2026: postponed"
