"""Voiding, holding up, claiming, giving and attaching."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from crm.clocks.models import ClockEvent
from crm.core.errors import Refused
from crm.enquiries.attaching import attach_enquiry, details_known
from crm.enquiries.claiming import claim_enquiry, give_enquiry
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.leaving import deactivate_user
from crm.people.models import Team, User
from leads.models import Lead
from tests.enquiries.asking import MINUTE, ask, clock_of, touched
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db


def test_what_is_voided_has_no_clock_and_a_manager_takes_it_back(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    void_enquiry(enquiry, reason="spam", note="Selling seats.", actor=alice, at=now, via="test")
    clock = clock_of(enquiry)
    assert (enquiry.voided_by, enquiry.void_reason, clock.voided_at, clock.next_at) == (alice, "spam", now, None)
    with pytest.raises(Refused) as refused:
        unvoid_enquiry(enquiry, actor=alice, at=now, via="test")
    assert refused.value.code == "forbidden"
    unvoid_enquiry(enquiry, actor=mona, at=now, via="test")
    clock = clock_of(enquiry)
    assert (enquiry.voided_at, clock.voided_at) == (None, None)
    assert clock.next_at is not None


def test_what_was_answered_and_voided_is_answered_again_when_that_is_taken_back(
    alice: User, mona: User, now: datetime
) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now)
    note_responses(at=now)
    void_enquiry(enquiry, reason="test", actor=alice, at=now, via="test")
    unvoid_enquiry(enquiry, actor=mona, at=now, via="test")
    assert (clock_of(enquiry).stopped_at, clock_of(enquiry).voided_at) == (now, None)


def test_a_voiding_that_is_undone_from_the_log_lets_the_clock_run(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    before = Transaction.objects.order_by("-pk").values_list("pk", flat=True).first()
    void_enquiry(enquiry, reason="test", actor=alice, at=now, via="test")
    done = Transaction.objects.filter(pk__gt=before).get()
    assert revert(done, actor=mona, at=now, via="test").put_back == 1
    note_responses(at=now)
    enquiry.refresh_from_db()
    assert (enquiry.voided_at, clock_of(enquiry).voided_at) == (None, None)


@pytest.mark.parametrize(
    ("reason", "note", "code"), [("", "", "invalid_reason"), ("spam", "x" * 10_001, "invalid_note")]
)
def test_it_refuses_to_void_without_a_reason_of_the_handbook(
    alice: User, now: datetime, reason: str, note: str, code: str
) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    with pytest.raises(Refused) as refused:
        void_enquiry(enquiry, reason=reason, note=note, actor=alice, at=now, via="test")
    assert refused.value.codes == (code,)
    assert clock_of(enquiry).voided_at is None


def test_another_team_may_not_touch_it(alice: User, charlie: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    calls: list[Callable[[], object]] = [
        lambda: void_enquiry(enquiry, reason="spam", actor=charlie, at=now, via="test"),
        lambda: hold_up(enquiry, reason="asked_to_wait", actor=charlie, at=now, via="test"),
        lambda: attach_enquiry(enquiry, make_lead(), actor=charlie, at=now, via="test"),
    ]
    for call in calls:
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "forbidden"


def test_it_is_held_up_and_runs_on_by_what_the_pause_took(alice: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    limit = clock_of(enquiry).limit_at
    hold_up(enquiry, reason="waiting_for_details", actor=alice, at=now, via="test")
    assert (clock_of(enquiry).paused_at, clock_of(enquiry).next_at) == (now, None)
    resume(enquiry, actor=alice, at=now + timedelta(hours=3), via="test")
    clock = clock_of(enquiry)
    assert (clock.limit_at, clock.paused_at) == (limit + timedelta(hours=3), None)
    said = clock.events.get(kind=ClockEvent.Kind.PAUSED)
    assert (said.reason, said.by) == ("Waiting for details from them", alice)


def test_who_claims_a_chat_has_it_and_the_second_is_told_who(team: Team, alice: User, bob: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    claim_enquiry(enquiry, actor=alice, at=now, via="test")
    assert (enquiry.owner, enquiry.responsible, enquiry.waits_in) == (alice, alice, None)
    with pytest.raises(Refused) as refused:
        claim_enquiry(enquiry, actor=bob, at=now, via="test")
    assert (refused.value.code, "Alice" in refused.value.message) == ("already_owned", True)


def test_claiming_one_of_a_lead_that_nobody_owns_claims_the_lead(alice: User, now: datetime) -> None:
    lead = make_lead()
    enquiry = ask(now, email=lead.email)
    claim_enquiry(enquiry, actor=alice, at=now, via="test")
    lead.refresh_from_db()
    assert (lead.owner, enquiry.owner) == (alice, None)


def test_one_that_stands_alone_is_given_to_somebody_one_of_a_record_is_not(
    alice: User, bob: User, now: datetime
) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    give_enquiry(enquiry, bob, actor=alice, at=now, via="test")
    assert enquiry.responsible == bob
    with pytest.raises(Refused) as refused:
        give_enquiry(ask(now, email=make_lead(owner=alice).email), bob, actor=alice, at=now, via="test")
    assert refused.value.code == "of_a_record"


def test_it_is_attached_to_somebody_else_and_their_answer_counts(alice: User, now: datetime) -> None:
    enquiry, contact = ask(now, email=make_lead(owner=alice).email), make_contact(owner=alice)
    touched(contact, alice, now)
    attach_enquiry(enquiry, contact, actor=alice, at=now, via="test")
    assert (enquiry.lead, enquiry.contact, clock_of(enquiry).stopped_at) == (None, contact, now)


def test_the_lead_is_made_when_somebody_says_who_they_are(alice: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Nia Park")
    with pytest.raises(Refused) as refused:
        details_known(enquiry, actor=alice, at=now, via="test")
    assert refused.value.codes == ("needs_details",)
    details_known(enquiry, email="nia@hooli.example", actor=alice, at=now, via="test")
    lead = Lead.objects.get()
    assert (enquiry.lead, lead.first_name, lead.email) == (lead, "Nia", "nia@hooli.example")
    assert (enquiry.queue, enquiry.email, clock_of(enquiry).stopped_at) == (None, "nia@hooli.example", None)


def test_what_waits_for_who_leaves_is_handed_over(alice: User, bob: User, root: User, now: datetime) -> None:
    waits, done = ask(now, channel="web_chat", name="One"), ask(now, channel="web_chat", name="Two")
    for enquiry in (waits, done):
        claim_enquiry(enquiry, actor=alice, at=now, via="test")
    void_enquiry(done, reason="spam", actor=alice, at=now, via="test")
    heirs: dict[str, User | str] = {"enquiries.enquiry": "queue"}
    deactivate_user(alice, heir=bob, heirs=heirs, actor=root, at=now + MINUTE, via="test")
    waits.refresh_from_db()
    done.refresh_from_db()
    assert (waits.owner, waits.queue, done.owner) == (None, alice.team, alice)
