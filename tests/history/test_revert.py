"""Undoing a transaction: each record that nobody touched since is as it was before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Contact
from crm.activities.models import Activity, NextTouch
from crm.core.door import move
from crm.history.models import Change, Move
from crm.history.revert import preview_revert, revert
from crm.history.selectors import history_of, time_in_states
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.history.undo import newest, row_of, said, undo, writing

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_it_gives_every_changed_field_its_old_value_back(mona: User, now: datetime) -> None:
    lead = make_lead(kept={"Region": "West", "Empty": None}, employees=12, phone="(555) 214-7954")
    before = row_of(lead)
    with writing(mona):
        lead.first_name, lead.employees, lead.phone, lead.kept = "Ada", None, "", {"Region": "East"}
        lead.save()
        lead.company = "Initech"
        lead.save()
    result = undo(by=mona, at=now, reason="Wrong list")
    assert said(result) == [("lead", "put_back", "change")]
    assert row_of(lead) == before
    lead.refresh_from_db()
    assert (lead.version, lead.updated_at) == (4, now)
    own = newest()
    assert own.pk == result.transaction_id
    assert (own.actor_id, own.reason) == (mona.pk, "Wrong list")


def test_it_removes_what_was_made(mona: User, now: datetime) -> None:
    with writing(mona):
        account = Account.objects.create(name="Initech")
        contact = Contact.objects.create(last_name="Cole", account=account)
        Contact.objects.create(last_name="Report", account=account, reports_to=contact)
    assert {row[1:] for row in said(undo(by=mona, at=now))} == {("put_back", "remove")}
    assert not Account.objects.exists()
    assert not Contact.objects.exists()


def test_it_brings_back_what_was_deleted_with_its_id_and_its_parts(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED, at=START + HOUR)
    with writing(mona):
        touch = Activity.objects.create(kind="call", happened_at=START, by=mona, lead=lead)
        planned = NextTouch.objects.create(lead=lead, due_on=START.date(), kind="call")
    before = [row_of(record) for record in (lead, touch, planned)]
    version = lead.version
    kept = Lead.objects.get(pk=lead.pk), Activity.objects.get(pk=touch.pk), NextTouch.objects.get(pk=planned.pk)
    with writing(mona):
        lead.delete()
    result = undo(by=mona, at=now)
    assert said(result) == [(name, "put_back", "restore") for name in ("lead", "activity", "nexttouch")]
    assert [row_of(record) for record in kept] == before
    back = Lead.objects.get()
    assert back.version == version + 1
    assert [(c.op, c.version) for c in Change.objects.of(back)[:2]] == [("I", version + 1), ("D", version)]
    assert back.status_since == START + HOUR


def test_versions_never_repeat(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED)
    for _ in range(3):
        with writing(mona):
            Lead.objects.get(pk=lead.pk).delete()
        undo(by=mona, at=now)
    inserted = Change.objects.of(lead).exclude(op="D").values_list("version", flat=True)
    assert sorted(inserted) == [1, 2, 3, 4]
    assert list(Move.objects.of(lead).values_list("version", "verb")) == [
        (1, "place"), (2, "revert"), (3, "revert"), (4, "revert"),
    ]  # fmt: skip


def test_a_status_goes_back_by_a_move_and_its_time_with_it(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, at=START)
    move(lead, "work", actor=alice, at=START + HOUR, via="test")
    move(lead, "nurture", actor=alice, at=START + 3 * HOUR, via="test", nurture_reason="no_budget")
    undo(by=alice, at=START + 5 * HOUR)
    lead.refresh_from_db()
    assert (lead.status, lead.status_since, lead.nurture_reason) == (Status.WORKING_TO_ENGAGE, START + HOUR, "")
    step = Move.objects.of(lead).last()
    assert step is not None
    assert (step.verb, step.from_state, step.to_state) == ("revert", Status.CLOSED_NURTURE, Status.WORKING_TO_ENGAGE)
    spent = {stay.state: stay.seconds for stay in time_in_states(lead, at=START + 6 * HOUR)}
    assert spent[Status.WORKING_TO_ENGAGE] == 5 * 3600
    assert Status.CLOSED_NURTURE not in spent
    assert history_of(lead, 1)[0].title == "Closed nurture → Working to engage (Undo)"


def test_a_stage_goes_back_too(mona: User, now: datetime) -> None:
    opportunity = make_opportunity()
    first = opportunity.stage
    move(opportunity, "lose", actor=mona, at=now, via="test", lost_reason="price")
    undo(by=mona, at=now)
    opportunity.refresh_from_db()
    assert (opportunity.stage, opportunity.lost_reason) == (first, "")


def test_an_undo_can_be_undone(mona: User, now: datetime) -> None:
    old, gone = make_lead(), make_contact(account=make_account())
    with writing(mona):
        old.company = "Initech"
        old.save()
        contact = gone.pk
        gone.delete()
        made = Account.objects.create(name="Hooli")
    after = row_of(old), row_of(made)
    undo(by=mona, at=now)
    assert not Account.objects.filter(pk=made.pk).exists()
    assert {row[1] for row in said(undo(by=mona, at=now))} == {"put_back"}
    assert (row_of(old), row_of(made)) == after
    assert not Contact.objects.filter(pk=contact).exists()


def test_what_came_and_went_in_the_same_transaction_is_nobodys_business(mona: User, now: datetime) -> None:
    with writing(mona):
        Account.objects.create(name="Hooli").delete()
    assert undo(by=mona, at=now).rows == []


@pytest.mark.parametrize("deleted", [False, True])
def test_it_leaves_what_was_touched_since_and_says_by_whom(
    deleted: bool, mona: User, alice: User, now: datetime
) -> None:
    lead, other = make_lead(), make_lead()
    with writing(mona):
        Lead.objects.update(company="Initech")
    transaction = newest()
    lead.refresh_from_db()
    with writing(alice):
        if deleted:
            lead.delete()
        else:
            lead.company = "Hooli"
            lead.save()
    result = undo(transaction, by=mona, at=now)
    outcome = ("gone", "deleted_since") if deleted else ("touched", "changed_since")
    assert said(result) == [("lead", *outcome), ("lead", "put_back", "change")]
    assert "Alice" in result.rows[0].message
    other.refresh_from_db()
    assert other.company == "Globex"
    assert deleted or Lead.objects.get(pk=lead.pk).company == "Hooli"


def test_it_leaves_what_was_given_parts_or_relations_since(mona: User, alice: User, now: datetime) -> None:
    with writing(mona):
        account, empty = (Account.objects.create(name=name) for name in ("Initech", "Hooli"))
        contact = Contact.objects.create(last_name="Cole", account=account)
        lead = Lead(last_name="Prospect", email="p@hooli.example")
        lead.save()
    transaction = newest()
    with writing(alice):
        Activity.objects.create(kind="call", happened_at=START, by=alice, lead=lead)
        Activity.objects.create(kind="call", happened_at=START, by=alice, contact=contact)
    result = undo(transaction, by=mona, at=now)
    assert [(row.label, row.outcome, row.code) for row in result.rows] == [
        ("Initech", "touched", "held"),
        ("Hooli", "put_back", "remove"),
        ("Cole", "touched", "held"),
        ("Prospect", "touched", "held"),
    ]
    assert result.rows[0].message == "Held by 1 contact that would be left without it."
    assert Account.objects.get() == account
    assert not Account.objects.filter(pk=empty.pk).exists()


def test_it_does_not_point_at_what_is_gone(mona: User, now: datetime) -> None:
    old, new = make_account(), make_account()
    contact = make_contact(account=old)
    with writing(mona):
        contact.account = new
        contact.save()
    transaction = newest()
    with writing(mona):
        old.delete()
    result = undo(transaction, by=mona, at=now)
    assert said(result) == [("contact", "refused", "link_gone")]
    assert result.rows[0].message == "Its account is gone."
    assert Contact.objects.get().account == new


def test_what_a_constraint_stands_against_stops_that_record_alone(mona: User, now: datetime) -> None:
    leads = [make_lead() for _ in range(5)]
    with writing(mona):
        for lead in leads:
            NextTouch.objects.create(lead=lead, due_on=START.date(), kind="call")
    with writing(mona):
        NextTouch.objects.all().delete()
    transaction = newest()
    with writing(mona):
        NextTouch.objects.create(lead=leads[2], due_on=START.date(), kind="email")
    result = undo(transaction, by=mona, at=now)
    assert [row.outcome for row in result.rows] == ["put_back", "put_back", "refused", "put_back", "put_back"]
    assert NextTouch.objects.get(lead=leads[2]).kind == "email"


def test_what_is_unique_is_free_again_before_it_is_taken(mona: User, now: datetime) -> None:
    lead = make_lead()
    with writing(mona):
        first = NextTouch.objects.create(lead=lead, due_on=START.date(), kind="call")
    with writing(mona):
        first.delete()
        NextTouch.objects.create(lead=lead, due_on=START.date(), kind="email")
    assert {row[1] for row in said(undo(by=mona, at=now))} == {"put_back"}
    assert NextTouch.objects.get().kind == "call"


def test_a_preview_says_the_same_and_writes_nothing(mona: User, alice: User, now: datetime) -> None:
    leads = [make_lead() for _ in range(4)]
    with writing(mona):
        Lead.objects.update(company="Initech")
    transaction = newest()
    leads[0].refresh_from_db()
    with writing(alice):
        leads[0].company = "Hooli"
        leads[0].save()
    before = Change.objects.count()
    told = preview_revert(transaction, actor=mona, at=now, via="test")
    assert Change.objects.count() == before
    assert [count for *_, count in told.counts()] == [3, 1]
    done = undo(transaction, by=mona, at=now).rows
    assert [replace(row, message="") for row in done] == [replace(row, message="") for row in told.rows]
    said = {(then.message, row.message) for then, row in zip(told.rows, done, strict=True)}
    assert ("Will be put back to what it was.", "Put back to what it was.") in said


def test_it_asks_no_more_for_thousands_of_records_than_for_a_few(mona: User, now: datetime) -> None:
    def asked(many: int) -> int:
        with writing(mona):
            accounts = Account.objects.bulk_create([Account(name=f"A{n}") for n in range(many)])
            Lead.objects.bulk_create(
                [Lead(email=f"l{many}.{n}@x.example", company=accounts[n].name) for n in range(many)]
            )
        with CaptureQueriesContext(connection) as queries:
            assert undo(by=mona, at=now).put_back == 2 * many
        return len(queries)

    assert asked(900) == asked(3)


def test_transactions_of_one_job_are_undone_newest_first(mona: User, alice: User, now: datetime) -> None:
    leads = [make_lead(), make_lead()]
    transactions = []
    for company in ("Initech", "Hooli"):
        with writing(mona):
            Lead.objects.update(company=company)
        transactions.append(newest())
    with writing(alice):
        Lead.objects.filter(pk=leads[0].pk).update(title="Buyer")
    beside: set[int] = set()
    for transaction in reversed(transactions):
        result = revert(transaction, actor=mona, at=now, via="test", beside=frozenset(beside))
        assert [row.outcome for row in result.rows] == ["touched", "put_back"]
        beside |= {transaction.pk, result.transaction_id or 0}
    assert list(Lead.objects.order_by("pk").values_list("company", flat=True)) == ["Hooli", "Globex"]


def test_a_later_change_of_the_same_job_that_stays_holds_the_earlier_one(mona: User, now: datetime) -> None:
    lead = make_lead()
    transactions = []
    for company in ("Initech", "Hooli"):
        with writing(mona):
            lead.company = company
            lead.save()
        transactions.append(newest())
    result = revert(transactions[0], actor=mona, at=now, via="test", beside=frozenset({transactions[1].pk}))
    assert said(result) == [("lead", "touched", "changed_since")]
    assert Lead.objects.get().company == "Hooli"


@pytest.mark.parametrize("later", [False, True])
def test_a_new_main_contact_is_undone_with_the_one_before(alice: User, now: datetime, later: bool) -> None:
    account = make_account(owner=alice)
    people = [make_contact(account=account, owner=alice) for _ in range(2)]
    before, after = people[::-1] if later else people
    with writing(alice):
        before.is_main_dri = True
        before.save(update_fields=["is_main_dri"])
    with writing(alice):
        after.is_main_dri = True
        after.save(update_fields=["is_main_dri"])
    result = undo(by=alice, at=now)
    assert said(result) == [("contact", "put_back", "change")] * 2
    assert [one.is_main_dri for one in (row for row in Contact.objects.order_by("pk"))] == [later is False, later]


def test_a_new_main_contact_stays_where_the_one_before_was_changed_since(alice: User, now: datetime) -> None:
    account = make_account(owner=alice)
    before, after = (make_contact(account=account, owner=alice) for _ in range(2))
    for contact in (before, after):
        with writing(alice):
            contact.is_main_dri = True
            contact.save(update_fields=["is_main_dri"])
    made = newest()
    before.refresh_from_db()
    with writing(alice):
        before.title = "Director"
        before.save(update_fields=["title"])
    result = undo(made, by=alice, at=now)
    assert sorted(said(result)) == [("contact", "refused", "other_main_dri"), ("contact", "touched", "changed_since")]
    assert "both are put back, or neither" in " ".join(row.message for row in result.rows)
    assert list(Contact.objects.filter(is_main_dri=True)) == [after]
