"""The time left to answer each lead, kept by the database on every way of writing; the list of leads knows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from crm import handbook
from crm.clocks.models import Clock, ClockEvent
from crm.core.acting import acting
from crm.duplicates.merging import merge_records
from crm.enquiries.attaching import attach_enquiry
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.enquiries.time_left import TimeLeft
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.enquiries.asking import ask, touched
from tests.factories import make_lead

LIST = "/admin/leads/lead/"
COLUMN = 4  # of the view all_leads, after the box that selects a row


def left_of(lead: Lead) -> TimeLeft | None:
    return TimeLeft.objects.filter(lead_id=lead.pk).first()


@pytest.fixture
def asked(alice: User, now: datetime) -> Enquiry:
    """Alice's lead asked something."""
    return ask(now, email=make_lead(owner=alice, email="grace@globex.example").email)


def test_a_lead_has_the_limit_of_what_it_asked(asked: Enquiry) -> None:
    assert asked.lead
    assert asked.clock
    left = left_of(asked.lead)
    assert left
    assert left.limit_at == asked.clock.limit_at
    assert not left.warned
    assert not left.held_up


def test_the_limit_that_comes_first_counts(asked: Enquiry, now: datetime) -> None:
    chat = ask(now, channel="web_chat", email="grace@globex.example")
    assert asked.lead
    assert asked.clock
    assert chat.clock
    assert chat.clock.limit_at < asked.clock.limit_at
    left = left_of(asked.lead)
    assert left
    assert left.limit_at == chat.clock.limit_at


def test_nothing_is_left_once_they_are_answered(asked: Enquiry, alice: User, now: datetime) -> None:
    assert asked.lead
    touched(asked.lead, alice, now)
    note_responses(at=now)
    left = left_of(asked.lead)
    assert left
    assert left.limit_at is None
    assert not left.held_up


def test_what_is_held_up_has_no_limit_and_says_so(asked: Enquiry, alice: User, now: datetime) -> None:
    assert asked.lead
    reason = handbook.current().choices("enquiry.pause_reasons")[0][0]
    hold_up(asked, reason=reason, actor=alice, at=now, via="test")
    left = left_of(asked.lead)
    assert left
    assert left.limit_at is None
    assert left.held_up
    resume(asked, actor=alice, at=now + timedelta(hours=1), via="test")
    left = left_of(asked.lead)
    assert left
    assert left.limit_at == Clock.objects.get(enquiry=asked).limit_at
    assert not left.held_up


def test_voiding_takes_the_limit_away_and_undoing_gives_it_back(asked: Enquiry, mona: User, now: datetime) -> None:
    assert asked.lead
    void_enquiry(asked, reason="spam", actor=mona, at=now, via="test")
    assert left_of(asked.lead).limit_at is None  # type: ignore[union-attr]
    unvoid_enquiry(asked, actor=mona, at=now, via="test")
    assert left_of(asked.lead).limit_at is not None  # type: ignore[union-attr]


def test_it_follows_the_enquiry_to_another_lead(asked: Enquiry, alice: User, now: datetime) -> None:
    first, other = asked.lead, make_lead(owner=alice)
    assert first
    attach_enquiry(asked, other, actor=alice, at=now, via="test")
    assert left_of(first).limit_at is None  # type: ignore[union-attr]
    assert left_of(other).limit_at == Clock.objects.get(enquiry=asked).limit_at  # type: ignore[union-attr]


def test_it_follows_a_write_past_every_service(asked: Enquiry, alice: User, now: datetime) -> None:
    other = make_lead(owner=alice)
    first = asked.lead
    assert first
    with acting(actor=alice, via="test", at=now):
        Enquiry.objects.filter(pk=asked.pk).update(lead=other)
    assert left_of(first).limit_at is None  # type: ignore[union-attr]
    Clock.objects.filter(enquiry=asked).update(limit_at=now + timedelta(days=9))
    assert left_of(other).limit_at == now + timedelta(days=9)  # type: ignore[union-attr]


