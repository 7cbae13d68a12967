"""Who asked is known only later: whose it becomes is told, and who is not to be contacted is left alone."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.enquiries.attaching import attach_enquiry, details_known
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import void_enquiry
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.notifications.models import Notification
from crm.people.models import Team, User
from leads.statuses import Status
from tests.enquiries.asking import ask, clock_of, touched
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db


def told(user: User, kind: str) -> list[str]:
    return list(Notification.objects.filter(to=user, kind=kind).values_list("title", flat=True))


def test_a_visitor_who_turns_out_not_to_be_contacted_is_left_alone_and_the_manager_is_asked(
    team: Team, alice: User, mona: User, now: datetime
) -> None:
    lead = make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT, email="stop@hooli.example")
    Team.objects.filter(pk=team.pk).update(manager=mona)
    enquiry = ask(now, channel="web_chat", name="Visitor")
    clock = clock_of(enquiry)
    details_known(enquiry, email=lead.email, actor=alice, at=now, via="test")
    note_responses(at=now)
    enquiry.refresh_from_db()
    assert (enquiry.lead, enquiry.barred, enquiry.clock) == (lead, True, clock)
    assert (clock_of(enquiry).paused_at, clock_of(enquiry).voided_at) == (now, None), "lifted, it runs on"
    assert len(told(mona, "enquiry_barred")) == 1


def test_one_that_is_attached_to_whom_nobody_may_write_to_runs_again_when_that_is_undone(
    team: Team, alice: User, mona: User, now: datetime
) -> None:
    other = make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT)
    enquiry = ask(now, channel="web_chat", name="Visitor")
    before = Transaction.objects.order_by("-pk").values_list("pk", flat=True).first()
    attach_enquiry(enquiry, other, actor=alice, at=now, via="test")
    assert (enquiry.barred, clock_of(enquiry).paused_at) == (True, now)
    assert revert(Transaction.objects.filter(pk__gt=before).get(), actor=mona, at=now, via="test").put_back == 1
    note_responses(at=now)
    enquiry.refresh_from_db()
    assert (enquiry.barred, enquiry.about, clock_of(enquiry).paused_at) == (False, None, None)


def test_one_that_came_barred_and_is_of_somebody_else_gets_its_clock(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT).email)
    assert (enquiry.barred, enquiry.clock) == (True, None)
    attach_enquiry(enquiry, make_lead(owner=alice), actor=mona, at=now, via="test")
    clock = clock_of(enquiry)
    assert (enquiry.barred, clock.started_at, clock.voided_at) == (False, enquiry.received_at, None)


def test_what_was_answered_or_voided_stays_so_when_they_turn_out_not_to_be_contacted(
    team: Team, alice: User, mona: User, now: datetime
) -> None:
    barred = make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT)
    answered, voided = ask(now, channel="web_chat", name="One"), ask(now, channel="web_chat", name="Two")
    touched(answered, alice, now)
    note_responses(at=now)
    void_enquiry(voided, reason="spam", actor=alice, at=now, via="test")
    for enquiry in (answered, voided):
        attach_enquiry(enquiry, barred, actor=alice, at=now, via="test")
        assert enquiry.barred is False
    assert (clock_of(answered).stopped_at, clock_of(answered).voided_at) == (now, None)
    assert told(mona, "enquiry_barred") == []


def test_whose_it_becomes_is_told_once_and_not_of_what_they_did_themselves(
    team: Team, alice: User, charlie: User, mona: User, now: datetime
) -> None:
    contact = make_contact(owner=charlie)
    enquiry = ask(now, channel="web_chat", name="Visitor")
    assert told(charlie, "enquiry_received") == []
    for _ in range(2):
        attach_enquiry(enquiry, contact, actor=mona, at=now, via="test")
    assert len(told(charlie, "enquiry_received")) == 1
    own = ask(now, channel="web_chat", name="Other")
    Notification.objects.filter(key__endswith=f":{own.pk}").delete()
    attach_enquiry(own, make_lead(owner=alice), actor=alice, at=now, via="test")
    assert not Notification.objects.filter(key__endswith=f":{own.pk}").exists()


def test_who_comes_back_from_nurture_is_told_so_when_they_are_known_later(
    team: Team, alice: User, charlie: User, now: datetime
) -> None:
    lead = make_lead(owner=charlie, status=Status.CLOSED_NURTURE)
    enquiry = ask(now, channel="web_chat", name="Visitor")
    details_known(enquiry, email=lead.email, actor=alice, at=now, via="test")
    (title,) = told(charlie, "enquiry_received")
    assert title.startswith("Back from nurture")
