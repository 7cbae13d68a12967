"""Who may undo what, and what is never undone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Account
from crm.activities.models import Activity, SuppressedKey, Suppression
from crm.activities.suppressing import suppress
from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Change
from crm.history.revert import can_revert, preview_revert, revert
from crm.people.models import User
from crm.sync.models import ApiKey
from leads.models import Lead
from leads.statuses import Status
from tests.factories import START, make_account, make_lead, make_opportunity
from tests.history.undo import newest, said, undo, writing
from tests.leads.moves import make_full_move, ready_lead

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def refusal(by: User, at: datetime) -> str:
    """The code with which undoing the newest transaction is refused, by the preview as well."""
    before = Change.objects.count()
    for call in (preview_revert, revert):
        with pytest.raises(Refused) as refused:
            call(newest(), actor=by, at=at, via="test")
    assert Change.objects.count() == before
    found = can_revert(newest(), by, at=at)
    assert found is not None
    assert found.code == refused.value.code
    return refused.value.code


def test_who_did_it_may_undo_it_and_a_manager_may(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    with writing(alice):
        lead.company = "Initech"
        lead.save()
    assert said(undo(by=alice, at=now)) == [("lead", "put_back", "change")]
    assert said(undo(by=mona, at=now)) == [("lead", "put_back", "change")]


def test_nobody_else_may(alice: User, bob: User, robot: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    with writing(alice):
        lead.company = "Initech"
        lead.save()
    assert refusal(bob, now) == "forbidden"
    assert refusal(robot, now) == "forbidden"
    alice.is_active = False
    assert refusal(alice, now) == "forbidden"


def test_each_record_is_asked_for(alice: User, mona: User, charlie: User, now: datetime) -> None:
    mine, theirs = make_lead(owner=alice), make_lead(owner=alice)
    with writing(alice):
        Lead.objects.update(company="Initech")
        Account.objects.create(name="Hooli")
    transaction = newest()
    # Taking it away from her is a change as well: it is given to Charlie by hand, past the log's version.
    Lead.objects.filter(pk=theirs.pk).update(owner=charlie)
    assert said(undo(transaction, by=alice, at=now)) == [
        ("account", "refused", "forbidden"),
        ("lead", "put_back", "change"),
        ("lead", "touched", "changed_since"),
    ]
    mine.refresh_from_db()
    assert mine.company == "Globex"


def test_what_an_import_brought_in_is_an_administrators_to_undo(mona: User, root: User, now: datetime) -> None:
    with writing(root, via="import"):
        Account.objects.create(name="Initech")
    assert refusal(mona, now) == "forbidden"
    assert said(undo(by=root, at=now)) == [("account", "put_back", "remove")]


def test_a_conversion_is_never_undone(alice: User, mona: User, now: datetime) -> None:
    lead = ready_lead(Status.WORKING_TO_CONVERT, "convert", owner=alice)
    make_full_move(lead, "convert", Status.WORKING_TO_CONVERT, actor=alice, at=now)
    assert refusal(mona, now) == "conversion"


def test_a_lifted_do_not_contact_stays_lifted(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.CLOSED_DO_NOT_CONTACT)
    move(lead, "lift", actor=mona, at=now, via="test", reason="They asked us back")
    result = undo(by=mona, at=now, reason="Slip")
    assert ("lead", "refused", "lifted_do_not_contact") in said(result)
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_a_made_do_not_contact_takes_a_manager_and_a_reason(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    move(lead, "do_not_contact", actor=alice, at=now, via="test", do_not_contact_reason="asked_us")
    transaction = newest()
    for who, reason in ((alice, "Slip"), (mona, "")):
        codes = {code for _, _, code in said(undo(transaction, by=who, at=now, reason=reason))}
        assert codes == {"needs_manager_and_reason"}
    assert ("lead", "put_back", "change") in said(undo(transaction, by=mona, at=now, reason="Another Lea"))
    lead.refresh_from_db()
    assert lead.status == Status.NEW


def test_nobody_is_worked_again_who_asked_not_to_be_contacted(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED, owner=alice)
    move(lead, "nurture", actor=alice, at=now, via="test", nurture_reason="no_budget")
    transaction = newest()
    suppress(actor=mona, at=now, via="test", reason="asked_us", emails=[lead.email])
    assert said(undo(transaction, by=mona, at=now, reason="Slip")) == [("lead", "refused", "do_not_contact")]
    lead.refresh_from_db()
    assert lead.status == Status.CLOSED_NURTURE


def test_a_suppression_is_lifted_and_not_forgotten(mona: User, now: datetime) -> None:
    with writing(mona):
        made = Suppression.objects.create(reason="asked_us", scope="person", since=START, by=mona)
        SuppressedKey.objects.create(suppression=made, kind="email", value="a@b.example", key="a@b.example")
    transaction = newest()
    assert said(undo(transaction, by=mona, at=now)) == [("suppression", "refused", "needs_manager_and_reason")]
    assert said(undo(transaction, by=mona, at=now, reason="A typing error"))[0][1:] == ("put_back", "change")
    made.refresh_from_db()
    assert (made.lifted_at, made.lifted_by, made.lifted_reason) == (now, mona, "A typing error")
    assert made.keys.count() == 1
    assert said(undo(by=mona, at=now, reason="Again")) == [("suppression", "refused", "lifted_do_not_contact")]


def test_nobody_gets_in_or_is_let_go_by_an_undo(root: User, bob: User, now: datetime) -> None:
    with writing(root):
        bob.is_active = False
        bob.save()
    assert ("user", "refused", "user") in said(undo(by=root, at=now))
    bob.refresh_from_db()
    assert not bob.is_active


def test_a_revoked_key_never_works_again(root: User, robot: User, now: datetime) -> None:
    with writing(root):
        key = ApiKey.objects.create(name="Sync", user=robot, prefix="abc", hash="0" * 64, made_by=root)
    with writing(root):
        key.revoked_at = now
        key.save()
    assert said(undo(by=root, at=now)) == [("apikey", "refused", "api_key")]


def test_a_touch_that_somebody_else_logged_is_a_managers_to_undo(alice: User, mona: User, now: datetime) -> None:
    opportunity = make_opportunity(owner=alice, account=make_account())
    with writing(alice):
        Activity.objects.create(kind="call", happened_at=START, by=mona, opportunity=opportunity)
    assert said(undo(by=alice, at=now)) == [("activity", "refused", "forbidden")]
    assert said(undo(by=mona, at=now)) == [("activity", "put_back", "remove")]
