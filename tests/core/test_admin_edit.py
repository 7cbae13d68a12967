"""Two people on one page: what others changed is shown, nothing is overwritten, nothing typed is lost."""

from __future__ import annotations

from datetime import datetime
from html import unescape
from threading import Thread
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.admin import AccountAdmin
from accounts.models import Account
from crm.core.acting import acting
from crm.core.errors import Missing, Refused, Stale
from crm.history.models import Change, Transaction
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_contact, make_opportunity, make_user
from tests.samples import make_contract


@pytest.fixture
def account(alice: User) -> Account:
    """An account that Alice owns."""
    return make_account(
        owner=alice, name="Initech", billing_city="Austin", description="First line\nSecond line", employees=10
    )


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice, logged in."""
    return client_of(alice)


def page(record: Any) -> str:
    """The address of a record's page."""
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])


def as_shown(client: Client, address: str) -> dict[str, Any]:
    """What a browser would post from a page as it is shown."""
    response = client.get(address)
    form = response.context["adminform"].form
    posted = {name: form[name].value() for name in form.fields}
    posted["version"] = response.context["opened_version"]
    return {name: "" if value is None else value for name, value in posted.items()}


def change_elsewhere(account: Account, by: User, at: datetime, **values: Any) -> None:
    """Somebody else saves the record meanwhile."""
    with acting(actor=by, via="admin", at=at):
        Account.objects.filter(pk=account.pk).update(**values)


def test_it_saves_only_what_was_typed(account: Account, browser: Client, alice: User) -> None:
    posted = as_shown(browser, page(account)) | {"phone": "+1 415 555 0100"}
    # A browser sends line ends of its own; that is no change of the text.
    posted["description"] = "First line\r\nSecond line"
    assert browser.post(page(account), posted).status_code == 302
    change = Change.objects.of(account)[0]
    assert set(change.what or {}) == {"phone", "phone_key"}
    assert (change.transaction.actor_name, change.transaction.via) == (str(alice), "admin")
    assert LogEntry.objects.count() == 0


def test_it_shows_what_somebody_changed_meanwhile_and_loses_no_typing(
    account: Account, browser: Client, mona: User, now: datetime
) -> None:
    posted = as_shown(browser, page(account)) | {"billing_city": "Dallas", "phone": "1"}
    change_elsewhere(account, mona, now, billing_city="Houston", employees=99)

    shown = browser.post(page(account), posted)
    assert shown.status_code == 200
    account.refresh_from_db()
    assert (account.billing_city, account.employees, account.phone) == ("Houston", 99, "")
    form = shown.context["adminform"].form
    assert (form["billing_city"].value(), form["phone"].value()) == ("Dallas", "1")
    assert form["employees"].value() in (99, "99")
    found = {item.name: item for item in shown.context["edit"].meanwhile}
    city = found["billing_city"]
    assert (city.before, city.theirs, city.yours, city.who, city.collides) == (
        "Austin",
        "Houston",
        "Dallas",
        str(mona),
        True,
    )
    assert not found["employees"].collides
    assert "Changed while you had this open" in shown.content.decode()

    again = posted | {"version": shown.context["opened_version"], "employees": 99}
    again |= {"collided": "billing_city", "keep_billing_city": "mine"}
    assert browser.post(page(account), again).status_code == 302
    account.refresh_from_db()
    assert (account.billing_city, account.employees, account.phone) == ("Dallas", 99, "1")


def test_it_takes_theirs_when_that_is_chosen(account: Account, browser: Client, mona: User, now: datetime) -> None:
    posted = as_shown(browser, page(account)) | {"billing_city": "Dallas", "phone": "1"}
    change_elsewhere(account, mona, now, billing_city="Houston")
    shown = browser.post(page(account), posted)
    again = posted | {"version": shown.context["opened_version"]}
    again |= {"collided": "billing_city", "keep_billing_city": "theirs"}
    assert browser.post(page(account), again).status_code == 302
    account.refresh_from_db()
    assert (account.billing_city, account.phone) == ("Houston", "1")


def test_it_asks_again_while_nothing_is_chosen(account: Account, browser: Client, mona: User, now: datetime) -> None:
    posted = as_shown(browser, page(account)) | {"billing_city": "Dallas"}
    change_elsewhere(account, mona, now, billing_city="Houston")
    shown = browser.post(page(account), posted)
    undecided = browser.post(
        page(account), posted | {"version": shown.context["opened_version"], "collided": "billing_city"}
    )
    assert undecided.status_code == 200
    assert "billing_city" in undecided.context["adminform"].form.errors
    assert b'name="keep_billing_city"' in undecided.content
    account.refresh_from_db()
    assert account.billing_city == "Houston"


def test_both_typing_the_same_is_no_collision(account: Account, browser: Client, mona: User, now: datetime) -> None:
    posted = as_shown(browser, page(account)) | {"billing_city": "Houston"}
    change_elsewhere(account, mona, now, billing_city="Houston")
    shown = browser.post(page(account), posted)
    assert [item.collides for item in shown.context["edit"].meanwhile] == [False]


