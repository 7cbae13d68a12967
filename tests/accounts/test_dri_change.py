"""A customer has a new champion (C18): the list is started, worked, finished and taken up again, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.dri_change import (
    champions_to_start,
    drop_change,
    finish_change,
    missing_steps,
    reopen_change,
    start_change,
    steps_of,
    tick_step,
    untick_step,
)
from accounts.models import Account, Contact, DriChange, DriChangeStep
from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.panels import panels_for
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_contact
from tests.races import race

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true"}


@pytest.fixture
def account(alice: User) -> Account:
    return make_account(owner=alice, name="Initech")


@pytest.fixture
def cora(account: Account) -> Contact:
    return make_contact(account=account, first_name="Cora", last_name="Kim")


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.codes


def keys() -> list[str]:
    return [one.key for one in handbook.current().account.dri_change]


def panel(account: Account, user: User, rf: RequestFactory) -> str:
    request = rf.get("/")
    request.user = user
    return panels_for(Account)["dri_change"].render(request, account)


def test_its_steps_are_those_of_the_page_in_their_order(
    account: Account, cora: Contact, alice: User, now: datetime
) -> None:
    change = start_change(account, cora, actor=alice, at=now, via="test")
    assert [step.label for step in steps_of(change)] == [
        "Introduction",
        "Slack channel",
        "Invited to the success meetings",
        "Proficiency",
        "Meeting time",
        "Needs and goals",
        "Training",
        "White glove experience",
    ]


def test_a_step_is_ticked_by_whom_when_and_with_a_note_and_taken_back(
    account: Account, cora: Contact, alice: User, bob: User, now: datetime
) -> None:
    who: dict[str, Any] = {"actor": alice, "at": now, "via": "test"}
    change = start_change(account, cora, **who)
    tick_step(change, "introduction", note="By email", actor=bob, at=now + timedelta(days=1), via="test")
    first = steps_of(change)[0].done
    assert first is not None
    assert (first.done_by, first.done_at, first.note) == (bob, now + timedelta(days=1), "By email")
    # A second tick keeps who did it.
    tick_step(change, "introduction", note="By phone", **who)
    first.refresh_from_db()
    assert (first.done_by, first.note) == (bob, "By phone")
    untick_step(change, "introduction", **who)
    untick_step(change, "introduction", **who)
    assert len(missing_steps(steps_of(change))) == 8
    assert codes(lambda: tick_step(change, "dance", **who)) == ("unknown_step",)


def test_it_is_finished_only_when_everything_is_done_and_may_go_on(
    account: Account, cora: Contact, alice: User, now: datetime
) -> None:
    who: dict[str, Any] = {"actor": alice, "at": now, "via": "test"}
    change = start_change(account, cora, **who)
    for key in keys()[:-1]:
        tick_step(change, key, **who)
    assert codes(lambda: finish_change(change, **who)) == ("needs_white_glove",)
    tick_step(change, "white_glove", **who)
    assert finish_change(change, **who).closed_at == now
    assert codes(lambda: untick_step(change, "training", **who)) == ("dri_change_closed",)
    reopen_change(change, **who)
    untick_step(change, "training", **who)
    assert len(missing_steps(steps_of(change))) == 1


def test_one_is_under_way_at_a_time(account: Account, cora: Contact, alice: User, now: datetime) -> None:
    who: dict[str, Any] = {"actor": alice, "at": now, "via": "test"}
    change = start_change(account, cora, **who)
    other = make_contact(account=account)
    assert codes(lambda: start_change(account, other, **who)) == ("dri_change_open",)
    for key in keys():
        tick_step(change, key, **who)
    finish_change(change, **who)
    second = start_change(account, other, **who)
    assert codes(lambda: reopen_change(change, **who)) == ("dri_change_open",)
    drop_change(second, **who)
    assert reopen_change(change, **who).closed_at is None
    assert codes(lambda: finish_change(second, **who)) == ("not_found",)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_start_at_the_same_moment_one_does(
    account: Account, cora: Contact, alice: User, now: datetime
) -> None:
    def start() -> DriChange:
        return start_change(account, cora, actor=alice, at=now, via="test")

    lock = "SELECT FROM accounts_account WHERE id = %s FOR UPDATE"
    said = race(start, start, behind=lock, values=(account.pk,))
    assert sorted(type(one).__name__ for one in said) == ["DriChange", "Refused"]
    assert DriChange.objects.count() == 1


def test_only_who_may_change_the_account_works_it(
    account: Account, cora: Contact, charlie: User, alice: User, now: datetime, rf: RequestFactory
) -> None:
    assert codes(lambda: start_change(account, cora, actor=charlie, at=now, via="test")) == ("forbidden",)
    change = start_change(account, cora, actor=alice, at=now, via="test")
    assert codes(lambda: tick_step(change, "training", actor=charlie, at=now, via="test")) == ("forbidden",)
    address = f"/admin/accounts/dri-change/{change.pk}/tick/"
    assert client_of(charlie).post(address, {"step": "training"}, headers=HTMX).status_code == 403
    shown = panel(account, charlie, rf)
    assert "Introduction" in shown
    assert "<form" not in shown
    stranger = make_contact()
    assert codes(lambda: start_change(make_account(owner=alice), stranger, actor=alice, at=now, via="test")) == (
        "invalid_contact",
    )


def test_it_is_offered_when_another_contact_becomes_champion(
    account: Account, cora: Contact, alice: User, now: datetime, rf: RequestFactory
) -> None:
    assert champions_to_start(account) == []
    assert "is marked as champion" not in panel(account, alice, rf)
    with acting(actor=alice, via="test", at=now):
        cora.is_champion = True
        cora.save(update_fields=["is_champion"])
    assert "Cora Kim is marked as champion" in panel(account, alice, rf)
    start_change(account, cora, actor=alice, at=now, via="test")
    assert champions_to_start(account) == []


def test_on_the_page_it_is_worked_from_start_to_end(account: Account, cora: Contact, alice: User) -> None:
    client = client_of(alice)
    page = client.post(
        f"/admin/accounts/account/{account.pk}/dri-change/", {"contact": cora.pk}, headers=HTMX
    ).content.decode()
    assert "0 of 8" in page
    change = DriChange.objects.get()
    for number, key in enumerate(keys(), 1):
        page = client.post(
            f"/admin/accounts/dri-change/{change.pk}/tick/", {"step": key, "note": f"Note {number}"}, headers=HTMX
        ).content.decode()
        assert f"{number} of 8" in page
        assert f"Note {number}" in page
    page = client.post(f"/admin/accounts/dri-change/{change.pk}/finish/", headers=HTMX).content.decode()
    assert "Reopen" in page
    change.refresh_from_db()
    assert change.closed_at is not None
    assert client.post(f"/admin/accounts/dri-change/{change.pk}/explode/", headers=HTMX).status_code == 404
    assert client.post(f"/admin/accounts/account/{account.pk}/dri-change/", {"contact": "x"}).status_code == 302


def test_a_step_that_left_the_handbook_is_still_shown(
    account: Account, cora: Contact, alice: User, now: datetime, rf: RequestFactory
) -> None:
    change = start_change(account, cora, actor=alice, at=now, via="test")
    with acting(actor=alice, via="test", at=now):
        DriChangeStep.objects.create(change=change, key="gift_basket", done_at=now, done_by=alice, note="With pears")
    steps = steps_of(change)
    assert (steps[-1].key, steps[-1].left_handbook, len(steps)) == ("gift_basket", True, 9)
    shown = panel(account, alice, rf)
    assert "no longer in the handbook" in shown
    assert "With pears" in shown
