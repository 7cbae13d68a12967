"""Codenames (C19): a minor planet's name, one for each account, and nothing else of it in public."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from accounts import codenames
from accounts.codenames import give_codename, minor_planets, unused_codenames
from accounts.models import Account
from crm.core.errors import Refused
from crm.people.models import User
from crm.sync.services import make_api_key
from tests.access import client_of
from tests.bulk.pages import address, answer, ask, rows
from tests.factories import make_account, make_contact
from tests.keys import program
from tests.races import race

SECRET = {
    "name": "Zephyrine Holdings",
    "website": "https://zephyrine.example",
    "domains": "zephyrine.test",
    "linkedin_url": "https://www.linkedin.com/company/zephyrine",
    "sales_navigator_url": "https://www.linkedin.com/sales/company/777001",
    "linkedin_overlaps_url": "https://www.linkedin.com/search/?zephyrine",
    "phone": "+14155557001",
    "billing_street": "7 Zephyr Quay",
    "billing_city": "Zephyrville",
    "shipping_city": "Port Zephyr",
    "license_key": "ZEPH-LICENSE",
    "press_approval_by": "Zoe Zephyr",
    "description": "Zephyrine makes zephyrs.",
    "health_note": "Zephyr is content",
    "kept": {"Zephyr__c": "zephyr"},
}


def test_the_list_is_long_and_has_each_name_once() -> None:
    names = minor_planets()
    assert len(names) >= 300
    assert len({name.casefold() for name in names}) == len(names)
    assert {"Ceres", "Pallas", "Juno", "Vesta"} <= set(names)


@pytest.mark.django_db
def test_the_button_gives_one_that_nobody_has(alice: User) -> None:
    account, client = make_account(owner=alice), client_of(alice)
    page = f"/admin/accounts/account/{account.pk}/change/"
    assert "Give a codename" in client.get(page).content.decode()
    assert client.get(f"/admin/accounts/account/{account.pk}/codename/").status_code == 405
    client.post(f"/admin/accounts/account/{account.pk}/codename/")
    account.refresh_from_db()
    assert account.codename in minor_planets()
    assert "Give a codename" not in client.get(page).content.decode()


@pytest.mark.django_db
def test_who_may_not_change_the_account_gives_it_none(alice: User, charlie: User, now: datetime) -> None:
    account = make_account(owner=alice)
    assert (
        "Give a codename"
        not in client_of(charlie).get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    )
    assert client_of(charlie).post(f"/admin/accounts/account/{account.pk}/codename/").status_code == 403
    with pytest.raises(Refused, match="manager gives it a codename"):
        give_codename(account, actor=charlie, at=now, via="test")


@pytest.mark.django_db
def test_one_that_it_has_stays(alice: User, now: datetime) -> None:
    account = make_account(owner=alice, codename="Vesta")
    assert give_codename(account, actor=alice, at=now, via="test") == "Vesta"


@pytest.mark.django_db
def test_it_says_when_every_name_is_taken(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codenames, "minor_planets", lambda: ("Ceres", "Vesta"))
    make_account(codename="ceres")
    assert unused_codenames() == ["Vesta"]
    make_account(codename="Vesta")
    with pytest.raises(Refused) as refused:
        give_codename(make_account(owner=alice), actor=alice, at=now, via="test")
    assert refused.value.code == "no_codename"


@pytest.mark.django_db
def test_a_typed_one_is_a_minor_planets_as_it_is_spelled_and_nobody_elses(alice: User) -> None:
    send, account = program(alice), make_account(owner=alice)
    refused = send("PATCH", f"accounts/{account.pk}/", {"codename": "Zephyrine"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "codename")
    assert send("PATCH", f"accounts/{account.pk}/", {"codename": "cERES"}).json()["codename"] == "Ceres"
    other = make_account(owner=alice)
    refused = send("PATCH", f"accounts/{other.pk}/", {"codename": "Ceres"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "Another account has this codename.")


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_get_two_names(alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codenames, "minor_planets", lambda: ("Ceres", "Vesta"))
    first, second = make_account(owner=alice), make_account(owner=alice)
    given = race(
        lambda: give_codename(first, actor=alice, at=now, via="test"),
        lambda: give_codename(second, actor=alice, at=now, via="test"),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=("codename:all",),
    )
    assert sorted(given) == ["Ceres", "Vesta"]


# --- in public --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_public_key_sees_codenames_and_nothing_that_says_who_it_is(root: User, robot: User) -> None:
    account = make_account(codename="Juno", type="customer", tier="premium", **SECRET)
    make_contact(account=account, first_name="Zelda", last_name="Zephyr", email="zelda@zephyrine.example")
    make_account(name="Zebedee, who has no codename", website="https://zebedee.example")
    public = program(robot, "accounts:read_public")("GET", "public-accounts/")
    assert public.json() == {"results": [{"codename": "Juno", "type": "customer", "tier": "premium"}]}
    told = public.content.decode() + str(public.headers)
    assert not re.search("zeph|zelda|zebedee|7001", told, re.IGNORECASE)
    assert f'"{account.pk}"' not in told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["accounts/", "accounts/{}/", "contacts/", "opportunities/", "contracts/", "public-accounts/?q=zeph", "leads/"],
)
def test_a_public_key_has_no_other_way_to_them(robot: User, path: str) -> None:
    account = make_account(codename="Juno", **SECRET)
    refused = program(robot, "accounts:read_public")("GET", path.format(account.pk))
    assert refused.status_code in (400, 403)
    assert "zeph" not in refused.content.decode().lower().replace("q=zeph", "")


@pytest.mark.django_db
def test_a_public_key_can_be_made_for_whoever_sees_accounts(root: User, robot: User, now: datetime) -> None:
    for user in (root, robot):
        key, _ = make_api_key(
            name=f"Web site {user.pk}", user=user, scopes=["accounts:read_public"], actor=root, at=now, via="test"
        )
        assert key.scopes == ["accounts:read_public"]


@pytest.mark.django_db
def test_other_scopes_do_not_open_the_public_list(robot: User) -> None:
    assert program(robot, "contacts:read")("GET", "public-accounts/").status_code == 403
    assert program(robot, "accounts:read_public")("POST", "public-accounts/", {}).status_code == 405


@pytest.mark.django_db
def test_a_public_export_has_codenames_and_nothing_that_says_who_it_is(
    mona: User, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    named = make_account(codename="Juno", type="customer", tier="premium", **SECRET)
    unnamed = make_account(name="Zebedee")
    job = ask(client_of(mona), address(Account, "public_export", [named.pk, unnamed.pk]))
    answer(client_of(mona), job, "confirm")
    assert rows(job) == {named.pk: ("exported", ""), unnamed.pk: ("refused", "no_codename")}
    response: Any = client_of(mona).get(reverse("admin:job_file", args=[job.pk]))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [["Codename", "Type", "Tier"], ["Juno", "Customer", "Premium"]]
    told = text + response.headers["Content-Disposition"]
    assert not re.search("zeph|zebedee|7001", told, re.IGNORECASE)
