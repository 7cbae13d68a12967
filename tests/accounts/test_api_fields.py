"""Accounts and contacts over the API with every field of theirs, and the company's own fields of all five kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm import handbook
from crm.handbook import SHIPPED, read
from crm.people.models import User
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.keys import program

pytestmark = pytest.mark.django_db
KINDS = ("lead", "account", "contact", "opportunity", "contract")
FIELD = """
[[own_fields]]
object = "{0}"
key = "seats"
label = "Seats"
type = "number"
kept_as = "Seats__c"

[[own_fields]]
object = "{0}"
key = "renews_on"
label = "Renews on"
type = "date"

[[own_fields]]
object = "{0}"
key = "friendly"
label = "Friendly"
type = "yes_no"

[[own_fields]]
object = "{0}"
key = "plan"
label = "Plan"
type = "choice"
choices = [{{ key = "basic", label = "Basic" }}, {{ key = "big", label = "Big" }}]

[[own_fields]]
object = "{0}"
key = "wiki"
label = "Wiki"
type = "link"

[[own_fields]]
object = "{0}"
key = "motto"
label = "Motto"
type = "text"
"""
SENT = {
    "seats": 12.5,
    "renews_on": "2026-05-31",
    "friendly": False,
    "plan": "big",
    "wiki": "https://wiki.example/initech",
    "motto": "Is this good for the company?",
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """A handbook with six fields of the company's own for each kind."""
    path = tmp_path / "own.toml"
    fields = "".join(FIELD.format(kind) for kind in KINDS)
    path.write_text(SHIPPED.read_text().replace("[[views]]", fields + "\n[[views]]", 1))
    with handbook.use(read(path)):
        yield


def test_an_account_is_read_and_written_with_every_field(alice: User) -> None:
    values = {
        "name": "Initech",
        "stated_type": "prospect",
        "website": "https://initech.example",
        "domains": ["initech.test"],
        "linkedin_url": "https://www.linkedin.com/company/initech",
        "linkedin_sales_navigator_url": "https://www.linkedin.com/sales/company/1",
        "my_linkedin_overlaps": "https://www.linkedin.com/search/results/people/",
        "tier": "premium",
        "license_key": "KEY",
        "payment_terms": "net_30",
        "press_approval": "given",
        "press_approval_by": "Bill",
        "press_approval_on": "2026-01-02",
        "nda_signed_on": "2026-01-03",
        "codename": "Vesta",
        "health": "green",
        "health_note": "Content",
        "health_on": "2026-02-03",
        "ciso_employees": 3,
        "account_rating": "hot",
    }
    made = program(alice)("POST", "accounts/", values)
    assert made.status_code == 201, made.content
    stored = program(alice)("GET", f"accounts/{made.json()['id']}/").json()
    assert {name: stored[name] for name in values} == values


def test_a_contact_is_read_and_written_with_every_field(alice: User) -> None:
    values = {
        "last_name": "Lane",
        "twitter": "https://twitter.com/cora",
        "github": "https://github.com/cora",
        "orbit_feed": "https://app.orbit.example/cora",
        "is_champion": True,
        "is_main_dri": False,
    }
    made = program(alice)("POST", "contacts/", values)
    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in values} == values


def paths() -> dict[str, str]:
    account = make_account()
    deal = make_opportunity(account=account)
    from contracts.models import Contract
    from crm.core.door import create
    from tests.factories import START

    contract = create(Contract(name="Initech 2026", account=account), actor=User.objects.system(), at=START, via="test")
    return {
        "lead": f"leads/{make_lead().pk}/",
        "account": f"accounts/{account.pk}/",
        "contact": f"contacts/{make_contact().pk}/",
        "opportunity": f"opportunities/{deal.pk}/",
        "contract": f"contracts/{contract.pk}/",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_own_fields_are_read_and_written_as_one_object(kind: str, root: User, own: None) -> None:
    ask, path = program(root), paths()[kind]
    assert ask("GET", path).json()["own"] == dict.fromkeys(SENT)
    tag = ask("GET", path).headers["ETag"]
    changed = ask("PATCH", path, {"own": SENT}, If_Match=tag)
    assert (changed.status_code, changed.json()["own"]) == (200, SENT), changed.content
    assert ask("PATCH", path, {"own": {"seats": 3, "motto": None}}, If_Match=tag).status_code == 412
    again = ask("PATCH", path, {"own": {"seats": 3, "motto": None}}).json()["own"]
    assert again == SENT | {"seats": 3, "motto": None}
    listed = ask("GET", f"{path.partition('/')[0]}/?fields=own").json()["results"][0]
    assert listed["own"] == again


def test_what_an_import_kept_besides_stays_and_is_not_told(root: User, own: None) -> None:
    account = make_account(kept={"Seats__c": "7", "Secret__c": "x"})
    ask = program(root)
    assert ask("GET", f"accounts/{account.pk}/").json()["own"]["seats"] == 7
    assert "Secret__c" not in ask("PATCH", f"accounts/{account.pk}/", {"own": {"seats": 8}}).content.decode()
    account.refresh_from_db()
    assert account.kept == {"Seats__c": "8", "Secret__c": "x"}


def test_a_kept_value_of_another_form_is_told_as_it_stands(root: User, own: None) -> None:
    account = make_account(kept={"Seats__c": "a dozen", "renews_on": "soon", "friendly": "maybe"})
    told = program(root)("GET", f"accounts/{account.pk}/").json()["own"]
    assert (told["seats"], told["renews_on"], told["friendly"]) == ("a dozen", "soon", "maybe")


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"seats": "12"}, ["own.seats"]),
        ({"seats": True}, ["own.seats"]),
        ({"friendly": "yes"}, ["own.friendly"]),
        ({"renews_on": "31.05.2026", "plan": "huge"}, ["own.renews_on", "own.plan"]),
        ({"wiki": "not an address"}, ["own.wiki"]),
        ({"unknown": 1, "motto": 5}, ["own.unknown", "own.motto"]),
        ({"Seats__c": 5}, ["own.Seats__c"]),
        ("seats", ["own"]),
        (None, ["own"]),
    ],
)
def test_each_own_field_that_will_not_do_is_named_and_nothing_written(
    sent: Any, wrong: list[str], root: User, own: None
) -> None:
    account = make_account()
    refused = program(root)("PATCH", f"accounts/{account.pk}/", {"own": sent, "name": "Renamed"})
    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (400, wrong)
    account.refresh_from_db()
    assert (account.kept, account.version) == ({}, 1)


def test_without_own_fields_there_is_an_empty_object_and_nothing_to_send(root: User) -> None:
    account = make_account(kept={"Seats__c": "7"})
    ask = program(root)
    assert ask("GET", f"accounts/{account.pk}/").json()["own"] == {}
    assert ask("PATCH", f"accounts/{account.pk}/", {"own": {"seats": 7}}).status_code == 400


def test_the_description_names_own_fields_with_their_types(root: User, own: None) -> None:
    from drf_spectacular.generators import SchemaGenerator

    said: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    said = said["components"]["schemas"]
    asked = said["AccountRequest"]["properties"]["own"]["properties"]
    assert asked["seats"]["type"] == ["number", "null"]
    assert asked["plan"]["enum"] == ["basic", "big", "", None]
    assert said["AccountRequest"]["properties"]["domains"]["items"] == {"type": "string"}


def test_a_list_says_of_each_field_what_the_record_says(root: User) -> None:
    account = make_account(type="prospect", industry="energy", employees=5, owner=root)
    ask = program(root)
    (listed,) = ask("GET", "accounts/").json()["results"]
    assert listed == ask("GET", f"accounts/{account.pk}/").json()
