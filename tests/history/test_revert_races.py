"""Two at once: an undo beside somebody's work, and beside another undo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from accounts.models import Account
from crm.activities.models import Activity
from crm.core.acting import acting
from crm.history.revert import Reverted
from crm.people.models import User
from leads.models import Lead
from tests.factories import START, make_lead
from tests.history.undo import newest, said, undo, writing
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_undo_the_same_and_it_is_undone_once(mona: User, root: User, now: datetime) -> None:
    with writing(mona):
        account = Account.objects.create(name="Initech")
    with writing(mona):
        account.delete()
    transaction = newest()
    results = race(
        lambda: undo(transaction, by=mona, at=now),
        lambda: undo(transaction, by=root, at=now),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"undo:{transaction.pk}",),
    )
    assert sorted(row for result in results for row in said(result)) == [
        ("account", "put_back", "restore"),
        ("account", "touched", "changed_since"),
    ]
    assert Account.objects.get().version == 2


def test_a_change_that_came_first_is_seen_and_kept(mona: User, alice: User, now: datetime) -> None:
    lead = make_lead()
    with writing(mona):
        Lead.objects.update(company="Initech")
    transaction = newest()

    def change() -> None:
        with acting(actor=alice, at=now, via="test"):
            Lead.objects.filter(pk=lead.pk).update(title="Buyer")

    undone, _ = race(
        lambda: undo(transaction, by=mona, at=now),
        change,
        behind="SELECT id FROM leads_lead WHERE id = %s FOR UPDATE",
        values=(lead.pk,),
    )
    lead.refresh_from_db()
    assert isinstance(undone, Reverted)
    # Whoever came first: her title is never lost, and the company is put back only if hers came after.
    assert lead.title == "Buyer"
    assert lead.company == ("Globex" if undone.put_back else "Initech")


def test_what_is_added_to_it_meanwhile_holds_it(mona: User, alice: User, now: datetime) -> None:
    with writing(mona):
        lead = Lead.objects.create(email="p@hooli.example")
    transaction = newest()

    def add() -> Any:
        with acting(actor=alice, at=now, via="test"):
            return Activity.objects.create(kind="call", happened_at=START, by=alice, lead=lead)

    undone, added = race(
        lambda: undo(transaction, by=mona, at=now),
        add,
        behind="SELECT id FROM leads_lead WHERE id = %s FOR UPDATE",
        values=(lead.pk,),
    )
    assert isinstance(undone, Reverted)
    # Either the touch stands and holds the lead, or the lead was gone before it.
    assert Lead.objects.exists() == isinstance(added, Activity) == (undone.put_back == 0)
