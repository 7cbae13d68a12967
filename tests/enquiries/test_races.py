"""Two at once, with real threads: one lead, one enquiry, one answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from crm.activities.suppressing import suppress
from crm.clocks import sweeping
from crm.clocks.models import Clock, ClockEvent
from crm.core.door import move
from crm.core.errors import Refused
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.claiming import claim_enquiry
from crm.enquiries.models import Enquiry, Recheck
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import void_enquiry
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import ask, clock_of, received, touched, written_by_sql
from tests.factories import make_lead
from tests.races import race, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)
HELD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"


def test_two_enquiries_of_one_new_person_at_once_make_one_lead(alice: User, now: datetime) -> None:
    calls = [partial(received, now, email=email) for email in ("nia@hooli.example", "Nia+x@Hooli.example")]
    receipts = race(*calls, behind=HELD, values=("email:nia@hooli.example",))
    assert sorted(receipt.made_lead for receipt in receipts) == [False, True]
    assert Enquiry.objects.filter(lead=Lead.objects.get()).count() == 2


def test_one_message_that_is_sent_twice_at_once_is_one_enquiry(alice: User, now: datetime) -> None:
    calls = [partial(received, now, name="Visitor", system="drift", external_id="c-17") for _ in range(2)]
    receipts = race(*calls, behind=HELD, values=("enquiry:drift\nc-17",))
    assert sorted(receipt.known for receipt in receipts) == [False, True]
    assert Enquiry.objects.count() == Clock.objects.count() == 1


def test_who_is_suppressed_while_their_enquiry_comes_in_has_no_clock_that_runs_unseen(
    alice: User, mona: User, now: datetime
) -> None:
    lead = make_lead(owner=alice, email="nia@hooli.example")

    def put_on_the_list() -> None:
        suppress(reason="asked_us", emails=["nia@hooli.example"], actor=mona, at=now, via="test")

    # Both wait for the lead's row or the gate's holds: whichever is first, the other sees it.
    race(
        partial(received, now, email=lead.email),
        put_on_the_list,
        behind="LOCK activities_suppression, enquiries_enquiry",
    )
    enquiry = Enquiry.objects.get()
    assert enquiry.barred
    assert enquiry.clock is None or enquiry.clock.paused_at is not None


def test_a_response_that_is_noted_while_the_sweep_takes_the_breach_keeps_the_promise(
    alice: User, now: datetime
) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email, channel="web_chat")
    given = clock_of(enquiry).limit_at - timedelta(minutes=1)

    def note_it() -> None:
        wait_until_blocked(1)  # the sweep has the clock
        written_by_sql(lead, alice, given)
        note_responses(at=given)

    sweep = partial(sweeping.sweep, seconds=5)
    race(sweep, note_it, behind="LOCK clocks_clockevent IN EXCLUSIVE MODE")
    clock = clock_of(enquiry)
    assert (clock.stopped_at, clock.next_at, clock.verdict_owner) == (given, None, alice)
    assert clock.events.filter(kind=ClockEvent.Kind.STOPPED).count() == 1
    assert clock.events.filter(step="limit").count() == 1
    assert not Recheck.objects.exists()


def test_a_touch_that_is_written_while_an_enquiry_comes_in_is_seen(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    race(
        partial(ask, now, email=lead.email),
        partial(touched, lead, alice, now),
        behind="LOCK enquiries_recheck IN EXCLUSIVE MODE",
    )
    note_responses(at=now)
    assert clock_of(Enquiry.objects.get()).stopped_at == now


def test_two_who_claim_one_chat_at_once_are_told_who_has_it(alice: User, bob: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    calls = [partial(claim_enquiry, enquiry, actor=who, at=now, via="test") for who in (alice, bob)]
    results = race(*calls, behind="SELECT 1 FROM enquiries_enquiry FOR UPDATE")
    assert sorted(getattr(one, "code", "") for one in results) == ["", "already_owned"]


def test_two_who_void_at_once_void_once(alice: User, bob: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    calls = [
        partial(void_enquiry, Enquiry.objects.get(), reason="spam", actor=who, at=now, via="test")
        for who in (alice, bob)
    ]
    results = race(*calls, behind="SELECT 1 FROM enquiries_enquiry FOR UPDATE")
    assert sorted(getattr(one, "code", "") for one in results) == ["", "voided"]
    assert ClockEvent.objects.filter(clock=clock_of(enquiry), kind=ClockEvent.Kind.VOIDED).count() == 1


def test_an_answer_that_woke_nobody_is_found_by_the_sweep_before_it_tells_of_a_breach(
    alice: User, now: datetime
) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email, channel="web_chat")
    written_by_sql(lead, alice, now + timedelta(minutes=5))
    sweeping.sweep(seconds=5)
    clock = clock_of(enquiry)
    assert clock.stopped_at == now + timedelta(minutes=5)
    assert not clock.events.filter(kind__in=("warned", "breached", "escalated")).exists()


def test_an_answer_and_a_conversion_at_once_are_both_done(alice: User, ann: User, now: datetime) -> None:
    known: dict[str, Any] = dict.fromkeys(("budget", "authority", "need", "timing"), "confirmed")
    lead = make_lead(status="engaged", owner=alice, **known)
    enquiry = ask(now, email=lead.email)
    due = (now + timedelta(days=3)).date()
    facts: dict[str, Any] = {"opportunity_owner": ann, "next_step": "Call", "next_step_due": due}
    said: dict[str, Any] = {"kind": "email", "outcome": "sent", "happened_at": now, "text": "", "next_touch_on": due}
    results = race(
        partial(answer_enquiry, enquiry, actor=alice, at=now, via="test", **said),
        partial(move, lead, "convert", actor=alice, at=now, via="test", **facts),
        behind="SELECT 1 FROM leads_lead FOR UPDATE",
    )
    enquiry.refresh_from_db()
    assert enquiry.contact is not None
    # Who answers after the conversion plans no touch with a lead: then nothing of the answer is stored.
    answered = not isinstance(results[0], Refused)
    assert (clock_of(enquiry).stopped_at == now) == answered
    assert not isinstance(results[1], Exception)
