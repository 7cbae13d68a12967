"""Who is put on the list of do not contact while they wait: nobody is sent to answer them, and the manager is asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from crm.activities.models import Suppression
from crm.activities.suppressing import lift, suppress
from crm.clocks.models import ClockEvent
from crm.clocks.sweeping import sweep
from crm.core.door import move
from crm.core.errors import Refused
from crm.core.home import parts_of
from crm.enquiries.attaching import attach_enquiry
from crm.enquiries.attainment import standings
from crm.enquiries.dialogs import verbs_for
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.notifications.models import Notification
from crm.people.models import Team, User
from leads.statuses import Status
from tests.enquiries.asking import ask, clock_of, touched
from tests.enquiries.test_attainment import around
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _managed(team: Team, mona: User) -> None:
    Team.objects.filter(pk=team.pk).update(manager=mona)


def bar(actor: User, at: datetime, reason: str = "asked_us", **who: list[str]) -> None:
    """Put somebody on the list, and what looks after that."""
    suppress(reason=reason, actor=actor, at=at, via="test", **who)  # type: ignore[arg-type]
    note_responses(at=at)


def unbar(actor: User, at: datetime) -> None:
    lift(Suppression.objects.in_force().get(), reason="They asked us to write", actor=actor, at=at, via="test")
    note_responses(at=at)


def told(user: User, kind: str) -> int:
    return Notification.objects.filter(to=user, kind=kind).count()


def kinds(enquiry: Enquiry) -> list[str]:
    return list(ClockEvent.objects.filter(clock__enquiry=enquiry).order_by("id").values_list("kind", flat=True))


def test_the_clock_stands_still_until_it_is_lifted_and_the_manager_is_asked_once(
    alice: User, mona: User, now: datetime
) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    limit = clock_of(enquiry).limit_at
    bar(alice, now + HOUR, emails=[enquiry.email])
    note_responses(at=now + HOUR)
    enquiry.refresh_from_db()
    assert (enquiry.barred, clock_of(enquiry).paused_at, kinds(enquiry)) == (True, now + HOUR, ["started", "paused"])
    assert told(mona, "enquiry_barred") == 1
    assert [list(part.rows) for part in parts_of(alice, at=now + HOUR) if part.kind == "respond"] == [[]]
    assert standings(around(now), at=now + HOUR)[enquiry.pk][0] == "barred"
    sweep(seconds=60, at=limit + 30 * 24 * HOUR)
    assert kinds(enquiry) == ["started", "paused"], "nobody is sent to answer them"
    with pytest.raises(Refused) as refused:
        resume(enquiry, actor=alice, at=now + 2 * HOUR, via="test")
    assert refused.value.code == "do_not_contact"
    assert "resume" not in {one.name for one in verbs_for(enquiry, alice)}
    unbar(mona, now + 3 * HOUR)
    enquiry.refresh_from_db()
    clock = clock_of(enquiry)
    assert (enquiry.barred, clock.paused_at, clock.limit_at) == (False, None, limit + 2 * HOUR)
    assert "hold_up" in {one.name for one in verbs_for(enquiry, alice)}


def test_a_contact_by_the_domain_of_their_company(ann: User, mona: User, now: datetime) -> None:
    account = make_account(owner=ann, website="https://globex.example/")
    enquiry = ask(now, email=make_contact(account=account).email)
    bar(mona, now, "company_asked", domains=["globex.example"])
    enquiry.refresh_from_db()
    assert (enquiry.barred, kinds(enquiry)) == (True, ["started", "paused"])


def test_who_left_only_a_number_is_found_by_it(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor", phone="+1 415 555 0134")
    other = ask(now, channel="web_chat", name="Another", phone="+1 415 555 0135")
    bar(alice, now + HOUR, phone_numbers=["(415) 555-0134"])
    enquiry.refresh_from_db()
    assert (enquiry.about, enquiry.barred, kinds(enquiry)) == (None, True, ["started", "paused"])
    assert (kinds(other), told(mona, "enquiry_barred")) == (["started"], 1)
    # It stays so when they turn out to be somebody whose record does not have that number.
    attach_enquiry(enquiry, make_lead(owner=alice), actor=alice, at=now + HOUR, via="test")
    note_responses(at=now + HOUR)
    assert (enquiry.barred, kinds(enquiry)) == (True, ["started", "paused"])
    unbar(mona, now + 2 * HOUR)
    enquiry.refresh_from_db()
    assert (enquiry.barred, kinds(enquiry)) == (False, ["started", "paused", "resumed"])


def test_closing_the_lead_does_it_and_lifting_undoes_it(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email)
    move(lead, "do_not_contact", actor=alice, at=now, via="test", do_not_contact_reason="bad_address")
    note_responses(at=now)
    assert clock_of(enquiry).paused_at == now
    move(lead, "lift", actor=mona, at=now + HOUR, via="test", reason="The address works")
    note_responses(at=now + HOUR)
    lead.refresh_from_db()
    assert (lead.status, clock_of(enquiry).paused_at) == (Status.NEW, None)


def test_undoing_what_put_them_on_the_list_lets_it_run(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    bar(alice, now, emails=[enquiry.email])
    made = Transaction.objects.get(changes__object="suppression")
    assert revert(made, actor=mona, at=now + HOUR, via="test", reason="A mistake").put_back == 1
    note_responses(at=now + HOUR)
    enquiry.refresh_from_db()
    assert (enquiry.barred, clock_of(enquiry).paused_at) == (False, None)


def test_who_opted_out_of_calls_may_still_be_answered(alice: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    bar(alice, now, "no_calls", emails=[enquiry.email])
    assert kinds(enquiry) == ["started"]


def test_what_was_held_up_before_stays_held_up(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    hold_up(enquiry, reason="asked_to_wait", actor=alice, at=now, via="test")
    bar(alice, now, emails=[enquiry.email])
    unbar(mona, now)
    enquiry.refresh_from_db()
    assert (enquiry.barred, clock_of(enquiry).paused_at, kinds(enquiry)) == (False, now, ["started", "paused"])


def test_a_limit_that_had_passed_stays_passed_and_is_told_of_no_more(alice: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    late = clock_of(enquiry).limit_at + timedelta(minutes=1)
    bar(alice, late, emails=[enquiry.email])
    assert standings(around(now), at=late)[enquiry.pk][0] == "breached"
    assert clock_of(enquiry).next_at is None


def test_what_is_voided_and_taken_back_stands_still_again(alice: User, mona: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    bar(alice, now, emails=[enquiry.email])
    void_enquiry(enquiry, reason="spam", actor=alice, at=now, via="test")
    unvoid_enquiry(enquiry, actor=mona, at=now, via="test")
    note_responses(at=now)
    assert clock_of(enquiry).paused_at == now
    assert told(mona, "enquiry_barred") == 1


def test_an_answer_that_was_given_before_and_is_logged_late_counts(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email)
    bar(alice, now + 2 * HOUR, emails=[enquiry.email])
    touched(lead, alice, now + 3 * HOUR, happened_at=now + HOUR)
    note_responses(at=now + 3 * HOUR)
    assert clock_of(enquiry).stopped_at == now + HOUR