@pytest.mark.django_db(transaction=True)
def test_it_shows_a_change_that_comes_between_looking_and_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    boss = make_user("boss", role="manager")
    account, client = make_account(billing_city="Austin"), client_of(boss)
    posted = as_shown(client, page(account)) | {"billing_city": "Dallas"}
    store, raced = AccountAdmin.save_model, []

    def quicker() -> None:
        try:
            Account.objects.filter(pk=account.pk).update(billing_city="Houston")
            raced.append(True)
        finally:
            connection.close()

    def slow(self: Any, request: Any, obj: Any, form: Any, change: bool) -> None:
        # The form has looked and found nothing; another connection commits before it writes.
        thread = Thread(target=quicker)
        thread.start()
        thread.join()
        store(self, request, obj, form, change)

    monkeypatch.setattr(AccountAdmin, "save_model", slow)
    shown = client.post(page(account), posted)
    assert raced == [True]
    assert shown.status_code == 200
    assert [(item.name, item.theirs, item.collides) for item in shown.context["edit"].meanwhile] == [
        ("billing_city", "Houston", True)
    ]
    account.refresh_from_db()
    assert account.billing_city == "Houston"


def test_it_refuses_a_page_without_its_version(account: Account, browser: Client) -> None:
    posted = as_shown(browser, page(account)) | {"phone": "1"}
    del posted["version"]
    shown = browser.post(page(account), posted)
    assert shown.status_code == 200
    assert "incomplete" in str(shown.context["adminform"].form.errors)


def test_a_word_that_left_the_handbook_can_stay(account: Account, browser: Client, now: datetime, mona: User) -> None:
    change_elsewhere(account, mona, now, industry="whaling")
    posted = as_shown(browser, page(account))
    assert posted["industry"] == "whaling"
    assert browser.post(page(account), posted | {"phone": "1"}).status_code == 302
    account.refresh_from_db()
    assert (account.industry, account.phone) == ("whaling", "1")


def test_an_owner_who_left_stays_until_another_is_chosen(account: Account, bob: User, alice: User) -> None:
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    client = client_of(bob)
    posted = as_shown(client, page(account))
    assert client.post(page(account), posted | {"phone": "1"}).status_code == 302
    account.refresh_from_db()
    assert account.owner == alice


def test_a_constraint_is_said_at_its_field(alice: User, browser: Client) -> None:
    contract = make_contract(alice)
    posted = as_shown(browser, page(contract)) | {"effective_date": "2026-05-01", "end_date": "2026-04-01"}
    shown = browser.post(page(contract), posted)
    errors = shown.context["adminform"].form.errors
    assert "The subscription end date (2026-04-01) does not lie after the effective date (2026-05-01)." in str(errors)
    assert "__all__" not in errors


def test_a_constraint_only_the_database_knows_is_said_too(
    alice: User, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.core.admin_edit.RecordForm.validate_constraints", lambda self: None)
    record = make_opportunity(owner=alice)
    posted = as_shown(browser, page(record)) | {"poc_start": "2026-05-01", "poc_end": "2026-04-01"}
    shown = browser.post(page(record), posted)
    assert shown.status_code == 200
    assert "end does not lie before its start" in unescape(str(shown.context["adminform"].form.errors))


def test_an_end_before_its_start_is_said_with_both_dates_on_every_page(alice: User, browser: Client) -> None:
    record = make_opportunity(owner=alice)
    posted = as_shown(browser, page(record)) | {"effective_on": "2026-05-01", "ends_on": "2026-04-01"}
    errors = browser.post(page(record), posted).context["adminform"].form.errors
    assert "The subscription end date (2026-04-01) does not lie after the effective date (2026-05-01)." in str(errors)
    assert "__all__" not in errors


def test_a_refusal_of_the_domain_is_said_at_its_field(
    account: Account, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise Refused("missing_facts", "No.", [Missing("needs_phone", "A phone is needed.", "phone")])

    monkeypatch.setattr(AccountAdmin, "save_model", refuse)
    shown = browser.post(page(account), as_shown(browser, page(account)) | {"phone": "2"})
    assert shown.context["adminform"].form.errors["phone"] == ["A phone is needed."]


def test_deleting_says_what_holds_the_record(account: Account, mona: User) -> None:
    make_contact(account=account, first_name="Cora", last_name="Lane")
    client = client_of(mona)
    address = reverse("admin:accounts_account_delete", args=[account.pk])
    shown = client.post(address, {"post": "yes"})
    assert shown.status_code == 200
    assert "1 contact (account): Cora Lane." in shown.content.decode()
    assert Account.objects.filter(pk=account.pk).exists()


def test_deleting_is_one_call_with_its_author(mona: User) -> None:
    account = make_account()
    client_of(mona).post(reverse("admin:accounts_account_delete", args=[account.pk]), {"post": "yes"})
    assert not Account.objects.filter(pk=account.pk).exists()
    newest = Transaction.objects.order_by("-pk")[0]
    assert (newest.actor_name, newest.via) == (str(mona), "admin")
    assert newest.changes.get().op == "D"


@pytest.mark.django_db(transaction=True)
def test_a_record_that_goes_while_it_is_saved_stays_gone_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    account, client = make_account(name="Initech"), client_of(make_user("boss", role="manager"))
    posted = as_shown(client, page(account)) | {"billing_city": "Dallas"}
    store, raced = AccountAdmin.save_model, []

    def quicker() -> None:
        try:
            raced.append(Account.objects.filter(pk=account.pk).delete()[0])
        finally:
            connection.close()

    def slow(*args: Any) -> None:
        thread = Thread(target=quicker)
        thread.start()
        thread.join()
        store(*args)

    monkeypatch.setattr(AccountAdmin, "save_model", slow)
    answer = client.post(page(account), posted, follow=True)
    assert len(raced) == 1
    assert answer.status_code == 200
    assert "Perhaps it was deleted?" in unescape(answer.content.decode())
    for fields in (["name"], None):
        with pytest.raises(Stale, match="was deleted by somebody else"):
            account.save(update_fields=fields)
    assert not Account.objects.exists()
