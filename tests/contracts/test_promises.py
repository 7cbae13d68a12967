"""Next steps are promises: what, by when, made when and by whom, and what became of it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from contracts.models import NextStep, Opportunity
from contracts.next_steps import keep_next_step, promises_of
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused, Stale
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from tests.access import client_of
from tests.contracts.deals import facts_for, signed_contract
from tests.factories import make_contact, make_opportunity
from tests.leads.pages import codes, page_url, text_of

pytestmark = pytest.mark.django_db
DUE = date(2026, 3, 6)


def told(opportunity: Opportunity) -> list[tuple[str, date | None, str]]:
    """Every promise, the oldest first."""
    return list(opportunity.next_steps.order_by("pk").values_list("text", "due_on", "outcome"))


def test_a_next_step_is_promised_whatever_way_it_is_written(alice: User, bob: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    with acting(actor=bob, via="test", at=now):
        Opportunity.objects.filter(pk=opportunity.pk).update(next_step="Write")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contracts_opportunity SET next_step_due = %s WHERE id = %s", [DUE, opportunity.pk])
        cursor.execute("UPDATE contracts_opportunity SET amount = 5 WHERE id = %s", [opportunity.pk])
    assert told(opportunity) == [("Call", DUE, "rewritten"), ("Write", DUE, "standing")]
    stands = NextStep.objects.standing().get()
    assert (stands.made_by_id, stands.made_by_name, stands.made_at) == (bob.pk, str(bob), now)
    assert NextStep.objects.get(text="Call").ended_at == now


def test_many_at_once_are_promised_as_one_is(alice: User, now: datetime) -> None:
    made = [make_opportunity(owner=alice, next_step="Call", next_step_due=DUE) for _ in range(120)]
    with acting(actor=alice, via="test", at=now):
        Opportunity.objects.update(next_step="Write")
    assert NextStep.objects.standing().count() == len(made)
    assert NextStep.objects.filter(outcome="rewritten").count() == len(made)


def test_what_is_emptied_is_dropped(alice: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    move(opportunity, "lose", actor=alice, at=now, via="test", lost_reason="price")
    assert (opportunity.next_step, opportunity.next_step_due) == ("", None)
    assert told(opportunity) == [("Call", DUE, "dropped")]


@pytest.mark.parametrize(("due", "outcome"), [(date(2026, 3, 4), "kept"), (date(2026, 3, 3), "late")])
def test_it_is_kept_or_late_by_the_companys_day(due: date, outcome: str, alice: User) -> None:
    """Eleven at night in California is the next day in London, and still the day it was promised for."""
    at = datetime.fromisoformat("2026-03-05T07:00:00+00:00")
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=due)
    kept = keep_next_step(
        opportunity, actor=alice, at=at, via="test", next_step="Write", next_step_due=date(2026, 3, 9)
    )
    assert (kept.text, kept.outcome, kept.ended_at) == ("Call", outcome, at)
    assert told(opportunity) == [("Call", due, outcome), ("Write", date(2026, 3, 9), "standing")]
    assert (opportunity.next_step, opportunity.next_step_due) == ("Write", date(2026, 3, 9))


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ("needs_next_step", "needs_next_step_due")),
        ({"next_step": "Write"}, ("needs_next_step_due",)),
        ({"next_step": "Write", "next_step_due": date(2026, 1, 1)}, ("next_step_due_past",)),
        ({"next_step": "Call", "next_step_due": DUE}, ("same_next_step",)),
        ({"next_step": "Write", "next_step_due": "soon"}, ("invalid_next_step_due",)),
        ({"next_step": "x" * 501, "next_step_due": DUE}, ("invalid_next_step",)),
    ],
)
def test_it_asks_for_the_next_one(given: dict[str, Any], missing: tuple[str, ...], alice: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    with pytest.raises(Refused) as refused:
        keep_next_step(opportunity, actor=alice, at=now, via="test", **given)
    assert refused.value.codes == missing
    assert told(opportunity) == [("Call", DUE, "standing")]


def test_what_stands_not_cannot_be_kept(alice: User, now: datetime) -> None:
    step: dict[str, Any] = {"next_step": "Write", "next_step_due": DUE}
    with pytest.raises(Refused) as refused:
        keep_next_step(make_opportunity(owner=alice), actor=alice, at=now, via="test", **step)
    assert refused.value.codes == ("no_next_step",)


def test_a_closed_one_needs_no_further_step(alice: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, stage="closed_won", next_step="Send flowers", next_step_due=DUE)
    keep_next_step(opportunity, actor=alice, at=now, via="test")
    assert told(opportunity) == [("Send flowers", DUE, "kept")]


def test_only_who_may_change_it_keeps_it_and_only_as_it_was_seen(alice: User, charlie: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    step: dict[str, Any] = {"next_step": "Write", "next_step_due": DUE}
    with pytest.raises(Refused, match="may be done by"):
        keep_next_step(opportunity, actor=charlie, at=now, via="test", **step)
    with pytest.raises(Stale):
        keep_next_step(opportunity, actor=alice, at=now, via="test", version=opportunity.version + 1, **step)
    assert told(opportunity) == [("Call", DUE, "standing")]


def test_a_move_keeps_the_step_that_stood(alice: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    facts = facts_for(opportunity, "advance", now) | {"next_step": "Send the quote"}
    move(opportunity, "advance", actor=alice, at=now, via="test", next_step_kept=True, **facts)
    assert [outcome for _, _, outcome in told(opportunity)] == ["kept", "standing"]
    signed_contract(opportunity)
    move(opportunity, "win", actor=alice, at=now, via="test", next_step_kept=True)
    assert [outcome for _, _, outcome in told(opportunity)] == ["kept", "kept"]


def test_how_often_it_was_postponed(alice: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    for days in (2, 1, 5):
        with acting(actor=alice, via="test", at=now):
            Opportunity.objects.filter(pk=opportunity.pk).update(next_step_due=DUE + timedelta(days=days))
    found = promises_of(opportunity, today=DUE + timedelta(days=9))
    assert [one.postponed for one in found] == [True, False, True, False]
    assert [one.overdue for one in found] == [True, False, False, False]


def test_undoing_a_change_lets_the_promise_stand_again(alice: User, mona: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    before = list(NextStep.objects.values())
    keep_next_step(opportunity, actor=alice, at=now, via="test", next_step="Write", next_step_due=DUE)
    done = Transaction.objects.order_by("pk").last()
    assert done is not None
    revert(done, actor=mona, at=now, via="test", reason="It was not done")
    assert list(NextStep.objects.values()) == before


def test_undoing_a_loss_lets_the_dropped_promise_stand_again(alice: User, mona: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    before = list(NextStep.objects.values())
    move(opportunity, "lose", actor=alice, at=now, via="test", lost_reason="price")
    done = Transaction.objects.order_by("pk").last()
    assert done is not None
    revert(done, actor=mona, at=now, via="test", reason="A slip")
    assert list(NextStep.objects.values()) == before


def test_a_deleted_opportunity_takes_its_promises_along(alice: User, mona: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    with acting(actor=mona, via="test", at=now):
        opportunity.delete()
    assert not NextStep.objects.exists()


def test_with_who_is_not_to_be_contacted_nothing_is_promised_by_a_move(alice: User, mona: User, now: datetime) -> None:
    from crm.activities.suppressing import suppress

    contact = make_contact(owner=alice)
    opportunity = make_opportunity(owner=alice, contact=contact, account=contact.account or make_opportunity().account)
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=[contact.email])
    with pytest.raises(Refused) as refused:
        move(opportunity, "advance", actor=alice, at=now, via="test", **facts_for(opportunity, "advance", now))
    assert refused.value.codes == ("do_not_contact",)
    assert not opportunity.next_steps.exists()


def test_the_page_tells_it_and_has_the_button(alice: User, charlie: User) -> None:
    due = timezone.now().date() + timedelta(days=2)
    opportunity = make_opportunity(owner=alice, next_step="Call Petra", next_step_due=due)
    address = f"/admin/contracts/opportunity/{opportunity.pk}/next-step/done/"
    page = text_of(client_of(alice).get(page_url(opportunity)))
    assert 'data-section="promises"' in page
    assert address in page
    assert address not in text_of(client_of(charlie).get(page_url(opportunity)))
    assert client_of(charlie).post(address, {}).status_code == 403
    assert codes(client_of(alice).post(address, {})) == ["needs_next_step", "needs_next_step_due"]
    later = (due + timedelta(days=1)).isoformat()
    answer = client_of(alice).post(address, {"next_step": "Send the quote", "next_step_due": later})
    assert answer.status_code == 302
    assert [outcome for _, _, outcome in told(opportunity)] == ["kept", "standing"]


@pytest.mark.django_db(transaction=True)
def test_two_who_rewrite_at_once_leave_one_standing(alice: User, bob: User, now: datetime) -> None:
    """Both were at work before the first had committed: the second waits for the row, and ends what the first made."""
    opportunity = make_opportunity(owner=alice, next_step="Call", next_step_due=DUE)
    first_wrote, second_began, faults = threading.Event(), threading.Event(), []

    def rewrite(actor: User, text: str, wait: threading.Event | None) -> None:
        try:
            with acting(actor=actor, via="test", at=now):
                if wait is None:
                    first_wrote.wait(10)
                    second_began.set()
                Opportunity.objects.filter(pk=opportunity.pk).update(next_step=text)
                if wait is not None:
                    first_wrote.set()
                    assert wait.wait(10)
                    for _ in range(200):  # until the second one waits for our row
                        with connection.cursor() as cursor:
                            cursor.execute(
                                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                            )
                            if cursor.fetchone()[0]:
                                return
                        threading.Event().wait(0.02)
                    raise AssertionError("they did not meet")
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=rewrite, args=(alice, "Write", second_began)),
        threading.Thread(target=rewrite, args=(bob, "Visit", None)),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert not faults
    assert told(opportunity) == [("Call", DUE, "rewritten"), ("Write", DUE, "rewritten"), ("Visit", DUE, "standing")]