def test_a_warning_puts_the_lead_at_risk_until_its_times_change(asked: Enquiry, now: datetime) -> None:
    assert asked.lead
    assert asked.clock
    ClockEvent.objects.create(clock=asked.clock, kind="warned", step="warn_90", round=0, at=now)
    assert left_of(asked.lead).state(now) == "at_risk"  # type: ignore[union-attr]
    Clock.objects.filter(pk=asked.clock.pk).update(round=1)
    assert left_of(asked.lead).state(now) == "in_time"  # type: ignore[union-attr]


def test_a_lead_that_is_gone_has_none(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    TimeLeft.objects.create(lead_id=lead.pk)
    with acting(actor=alice, via="test", at=now):
        lead.delete()
    assert not TimeLeft.objects.exists()


def test_the_survivor_of_a_merge_has_the_limit(asked: Enquiry, alice: User, mona: User, now: datetime) -> None:
    assert asked.lead
    survivor, merged = make_lead(owner=alice), asked.lead
    merge_records(survivor, [merged], actor=mona, at=now, via="test")
    assert left_of(survivor).limit_at == Clock.objects.get(enquiry=asked).limit_at  # type: ignore[union-attr]
    assert not TimeLeft.objects.filter(lead_id=merged.pk).exists()


# --- the list of leads ------------------------------------------------------------------------------------------------


@pytest.fixture
def client(mona: User) -> Client:
    return client_of(mona)


def rows_of(answer: Any) -> list[int]:
    return [row.pk for row in answer.context["cl"].result_list]


def test_the_list_sorts_by_time_left_with_those_to_answer_first(client: Client, alice: User, now: datetime) -> None:
    quiet = [make_lead(owner=alice) for _ in range(3)]
    late = ask(now, email=make_lead(owner=alice, email="late@globex.example").email)
    soon = ask(now, channel="web_chat", email=make_lead(owner=alice, email="soon@globex.example").email)
    answer = client.get(LIST, {"o": COLUMN})
    assert rows_of(answer) == [soon.lead_id, late.lead_id, *(lead.pk for lead in reversed(quiet))]
    assert rows_of(client.get(LIST, {"o": f"-{COLUMN}"}))[:2] == [late.lead_id, soon.lead_id]
    assert "data-left=" in answer.content.decode()


def test_pages_of_that_order_have_every_lead_once(client: Client, alice: User, now: datetime) -> None:
    for number in range(53):
        make_lead(owner=alice, email=f"lead{number}@globex.example")
    for number in range(52):
        ask(now, email=f"lead{number}@globex.example")
    first, second = (rows_of(client.get(LIST, {"o": COLUMN, "p": page})) for page in (1, 2))
    assert len(first) == 50
    assert len(second) == 3
    assert not set(first) & set(second)


@pytest.mark.parametrize(("state", "names"), [("breached", ["over"]), ("at_risk", ["near"]), ("none", ["quiet"])])
def test_the_list_is_filtered_by_how_it_stands(
    client: Client, alice: User, now: datetime, state: str, names: list[str]
) -> None:
    for name in ("over", "near", "quiet"):
        make_lead(owner=alice, email=f"{name}@globex.example")
    over, near = ask(now, email="over@globex.example"), ask(now, email="near@globex.example")
    assert over.lead
    assert near.lead
    TimeLeft.objects.filter(lead_id=over.lead.pk).update(limit_at=now - timedelta(days=3650))
    TimeLeft.objects.filter(lead_id=near.lead.pk).update(limit_at=now + timedelta(days=3650), warned=True)
    answer = client.get(LIST, {"response": state})
    assert [row.email.partition("@")[0] for row in answer.context["cl"].result_list] == names
    assert [chip.title for chip in answer.context["cl"].chips] == ["response"]
