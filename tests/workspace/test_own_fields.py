"""Fields of the company's own on pages: inputs by type, kept beside what an import kept, safe for two at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account
from crm.core.acting import acting
from crm.handbook import SHIPPED, read, use
from crm.history.models import Change
from crm.people.models import User
from crm.workspace.models import PageLayout
from tests.access import client_of
from tests.factories import make_account
from tests.leads.pages import page_url, text_of

pytestmark = pytest.mark.django_db
OWN = """
[[own_fields]]
object = "account"
key = "license_type"
label = "License type"
type = "choice"
kept_as = "License_Type__c"
choices = [{ key = "perpetual", label = "Perpetual" }, { key = "term", label = "Term" }]

[[own_fields]]
object = "account"
key = "seats"
label = "Seats"
type = "number"

[[own_fields]]
object = "account"
key = "audited_on"
label = "Audited on"
type = "date"

[[own_fields]]
object = "account"
key = "reference"
label = "Reference"
type = "yes_no"

[[own_fields]]
object = "account"
key = "wiki"
label = "Wiki"
type = "link"

[[own_fields]]
object = "account"
key = "motto"
label = "Motto"
type = "text"
"""
NAMES = ["license_type", "seats", "audited_on", "reference", "wiki", "motto"]


@pytest.fixture(autouse=True)
def own(db: None, tmp_path: Path) -> Iterator[None]:
    """A handbook with a field of each type, on the pages of accounts."""
    path = tmp_path / "ours.toml"
    path.write_text(SHIPPED.read_text() + OWN)
    with use(read(path)):
        row = PageLayout.objects.get(object="account")
        row.body = {**row.body, "top": NAMES, "sections": [{"title": "Ours", "fields": ["name", *NAMES]}]}
        row.save()
        yield


@pytest.fixture
def account(alice: User) -> Account:
    """An account with what an import kept."""
    return make_account(owner=alice, kept={"Other__c": "stays", "License_Type__c": "term"})


def post(client: Client, account: Account, typed: dict[str, str], version: int | None = None) -> Any:
    """Send the page's form back with this typed into it."""
    form = client.get(page_url(account)).context["adminform"].form
    posted: dict[str, Any] = {name: form[name].value() for name in form.fields} | typed
    posted["version"] = account.version if version is None else version
    return client.post(page_url(account), {k: "" if v is None else v for k, v in posted.items()})


def test_values_of_each_type_are_kept_as_an_import_keeps_them(account: Account, alice: User) -> None:
    typed = {
        "own_license_type": "perpetual",
        "own_seats": "1250.50",
        "own_audited_on": "2026-05-31",
        "own_reference": "true",
        "own_wiki": "example.com/wiki",
        "own_motto": "Per aspera",
    }
    assert post(client_of(alice), account, typed).status_code == 302
    account.refresh_from_db()
    assert account.kept == {
        "Other__c": "stays",
        "License_Type__c": "perpetual",
        "seats": "1250.5",
        "audited_on": "2026-05-31",
        "reference": "true",
        "wiki": "https://example.com/wiki",
        "motto": "Per aspera",
    }
    assert set(Change.objects.of(account)[0].what or {}) == {"kept"}
    page = text_of(client_of(alice).get(page_url(account)))
    for words in ("Perpetual", "1,250.5", "May 31, 2026", "Yes", 'href="https://example.com/wiki"', "Per aspera"):
        assert words in page


def test_an_emptied_field_takes_its_value_away_and_no_other(account: Account, alice: User) -> None:
    assert post(client_of(alice), account, {"own_license_type": ""}).status_code == 302
    account.refresh_from_db()
    assert account.kept == {"Other__c": "stays"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("own_seats", "many"),
        ("own_audited_on", "31/31/2026"),
        ("own_license_type", "stolen"),
        ("own_wiki", "javascript:alert(1)"),
    ],
)
def test_what_has_the_wrong_form_is_said_at_its_field_and_nothing_is_lost(
    account: Account, alice: User, name: str, value: str
) -> None:
    shown = post(client_of(alice), account, {name: value, "own_motto": "Typed"})
    assert shown.status_code == 200
    form = shown.context["adminform"].form
    assert name in form.errors
    assert form["own_motto"].value() == "Typed"
    account.refresh_from_db()
    assert account.kept == {"Other__c": "stays", "License_Type__c": "term"}


