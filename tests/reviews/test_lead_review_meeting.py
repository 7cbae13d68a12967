"""The lead pipeline review as a meeting: what is riskiest first, the likely actions in place, nothing left out (P2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.activities.models import Activity, NextTouch
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused, Stale
from crm.enquiries.time_left import TimeLeft
from crm.notifications.models import Notification
from crm.people.models import User
from crm.reviews.lead_review.kind import LEADS
from crm.reviews.meetings.services import Said, answer_item, join, skip_item, start_meeting, take_over
from crm.reviews.models import Item, Meeting
from leads.models import Lead
from leads.statuses import Status
from leads.working import plan_touch
from tests.enquiries.asking import touched
from tests.factories import make_lead

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def lead_of(owner: User | None, now: datetime, days: float, **fields: Any) -> Lead:
    """A lead that came, and has been in its status, for so many days."""
    lead = make_lead(at=now - days * DAY, owner=owner, **fields)
    with acting(actor=User.objects.system(), via="test", at=now - days * DAY):
        Lead.objects.filter(pk=lead.pk).update(created_at=now - days * DAY)
    return Lead.objects.get(pk=lead.pk)


def waits(lead: Lead, limit: datetime, *, warned: bool = False) -> Lead:
    """An answer is owed to them by a moment."""
    TimeLeft.objects.create(lead_id=lead.pk, limit_at=limit, warned=warned)
    return lead


def begin(by: User, now: datetime, **given: str) -> Meeting:
    """A review of these leads."""
    return start_meeting("leads", given, actor=by, at=now, via="test")


def answer(meeting: Meeting, lead: Lead, by: User, at: datetime, said: Said | None = None, **facts: Any) -> Item:
    """What is typed into the form of a lead, beside what it holds already."""
    position = meeting.items.get(record_id=lead.pk).position
    form = LEADS.form(LEADS.find([lead.pk])[lead.pk], at=at)
    typed = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    sent = {name: str(value) for name, value in (typed | facts).items()}
    return answer_item(meeting, position, facts=sent, said=said or Said(), actor=by, at=at, via="test")


def test_its_agenda_is_ordered_by_risk_and_what_is_not_on_it_is_counted(
    now: datetime, alice: User, charlie: User, mona: User
) -> None:
    stale = lead_of(alice, now, 20, status=Status.WORKING_TO_ENGAGE)
    nobodys = lead_of(None, now, 1)
    over = lead_of(alice, now, 3)
    longer = lead_of(charlie, now, 9)
    risky = waits(lead_of(alice, now, 1), now + MINUTE, warned=True)
    late = waits(lead_of(alice, now, 1), now - MINUTE)
    later = waits(lead_of(None, now, 30), now - 9 * MINUTE)
    lead_of(alice, now, 1)
    waits(lead_of(alice, now, 1), now + MINUTE)
    waits(lead_of(alice, now, 1, status=Status.CLOSED_NURTURE), now - MINUTE)
    meeting = begin(mona, now)
    items = list(meeting.items.all())
    assert [one.record_id for one in items] == [one.pk for one in (later, late, risky, longer, over, nobodys, stale)]
    assert items[0].reasons == ["breached", "over", "unowned", "stale", "no_next"]
    assert items[-1].reasons == ["stale", "no_next"]
    told = LEADS.figures(meeting.totals)
    assert (told["Open leads"], told["On the agenda"], told["Open and not on the agenda"]) == ("9", "7", "2")
    assert (told["Limit passed"], told["Over their status’s limit"], told["In Closed nurture"]) == ("3", "3", "1")
    assert charlie.team_id
    hers = begin(mona, now, owner=str(charlie.pk), team=str(charlie.team_id))
    assert [one.record_id for one in hers.items.all()] == [longer.pk]
    assert LEADS.scope_words(hers.scope) == "Charlie, Team South"
    assert [one.record_id for one in begin(mona, now, owner="none").items.all()] == [later.pk, nobodys.pk]
    for wrong in ({"owner": "999999"}, {"team": "x"}, {"source": "moon"}):
        with pytest.raises(Refused) as refused:
            begin(mona, now, **wrong)
        assert refused.value.code == "missing_facts"


def test_a_lead_is_answered_in_place_by_its_own_services(now: datetime, alice: User, bob: User, mona: User) -> None:
    first, second, third, fourth = (lead_of(alice, now, 9 - n) for n in range(4))
    nobodys = lead_of(None, now, 1)
    meeting, at = begin(mona, now), now + MINUTE
    due = (now + 2 * DAY).date().isoformat()
    done = answer(
        meeting, first, mona, at, touch_kind="call", touch_outcome="voicemail", touch_text="Will call back",
        next_due=due, next_kind="email", next_text="The price list", give=f"user:{bob.pk}",
    )  # fmt: skip
    assert done.answers == ["touch", "next_touch", "given"]
    touch = Activity.objects.get(lead=first)
    assert (touch.by, touch.happened_at, touch.text) == (mona, at, "Will call back")
    assert str(NextTouch.objects.get(lead=first).due_on) == due
    assert Lead.objects.get(pk=first.pk).owner == bob
    assert Notification.objects.get(to=bob).title == f"Mona gave you {first}"
    # Into a queue, out of which it is given by the rules.
    assert alice.team_id
    assert answer(meeting, second, mona, at, give=f"queue:{alice.team_id}").answers == ["queued"]
    assert Lead.objects.get(pk=second.pk).owner is None
    assert answer(meeting, nobodys, mona, at, give="rules").answers[0] in ("given", "queued")
    # In dialogs of its own, what was done is read off the log.
    move(third, "work", actor=alice, at=at, via="test")
    assert answer(meeting, third, mona, at).answers == ["moved"]
    move(fourth, "nurture", actor=alice, at=at, via="test", nurture_reason="no_budget")
    gone = answer(meeting, fourth, mona, at)
    assert (gone.state, gone.answers) == ("answered", ["put_aside"])
    assert LEADS.gone_words(LEADS.find([fourth.pk])[fourth.pk]) == "It is Closed nurture now."


def test_what_will_not_do_is_said_and_nothing_is_written(now: datetime, alice: User, charlie: User, mona: User) -> None:
    lead, other = lead_of(alice, now, 9), lead_of(alice, now, 8)
    meeting, at = begin(mona, now), now + MINUTE
    due = (now + 2 * DAY).date().isoformat()
    wrong: list[tuple[dict[str, str], str]] = [
        ({}, "needs_answer"),
        ({"touch_text": "Hello"}, "invalid_touch_kind"),
        ({"touch_kind": "email", "touch_outcome": "connected"}, "invalid_touch_outcome"),
        ({"touch_kind": "call", "touch_at": "2026-03-05T10:00"}, "invalid_touch_at"),
        ({"next_kind": "call"}, "invalid_next_due"),
        ({"next_due": due}, "invalid_next_kind"),
        ({"give": "user:999"}, "invalid_give"),
    ]
    for facts, code in wrong:
        with pytest.raises(Refused) as refused:
            answer(meeting, lead, mona, at, None, **facts)
        assert code in refused.value.codes
    # Nothing new needs a note while no promise stands.
    with pytest.raises(Refused) as refused:
        answer(meeting, lead, mona, at, Said(nothing_new=True))
    assert "needs_note" in refused.value.codes
    plan_touch(other, due_on=(now + DAY).date(), kind="call", text="", actor=alice, at=at, via="test")
    assert LEADS.stands(other, at=at)
    # Who holds the minutes and may not change the lead writes nothing, whatever else is right.
    join(meeting, actor=charlie, at=at, via="test")
    take_over(meeting, held_by=mona.pk, actor=charlie, at=at, via="test")
    with pytest.raises(Refused) as refused:
        answer(meeting, lead, charlie, at, touch_kind="call", next_due=due, next_kind="call")
    assert refused.value.code == "forbidden"
    with pytest.raises(Refused) as refused:
        answer(meeting, lead, charlie, at, give=f"user:{charlie.pk}")
    assert refused.value.code == "forbidden"
    assert not Activity.objects.filter(lead=lead).exists()
    take_over(meeting, held_by=charlie.pk, actor=mona, at=at, via="test")
    # What somebody else planned or changed meanwhile is not overwritten.
    plan_touch(lead, due_on=(now + DAY).date(), kind="call", text="Ask Lea", actor=alice, at=at, via="test")
    with pytest.raises(Stale, match="set meanwhile"):
        answer(meeting, lead, mona, at, next_version="", next_due=due, next_kind="email")
    with pytest.raises(Stale):
        answer(meeting, lead, mona, at, version="0", give=f"user:{charlie.pk}")
    # Who is not to be contacted: nothing is planned, and what happened all the same is kept and marked.
    suppress(emails=[lead.email], reason="asked_us", actor=mona, at=at, via="test")
    with pytest.raises(Refused) as refused:
        answer(meeting, lead, mona, at, touch_kind="email", touch_outcome="sent", next_due=due, next_kind="email")
    assert refused.value.code == "do_not_contact"
    assert not Activity.objects.filter(lead=lead).exists()
    done = answer(meeting, lead, mona, at, touch_kind="email", touch_outcome="sent")
    assert done.answers[0] == "violation"
    position = meeting.items.get(record_id=other.pk).position
    skipped = skip_item(meeting, position, reason="Alice is away", actor=mona, at=at, via="test")
    assert (skipped.state, skipped.skip_reason) == ("skipped", "Alice is away")


def test_the_page_shows_one_lead_with_its_moves_and_comes_back_to_the_meeting(
    now: datetime, alice: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    lead = waits(lead_of(alice, now, 9), now - MINUTE)
    browser = Client()
    browser.force_login(mona, backend="crm.people.backends.EmailBackend")
    page = browser.get(reverse("admin:lead_review")).content.decode()
    assert "Start review" in page
    sent = browser.post(reverse("admin:meeting_start"), {"kind": "leads"})
    meeting = Meeting.objects.get()
    assert sent["Location"] == reverse("admin:meeting", args=[meeting.pk])
    browser.get(sent["Location"])
    with CaptureQueriesContext(connection) as once:
        shown = browser.get(sent["Location"]).content.decode()
    assert f"/admin/leads/lead/{lead.pk}/move/work/?version={lead.version}&amp;next=/admin/reviews/meetings/" in shown
    assert "Limit passed" in shown
    assert "Nothing is planned." in shown
    assert "Go to the review that runs" in browser.get(reverse("admin:lead_review")).content.decode()
    for number in range(5):
        touched(lead, alice, now - number * MINUTE)
        move(lead, "work" if number % 2 == 0 else "release", actor=alice, at=now, via="test")
    with CaptureQueriesContext(connection) as often:
        browser.get(sent["Location"])
    assert len(often) <= len(once) + 2
    # The dialog of a move leads back.
    there = reverse("admin:meeting", args=[meeting.pk])
    made = browser.post(f"/admin/leads/lead/{lead.pk}/move/release/", {"next": there})
    assert made["Location"] == there
    # Who follows sees the lead, and nothing to write with.
    follower = Client()
    follower.force_login(alice, backend="crm.people.backends.EmailBackend")
    seen = follower.get(there).content.decode()
    assert "lead-review-card" in seen
    assert "touch_kind" not in seen
    # What cannot be done is said with why.
    suppress(emails=[lead.email], reason="asked_us", actor=mona, at=now, via="test")
    barred = browser.get(there).content.decode()
    assert "Why not" in barred
    assert 'data-code="do_not_contact"' in barred
