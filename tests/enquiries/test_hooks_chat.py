"""Chats: a conversation is one enquiry, an agent's reply stops its clock, a bot's does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import Activity
from crm.enquiries.holding_up import hold_up
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import clock_of
from tests.enquiries.signed import Tool, tool
from tests.factories import make_contact, make_lead
from tests.races import in_thread, second_connection, wait_until_blocked

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chat(robot: User, root: User) -> Tool:
    """A chat tool that acts as the robot."""
    return tool(robot)


def says(chat: Tool, text: str, *, ago: timedelta, conversation: str = "c-1", **visitor: str) -> Any:
    """A visitor's words."""
    data: dict[str, Any] = {"conversation": conversation, "text": text}
    answer = chat.send("chat.message", data | ({"visitor": visitor} if visitor else {}), at=timezone.now() - ago)
    assert answer.status_code == 200, answer.content
    return answer.json()


def reply(chat: Tool, *, ago: timedelta, agent: str = "alice@example.com", conversation: str = "c-1") -> Any:
    """An agent's answer."""
    data = {"conversation": conversation, "text": "We do.", "agent": {"email": agent}}
    answer = chat.send("chat.reply", data, at=timezone.now() - ago)
    note_responses(at=timezone.now())
    return answer


def test_what_they_write_before_the_answer_is_one_enquiry(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    assert says(chat, "Do you support Windows?", ago=9 * MINUTE)["outcome"] == "appended"
    enquiry = Enquiry.objects.get()
    assert enquiry.text == "Hello.\n\nDo you support Windows?"
    assert clock_of(enquiry).started_at == enquiry.received_at
    assert (enquiry.lead, enquiry.about) == (None, None)


def test_a_reply_is_the_agents_at_its_time_and_stops_the_clock_of_who_is_unknown(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    at = timezone.now() - 4 * MINUTE
    data = {"conversation": "c-1", "text": "We do.", "agent": {"email": "Alice+crm@Example.com"}}
    answer = chat.send("chat.reply", data, at=at)
    assert answer.json()["outcome"] == "answered"
    note_responses(at=timezone.now())
    touch, enquiry = Activity.objects.get(), Enquiry.objects.get()
    assert (touch.by, touch.kind, touch.outcome, touch.happened_at) == (alice, "chat", "sent", at)
    assert (touch.enquiry, enquiry.answer) == (enquiry, touch)
    assert (clock_of(enquiry).stopped_at, clock_of(enquiry).stopped_by) == (at, "response")


def test_a_bots_words_do_not_count(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    bot = {"conversation": "c-1", "text": "Thank you for writing.", "automatic": True}
    assert chat.send("chat.reply", bot).json() == {"outcome": "not_counted"}
    note_responses(at=timezone.now())
    assert clock_of(Enquiry.objects.get()).stopped_at is None
    assert not Activity.objects.exists()


@pytest.mark.parametrize("agent", ["nobody@example.com", "robot@example.com", ""])
def test_a_reply_of_nobody_here_is_refused_and_stops_nothing(chat: Tool, alice: User, agent: str) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    data = {"conversation": "c-1", "text": "We do."} | ({"agent": {"email": agent}} if agent else {})
    answer = chat.send("chat.reply", data)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "unknown_agent")
    note_responses(at=timezone.now())
    assert clock_of(Enquiry.objects.get()).stopped_at is None


def test_who_they_are_said_later_makes_the_lead_and_the_answer_goes_with_them(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE, name="Nia")
    reply(chat, ago=8 * MINUTE)
    data = {"conversation": "c-1", "visitor": {"name": "Nia Park", "email": "nia@hooli.example", "company": "Hooli"}}
    assert chat.send("chat.details", data).json()["outcome"] == "known"
    lead, enquiry = Lead.objects.get(), Enquiry.objects.get()
    assert (lead.first_name, lead.email, lead.company) == ("Nia", "nia@hooli.example", "Hooli")
    assert (enquiry.lead, Activity.objects.get().lead) == (lead, lead)
    assert clock_of(enquiry).stopped_at is not None


def test_who_they_are_said_with_a_later_message_is_taken_too(chat: Tool, alice: User) -> None:
    known = make_lead(owner=alice)
    says(chat, "Hello.", ago=10 * MINUTE)
    assert says(chat, "It is me.", ago=9 * MINUTE, email=known.email)["lead"] == known.pk
    assert Enquiry.objects.get().responsible == alice


def test_what_is_not_known_yet_of_somebody_known_is_kept(chat: Tool, alice: User) -> None:
    known = make_lead(owner=alice)
    says(chat, "Hello.", ago=10 * MINUTE, email=known.email)
    chat.send("chat.details", {"conversation": "c-1", "visitor": {"phone": "+1 415 555 0100", "email": "x@y.example"}})
    enquiry = Enquiry.objects.get()
    assert (enquiry.phone, enquiry.email) == ("+1 415 555 0100", known.email)


def test_after_the_answer_the_talk_goes_on_and_they_replied(chat: Tool, alice: User) -> None:
    lead = make_lead(owner=alice)
    says(chat, "Hello.", ago=60 * MINUTE, email=lead.email)
    reply(chat, ago=50 * MINUTE)
    assert says(chat, "Thank you.", ago=49 * MINUTE)["outcome"] == "logged"
    assert Enquiry.objects.get().text == "Hello."
    theirs = Activity.objects.get(direction="in")
    assert (theirs.lead, theirs.outcome, theirs.text) == (lead, "replied", "Thank you.")


@pytest.mark.parametrize("how", ["silence", "closed"])
def test_a_question_after_the_end_is_a_new_enquiry_of_who_asked_before(chat: Tool, alice: User, how: str) -> None:
    begun = timedelta(hours=9) if how == "silence" else timedelta(hours=1)
    says(chat, "Hello.", ago=begun + MINUTE, email="nia@hooli.example", name="Nia")
    reply(chat, ago=begun)
    if how == "closed":
        closed = chat.send("chat.closed", {"conversation": "c-1"}, at=timezone.now() - begun + MINUTE)
        assert closed.json()["waiting"] is False
    assert says(chat, "And Linux?", ago=2 * MINUTE)["outcome"] == "received"
    first, second = Enquiry.objects.order_by("pk")
    assert (second.lead, second.text, second.email) == (first.lead, "And Linux?", "nia@hooli.example")
    assert clock_of(second).stopped_at is None
    assert says(chat, "Or a Mac?", ago=MINUTE)["enquiry"] == second.pk
    reply(chat, ago=timedelta())
    assert clock_of(second).stopped_at is not None


def test_closing_is_no_answer(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    closed = chat.send("chat.closed", {"conversation": "c-1"})
    assert (closed.json()["outcome"], closed.json()["waiting"]) == ("closed", True)
    assert clock_of(Enquiry.objects.get()).stopped_at is None
    # Nobody has answered: what follows is still the same request.
    assert says(chat, "Hello?", ago=timedelta())["outcome"] == "appended"


def test_a_message_that_comes_late_stays_where_it_was_said(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=60 * MINUTE)
    reply(chat, ago=50 * MINUTE)
    chat.send("chat.closed", {"conversation": "c-1"}, at=timezone.now() - 40 * MINUTE)
    assert says(chat, "Are you there?", ago=45 * MINUTE)["outcome"] == "logged"
    assert Enquiry.objects.count() == 1


def test_their_words_end_the_wait_for_them(chat: Tool, alice: User, mona: User) -> None:
    says(chat, "Hello.", ago=60 * MINUTE)
    enquiry = Enquiry.objects.get()
    hold_up(enquiry, reason="waiting_for_details", actor=mona, at=timezone.now() - 30 * MINUTE, via="test")
    says(chat, "Here are the details.", ago=10 * MINUTE)
    clock = clock_of(enquiry)
    assert clock.paused_at is None
    assert [one.kind for one in clock.events.order_by("id")][-1] == "resumed"


def test_a_customers_chat_makes_no_lead(chat: Tool, ann: User) -> None:
    contact = make_contact(owner=ann)
    says(chat, "Hello.", ago=10 * MINUTE, email=contact.email)
    assert not Lead.objects.exists()
    assert Enquiry.objects.get().contact == contact
    reply(chat, ago=5 * MINUTE, agent="ann@example.com")
    assert clock_of(Enquiry.objects.get()).stopped_at is not None


@pytest.mark.parametrize(
    "visitor", [{"email": "not an address"}, {"linkedin_url": "https://www.linkedin.com/company/x"}]
)
def test_details_that_will_not_do_are_named_and_nothing_is_changed(chat: Tool, alice: User, visitor: Any) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    answer = chat.send("chat.details", {"conversation": "c-1", "visitor": visitor})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] in visitor
    assert Enquiry.objects.get().about is None


def test_a_message_without_words_is_refused(chat: Tool, alice: User) -> None:
    answer = chat.send("chat.message", {"conversation": "c-1", "text": " "})
    assert answer.json()["errors"][0]["code"] == "needs_text"
    assert not Enquiry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_words_that_come_while_somebody_answers_are_seen(chat: Tool, alice: User) -> None:
    says(chat, "Hello.", ago=10 * MINUTE)
    enquiry = Enquiry.objects.get()
    with ThreadPoolExecutor(1) as pool, second_connection() as answering:
        answering.execute("SELECT 1 FROM enquiries_enquiry WHERE id = %s FOR UPDATE", [enquiry.pk])
        answering.execute(
            "UPDATE clocks_clock SET stopped_at = now(), next_at = NULL WHERE id = %s", [enquiry.clock_id]
        )
        later = in_thread(pool, lambda: says(chat, "And Linux?", ago=MINUTE))
        wait_until_blocked(1)
        answering.commit()
        assert later.result(timeout=30)["outcome"] == "logged"
    enquiry.refresh_from_db()
    assert enquiry.text == "Hello."
    assert Activity.objects.get().text == "And Linux?"


def test_no_lead_is_made_of_a_conversation_that_was_voided_until_a_manager_takes_it_up(
    chat: Tool, alice: User, mona: User
) -> None:
    chat.send("chat.message", {"conversation": "c-1", "text": "Buy cheap seats."})
    enquiry = Enquiry.objects.get()
    void_enquiry(enquiry, reason="spam", actor=alice, at=timezone.now(), via="test")
    answer = chat.send("chat.details", {"conversation": "c-1", "visitor": {"email": "seats@spam.example"}})
    assert (answer.status_code, Lead.objects.exists()) == (200, False)
    unvoid_enquiry(enquiry, actor=mona, at=timezone.now(), via="test")
    assert (enquiry.email, enquiry.lead) == ("seats@spam.example", Lead.objects.get())
    assert clock_of(enquiry).voided_at is None
