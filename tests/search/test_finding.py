"""Global search: one term over every kind of record, only what the reader may see, by few queries."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from contracts.models import Contract
from crm.core import permissions
from crm.core.door import create
from crm.people.models import User
from crm.search.finding import SOURCES, find_everywhere, find_views
from leads.models import Lead
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.workspace.views import make_view

pytestmark = pytest.mark.django_db
MOST_QUERIES = 8


def make_contract(name: str, account: Account) -> Contract:
    """A draft."""
    return create(Contract(name=name, account=account), actor=User.objects.system(), at=START, via="test")


def found(term: str, user: User) -> dict[str, list[str]]:
    """The names that a term finds, by kind."""
    return {group.key: [hit.title for hit in group.hits] for group in find_everywhere(term, user=user)}


def test_a_name_is_found_in_every_kind_of_record(alice: User) -> None:
    account = make_account(name="Quillon Works")
    make_contact(first_name="Quill", last_name="Lane")
    make_lead(first_name="Ada", last_name="Quillfeather")
    make_opportunity(name="Quillon 2026", account=account)
    make_contract("Quillon subscription", account)
    assert found("quill", alice) == {
        "account": ["Quillon Works"],
        "contact": ["Quill Lane"],
        "lead": ["Ada Quillfeather"],
        "opportunity": ["Quillon 2026"],
        "contract": ["Quillon subscription"],
    }


def test_one_or_two_letters_are_the_beginning_of_a_name(alice: User) -> None:
    account = make_account(name="Quillon Works")
    make_opportunity(name="Quillon 2026", account=account)
    make_opportunity(name="Not quite", account=account)
    make_contract("Quillon subscription", account)
    names = found("qu", alice)
    assert (names["opportunity"], names["contract"], names["account"]) == (
        ["Quillon 2026"],
        ["Quillon subscription"],
        ["Quillon Works"],
    )


@pytest.mark.parametrize(
    ("term", "kinds"),
    [
        ("Zed@Zelkova.example", {"contact", "lead"}),
        ("https://www.linkedin.com/in/zed-zelkova/", {"contact"}),
        ("zelkova.example", {"account", "contact", "lead"}),
        ("zelkova.test", {"account"}),
        ("+1 (415) 555-0177", {"account"}),
        ("Zelkova", {"account", "contact", "lead"}),
    ],
)
def test_emails_domains_companies_phones_and_profiles_find_whose_they_are(
    term: str, kinds: set[str], alice: User
) -> None:
    make_account(name="Zelkova", website="https://zelkova.example", domains="zelkova.test", phone="+14155550177")
    make_contact(first_name="Zed", email="zed@zelkova.example", linkedin_url="https://linkedin.com/in/zed-zelkova")
    make_lead(company="Zelkova", email="zed+crm@zelkova.example")
    assert set(found(term, alice)) == kinds


def test_the_nearest_name_comes_first(alice: User) -> None:
    for name in ("Northgate", "Gate", "Gateway", "The gate keepers"):
        make_account(name=name)
    assert found("gate", alice)["account"] == ["Gate", "Gateway", "The gate keepers", "Northgate"]


def test_the_kind_with_the_nearest_name_comes_first(alice: User) -> None:
    make_account(name="Tamarack")
    make_lead(first_name="Mara", last_name="Ibsen")
    assert list(found("mara", alice)) == ["lead", "account"]


def test_more_than_fit_lead_to_the_list_with_the_same_search(alice: User) -> None:
    for number in range(8):
        make_lead(last_name=f"Quillfeather {number}")
    client = client_of(alice)
    (group,) = find_everywhere("quillfeather", user=alice)
    assert len(group.hits) == 5
    assert client.get(group.more).context["cl"].result_count == 8


def test_what_the_reader_may_not_see_is_not_told(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, hidden = make_lead(last_name="Quillfeather"), make_lead(last_name="Quillhidden")
    make_account(name="Quillon")
    plain = permissions._policies[Lead]
    rules = dict(permissions._policies)
    rules[Lead] = lambda user, verb, record: plain(user, verb, record) and record != hidden
    from accounts.models import Account

    rules[Account] = lambda user, verb, record: False
    monkeypatch.setattr(permissions, "_policies", rules)
    assert found("quill", alice) == {"lead": [seen.name]}
    page = client_of(alice).get("/admin/search/?q=quill").content.decode()
    assert "Quillhidden" not in page


def test_who_has_no_role_finds_nothing(alice: User) -> None:
    make_lead(last_name="Quillfeather")
    alice.is_active = False
    assert find_everywhere("quill", user=alice) == []


@pytest.mark.parametrize("term", ["", "  ", "\x00", "%", "_", "' OR 1=1 --", "\\", "a" * 5000, "😀", "("])
def test_any_term_is_answered(term: str, alice: User) -> None:
    make_lead(last_name="Quillfeather")
    client = client_of(alice)
    for address in ("/admin/search/", "/admin/search/palette/"):
        shown = client.get(address, {"q": term})
        assert shown.status_code == 200
        assert "Quillfeather" not in shown.content.decode()


def test_a_name_is_shown_as_text(alice: User) -> None:
    make_account(name="<script>alert(1)</script>")
    for address in ("/admin/search/", "/admin/search/palette/"):
        shown = client_of(alice).get(address, {"q": "<script>alert"}).content.decode()
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown


@pytest.mark.parametrize("term", ["quill", "qu", "quill@initech.example", "initech.example"])
@pytest.mark.parametrize("many", [1, 12])
def test_however_many_are_found_it_asks_as_little(term: str, many: int, alice: User) -> None:
    for number in range(many):
        account = make_account(name=f"Quillon {number}", domains=f"{number}.initech.example")
        make_contact(first_name="Quill", account=account, email=f"quill{number}@initech.example")
        make_lead(first_name="Quill", email=f"quill{number}@initech.example", website="https://initech.example")
        make_opportunity(name=f"Quillon {number} 2026", account=account)
        make_contract(f"Quillon {number}", account)
    with CaptureQueriesContext(connection) as asked:
        find_everywhere(term, user=alice)
    assert len(asked) <= MOST_QUERIES, [one["sql"] for one in asked]


def test_it_looks_in_every_kind_that_has_a_tab_of_records() -> None:
    assert {str(source.kind._meta.model_name) for source in SOURCES} == {
        "account",
        "contact",
        "lead",
        "opportunity",
        "contract",
    }


# --- the palette ------------------------------------------------------------------------------------------------------


def places(user: User, term: str = "") -> list[tuple[str, str]]:
    """The pages that the palette offers, with their addresses."""
    text = client_of(user).get("/admin/search/palette/", {"q": term}).content.decode()
    inside = text.partition('data-group="places"')[2].partition("</div>")[0]
    found = re.findall(r'href="([^"]*)".*?palette-title">(.*?)</span>', inside)
    return [(unescape(title), unescape(address)) for address, title in found]


def test_without_a_term_it_offers_what_to_begin_and_ones_tabs(alice: User) -> None:
    titles = [title for title, _ in places(alice)]
    assert titles[:3] == ["Add lead", "Add contact", "Add account"]
    assert {"Contacts", "Opportunities", "Accounts", "Leads", "Home", "Your profile"} <= set(titles)
    assert not {"Users", "Keys of programs", "Workspace"} & set(titles), "tabs of other roles"


def test_every_place_can_be_gone_to(root: User) -> None:
    client = client_of(root)
    for title, address in places(root):
        assert client.get(address).status_code == 200, title


def test_pages_are_found_by_the_beginnings_of_their_words(root: User) -> None:
    assert [title for title, _ in places(root, "imp")] == ["Import", "Imports"]
    assert [title for title, _ in places(root, "ad le")] == ["Add lead"]
    assert places(root, "nothing like it") == []


def test_who_may_not_import_is_not_sent_there(alice: User, root: User) -> None:
    assert "Import" not in [title for title, _ in places(alice)]
    assert "Import" in [title for title, _ in places(root)]


def test_without_a_login_there_is_no_search(client: object) -> None:
    for address in ("/admin/search/?q=a", "/admin/search/palette/?q=a"):
        assert client.get(address).status_code == 302  # type: ignore[attr-defined]
        assert client.post(address).status_code in (302, 403, 405)  # type: ignore[attr-defined]


def test_list_views_are_found_by_their_names(alice: User, bob: User) -> None:
    make_view(alice, title="Customers of mine", object="account", columns=["name"])
    make_view(bob, title="Customers of Bob's own", object="account", columns=["name"])
    groups = {group.key: group for group in client_of(alice).get("/admin/search/palette/?q=customer").context["groups"]}
    titles = [hit.title for hit in groups["views"].hits]
    assert titles[0] == "Customers"
    assert "Customers of mine" in titles
    assert "Customers of Bob's own" not in titles
    page = client_of(alice).get(groups["views"].hits[0].address)
    assert page.context["cl"].view.view.key == "customers"


def test_views_of_what_one_may_not_see_are_not_found(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_views("customers", user=alice)
    rules: dict[Any, Any] = {**permissions._policies, Account: lambda user, verb, record: False}
    monkeypatch.setattr(permissions, "_policies", rules)
    assert not find_views("customers", user=alice)
