"""Parent accounts and superiors: never in a circle, at any door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from accounts.models import Account, Contact
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from tests.access import client_of
from tests.accounts.test_domains import form_of
from tests.factories import make_account, make_contact
from tests.keys import program
from tests.races import race

HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
PARENT = "{} is below {} already: an account cannot be its own parent."
MANAGER = "{} reports to {} already: nobody is their own superior."


def put_under(record: Any, link: str, above: Any, actor: User, at: datetime) -> None:
    with acting(actor=actor, via="test", at=at):
        mine = type(record).objects.get(pk=record.pk)
        setattr(mine, link, above)
        mine.save(update_fields=[link])


@pytest.mark.django_db
def test_a_form_refuses_a_parent_that_is_below(root: User) -> None:
    top = make_account(name="Top", owner=root)
    middle = make_account(name="Middle", parent=top)
    low = make_account(name="Low", parent=middle)
    client = client_of(root)
    shown = client.post(f"/admin/accounts/account/{top.pk}/change/", form_of(client, top) | {"parent": low.pk})
    assert shown.context["adminform"].form.errors["parent"] == [PARENT.format("Low", "Top")]
    top.refresh_from_db()
    assert top.parent is None


@pytest.mark.django_db
def test_a_form_refuses_a_manager_who_reports_to_them(root: User) -> None:
    cora = make_contact(first_name="Cora", last_name="Lane", owner=root)
    ben = make_contact(first_name="Ben", last_name="Ray", reports_to=cora)
    client = client_of(root)
    posted = {"first_name": "Cora", "last_name": "Lane", "reports_to": ben.pk, "version": cora.version}
    posted |= {"owner": root.pk, "email": cora.email}
    shown = client.post(f"/admin/accounts/contact/{cora.pk}/change/", posted)
    assert shown.context["adminform"].form.errors["reports_to"] == [MANAGER.format("Ben Ray", "Cora Lane")]


@pytest.mark.django_db
def test_a_program_is_refused_by_the_name_of_its_field(root: User) -> None:
    top = make_account(name="Top")
    low = make_account(name="Low", parent=top)
    answer = program(root)("PATCH", f"accounts/{top.pk}/", {"parent_account_id": low.pk})
    assert (answer.status_code, answer.json()["code"]) == (409, "circular_parent")
    assert answer.json()["errors"][0]["field"] == "parent_account_id"
    assert answer.json()["detail"] == PARENT.format("Low", "Top")
    cora = make_contact(first_name="Cora", last_name="Lane")
    ben = make_contact(first_name="Ben", last_name="Ray", reports_to=cora)
    answer = program(root)("PATCH", f"contacts/{cora.pk}/", {"reports_to_id": ben.pk})
    assert (answer.status_code, answer.json()["code"]) == (409, "circular_manager")
    assert answer.json()["errors"][0]["field"] == "reports_to_id"


@pytest.mark.django_db
def test_a_circle_that_an_import_brought_does_not_hang_the_question(root: User, now: datetime) -> None:
    first, second = make_account(), make_account()
    Account.objects.filter(pk=first.pk).update(parent=second)
    Account.objects.filter(pk=second.pk).update(parent=first)
    third = make_account()
    put_under(third, "parent", first, root, now)
    third.refresh_from_db()
    assert third.parent == first


@pytest.mark.django_db
def test_undoing_does_not_close_a_circle(root: User, now: datetime) -> None:
    top = make_account(name="Top")
    low = make_account(name="Low", parent=top)
    put_under(low, "parent", None, root, now)
    undone = Transaction.objects.order_by("-pk")[0]
    put_under(top, "parent", low, root, now)
    done = revert(undone, actor=root, at=now, via="test")
    assert [(row.outcome, row.code, row.message) for row in done.rows] == [
        ("touched", "circular_parent", "Its parent account is below it by now.")
    ]
    low.refresh_from_db()
    assert low.parent is None


@pytest.mark.django_db
def test_undoing_puts_a_whole_tree_back(root: User, now: datetime) -> None:
    top, low = make_account(name="Top"), make_account(name="Low")
    Account.objects.filter(pk=low.pk).update(parent=top)
    with acting(actor=root, via="test", at=now):
        # Turned round in one transaction: each alone, put back, would be a circle for a moment.
        Account.objects.filter(pk=low.pk).update(parent=None)
        Account.objects.filter(pk=top.pk).update(parent=low)
    revert(Transaction.objects.order_by("-pk")[0], actor=root, at=now, via="test")
    assert dict(Account.objects.values_list("name", "parent__name")) == {"Top": None, "Low": "Top"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["account", "contact"])
def test_two_who_put_each_under_the_other_at_once_make_no_circle(name: str, root: User, now: datetime) -> None:
    link = {"account": "parent", "contact": "reports_to"}[name]
    make: Any = {"account": make_account, "contact": make_contact}[name]
    kind: Any = {"account": Account, "contact": Contact}[name]
    a, b = make(), make()
    found = race(
        lambda: put_under(a, link, b, root, now),
        lambda: put_under(b, link, a, root, now),
        behind=HOLD,
        values=(f"tree:{name}",),
    )
    refused = [one for one in found if isinstance(one, Refused)]
    assert len(refused) == 1, found
    assert kind.objects.filter(**{f"{link}__isnull": False}).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_programs_that_do_so_wait_for_the_tree_and_not_for_rows(root: User) -> None:
    a, b = make_account(), make_account()
    ask = program(root), program(root)
    answers = race(
        lambda: ask[0]("PATCH", f"accounts/{a.pk}/", {"parent_account_id": b.pk}),
        lambda: ask[1]("PATCH", f"accounts/{b.pk}/", {"parent_account_id": a.pk}),
        behind=HOLD,
        values=("tree:account",),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert Account.objects.filter(parent__isnull=False).count() == 1
