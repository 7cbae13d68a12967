"""The history of a record in words, in a constant number of queries, and its time in each status."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Opportunity
from crm.core.acting import acting
from crm.core.door import move
from crm.history.selectors import history_of, time_in_states
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.access import client_of
from tests.contracts.deals import facts_for
from tests.factories import START, make_account, make_lead, make_opportunity

HOUR = timedelta(hours=1)


def test_it_tells_who_changed_what_from_what_to_what(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=alice, rating="cold", title="")
    with acting(actor=bob, via="admin", at=now, reason="They called back"):
        Lead.objects.filter(pk=lead.pk).update(owner=bob, rating="hot", title="CISO")
    newest, created = history_of(lead, 10)
    assert (newest.title, newest.who, newest.how, newest.why, newest.at) == (
        "Changed",
        str(bob),
        "on a page",
        "They called back",
        now,
    )
    assert {(line.label, line.before, line.after) for line in newest.lines} == {
        ("Owner", str(alice), str(bob)),
        ("Rating", "Cold", "Hot"),
        ("Job title", "(empty)", "CISO"),
    }
    assert (created.title, created.lines) == ("Created", [])


def test_a_move_is_told_as_a_move_with_its_facts(ann: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=ann)
    move(opportunity, "lose", actor=ann, at=now, via="admin", lost_reason="price", reason="Too dear for them")
    newest, entered = history_of(opportunity, 10)
    assert newest.moved
    assert newest.title == "Meeting set → Closed lost (Lose)"
    assert newest.why == "Too dear for them"
    assert [(fact.label, fact.after) for fact in newest.facts] == [("Reason for losing", "Price")]
    assert "Stage" not in [line.label for line in newest.lines], "the move says it"
    assert entered.title == "Created in Meeting set"


def test_a_record_placed_by_an_import_says_so(db: None) -> None:
    assert history_of(make_lead(status=Status.ENGAGED), 10)[-1].title == "Placed in Engaged"


def test_the_number_of_queries_does_not_grow_with_the_history(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=alice)

    def hand_over(times: int) -> None:
        for number in range(times):
            with acting(actor=bob, via="admin", at=now):
                Lead.objects.filter(pk=lead.pk).update(owner=(alice, bob)[number % 2], title=f"{number} {now}")

    def queries() -> int:
        with CaptureQueriesContext(connection) as taken:
            history_of(lead, 50)
        return len(taken)

    hand_over(2)
    few = queries()
    hand_over(20)
    assert queries() == few <= 4


def test_it_is_turned_page_by_page(alice: User, now: datetime) -> None:
    account = make_account(owner=alice)
    for number in range(5):
        with acting(actor=alice, via="admin", at=now):
            account.phone = str(number)
            account.save(update_fields=["phone"])
    newest = history_of(account, 2)
    older = history_of(account, 2, before=newest[-1].id)
    assert [line.after for entry in [*newest, *older] for line in entry.lines if line.label == "Phone"] == [
        "4",
        "3",
        "2",
        "1",
    ]


def test_the_page_shows_it(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    with acting(actor=alice, via="admin", at=now):
        Lead.objects.filter(pk=lead.pk).update(title="CISO")
    shown = client_of(alice).get(f"/admin/leads/lead/{lead.pk}/history/").content.decode()
    assert "Job title" in shown
    assert "Time in each status" in shown


def test_time_in_each_status_ends_now_and_starts_at_creation(mona: User) -> None:
    opportunity = make_opportunity(owner=mona)
    Opportunity.objects.filter(pk=opportunity.pk).update(created_at=START)
    opportunity.refresh_from_db()
    for verb, after in (("advance", 2 * HOUR), ("step_back", 5 * HOUR), ("advance", 6 * HOUR)):
        facts = facts_for(opportunity, verb, START + after)
        move(opportunity, verb, actor=mona, at=START + after, via="test", **facts)
    spent = time_in_states(opportunity, at=START + 10 * HOUR)
    assert [(one.state, one.seconds / 3600, one.current) for one in spent] == [
        ("meeting_set", 3.0, False),
        ("discovery", 7.0, True),
    ]
    assert spent[1].since == START + 2 * HOUR


def test_a_lead_without_an_entry_move_began_when_it_was_created(alice: User) -> None:
    lead = make_lead(owner=alice)
    (only,) = time_in_states(lead, at=lead.created_at + HOUR)
    assert (only.label, only.seconds, only.current) == ("New", 3600.0, True)