def test_a_kept_value_of_another_form_stays_until_somebody_types_another(account: Account, alice: User) -> None:
    Account.objects.filter(pk=account.pk).update(kept={"License_Type__c": "floating", "seats": "about ten"})
    account.refresh_from_db()
    page = text_of(client_of(alice).get(page_url(account)))
    assert "about ten" in page
    assert "floating (not in the handbook any more)" in page
    assert post(client_of(alice), account, {"name": "Renamed"}).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.kept) == ("Renamed", {"License_Type__c": "floating", "seats": "about ten"})


def test_two_people_changing_different_own_fields_keep_both(
    account: Account, alice: User, mona: User, now: datetime
) -> None:
    opened = account.version
    with acting(actor=mona, via="admin", at=now):
        Account.objects.filter(pk=account.pk).update(kept={**account.kept, "seats": "7", "Other__c": "newer"})
    shown = post(client_of(alice), account, {"own_motto": "Mine", "own_seats": ""}, version=opened)
    # The form was opened before: what only the other one changed is taken over, and shown before it is saved.
    assert [(item.label, item.theirs, item.collides) for item in shown.context["edit"].meanwhile] == [
        ("Seats", "7", False)
    ]
    form = shown.context["adminform"].form
    assert form["own_seats"].value() == "7"
    account.refresh_from_db()
    again = post(client_of(alice), account, {"own_motto": "Mine"})
    assert again.status_code == 302
    account.refresh_from_db()
    assert (account.kept["seats"], account.kept["motto"], account.kept["Other__c"]) == ("7", "Mine", "newer")


def test_two_people_changing_the_same_own_field_are_asked(
    account: Account, alice: User, mona: User, now: datetime
) -> None:
    opened = account.version
    with acting(actor=mona, via="admin", at=now):
        Account.objects.filter(pk=account.pk).update(kept={**account.kept, "motto": "Theirs"})
    shown = post(client_of(alice), account, {"own_motto": "Mine"}, version=opened)
    [item] = shown.context["edit"].meanwhile
    assert (item.label, item.before, item.theirs, item.yours, item.collides) == (
        "Motto",
        "(empty)",
        "Theirs",
        "Mine",
        True,
    )
    account.refresh_from_db()
    assert account.kept["motto"] == "Theirs"
    undecided = post(client_of(alice), account, {"own_motto": "Mine", "collided": "own_motto"})
    assert "Somebody else changed this too" in text_of(undecided)
    kept = post(client_of(alice), account, {"own_motto": "Mine", "collided": "own_motto", "keep_own_motto": "mine"})
    assert kept.status_code == 302
    account.refresh_from_db()
    assert account.kept["motto"] == "Mine"


def test_what_only_an_import_keeps_is_nobodys_collision(
    account: Account, alice: User, mona: User, now: datetime
) -> None:
    opened = account.version
    with acting(actor=mona, via="import", at=now):
        Account.objects.filter(pk=account.pk).update(kept={**account.kept, "Other__c": "newer"})
    assert post(client_of(alice), account, {"own_motto": "Mine"}, version=opened).status_code == 302
    account.refresh_from_db()
    assert (account.kept["Other__c"], account.kept["motto"]) == ("newer", "Mine")


def test_a_new_record_may_have_them_too(alice: User) -> None:
    posted = {"name": "Umbrella", "own_seats": "12"}
    assert client_of(alice).post("/admin/accounts/account/add/", posted).status_code == 302
    assert Account.objects.get(name="Umbrella").kept == {"seats": "12"}


def test_a_filter_is_headed_by_its_label_alone(account: Account, alice: User) -> None:
    found = client_of(alice).get("/admin/accounts/account/").context["cl"]
    labels = [
        one["form"].fields[spec.parameter_name].label for spec in found.filter_specs for one in spec.choices(found)
    ]
    assert labels == ["Type", "Owner", "Industry", "License type", "Reference"]


@pytest.mark.parametrize("name", ["wiki", "motto"])
@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("https://example.com/a?b=1", "https://example.com/a?b=1"),
        ("HTTP://example.com", "HTTP://example.com"),
        (" https://example.com/x ", "https://example.com/x"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("ftp://example.com", ""),
        ('https://example.com/"onclick="alert(1)', "https://example.com/&quot;onclick=&quot;alert(1)"),
        ("https://example.com and more words", ""),
    ],
)
def test_a_link_that_an_import_kept_is_a_link(
    account: Account, alice: User, name: str, value: str, address: str
) -> None:
    Account.objects.filter(pk=account.pk).update(kept={name: value})
    page = text_of(client_of(alice).get(page_url(account)))
    wanted = f'<a class="pl-link" href="{address}" rel="noopener noreferrer" target="_blank">'
    assert (wanted in page) is bool(address)
    assert 'href="javascript' not in page.lower()
