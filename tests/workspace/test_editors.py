"""The pages on which an administrator changes layouts and tabs at run time (K5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.core.errors import Refused, Stale
from crm.history.models import Change
from crm.people.models import User
from crm.workspace.editing import change_layout, change_tabs
from crm.workspace.models import PageLayout, RoleTabs
from tests.access import client_of
from tests.factories import make_account
from tests.leads.pages import page_url, text_of
from tests.races import race
from tests.workspace.marks import Marks

pytestmark = pytest.mark.django_db
LAYOUT = "/admin/workspace/layouts/account/"
TABS = "/admin/workspace/tabs/sdr/"


@pytest.fixture
def browser(root: User) -> Client:
    """The administrator, logged in."""
    return client_of(root)


def form_of(body: dict[str, Any], version: int | str) -> dict[str, Any]:
    """A layout as the editor's form sends it."""
    return {
        "top": body["top"],
        "title": [one["title"] for one in body["sections"]],
        **{f"sections.{n}.fields": one["fields"] for n, one in enumerate(body["sections"])},
        "right": body["right"],
        "bottom": body["bottom"],
        "label": [one["label"] for one in body["links"]],
        "url": [one["url"] for one in body["links"]],
        "version": version,
    }


@pytest.fixture
def posted(db: None) -> dict[str, Any]:
    """The account's layout as it was opened; with two known panels."""
    row = PageLayout.objects.get(object="account")
    return form_of({**row.body, "right": ["activity_feed"], "bottom": ["receipts"]}, row.version)


def codes(response: Any) -> list[str]:
    """What would not do, by its codes."""
    return [one.code for one in response.context["problems"]]


def test_what_an_administrator_stores_is_what_everybody_sees(
    browser: Client, posted: dict[str, Any], alice: User, root: User
) -> None:
    account = make_account(owner=alice)
    posted |= {"top": ["phone", "industry"], "op": "save"}
    assert browser.post(LAYOUT, posted).status_code == 302
    shown = Marks(text_of(client_of(alice).get(page_url(account))))
    assert shown.sections["top"] == ["phone", "industry"]
    change = Change.objects.of(PageLayout.objects.get(object="account"))[0]
    assert (set(change.what or {}), change.transaction.actor_name) == ({"body"}, str(root))


@pytest.mark.parametrize(
    ("op", "chosen", "top"),
    [
        ("up:top:1", {}, ["industry", "phone", "rating"]),
        ("down:top:1", {}, ["phone", "rating", "industry"]),
        ("up:top:0", {}, ["phone", "industry", "rating"]),
        ("down:top:2", {}, ["phone", "industry", "rating"]),
        ("remove:top:0", {}, ["industry", "rating"]),
        ("add:top:", {"add.top": "website"}, ["phone", "industry", "rating", "website"]),
        ("add:top:", {"add.top": "phone"}, ["phone", "industry", "rating"]),
        ("add:top:", {}, ["phone", "industry", "rating"]),
        ("remove:top:99", {}, ["phone", "industry", "rating"]),
        ("remove:weather:0", {}, ["phone", "industry", "rating"]),
        ("remove:sections.77.fields:0", {}, ["phone", "industry", "rating"]),
        ("nonsense", {}, ["phone", "industry", "rating"]),
        ("", {}, ["phone", "industry", "rating"]),
    ],
)
def test_a_button_changes_the_draft_and_stores_nothing(
    browser: Client, posted: dict[str, Any], op: str, chosen: dict[str, str], top: list[str]
) -> None:
    before = PageLayout.objects.get(object="account").body
    shown = browser.post(LAYOUT, posted | {"top": ["phone", "industry", "rating"], "op": op} | chosen)
    assert [item["name"] for item in shown.context["top"]["items"]] == top
    assert PageLayout.objects.get(object="account").body == before


def test_sections_and_links_are_added_moved_and_taken_away(browser: Client, posted: dict[str, Any]) -> None:
    shown = browser.post(LAYOUT, posted | {"op": "add:sections:", "add.sections": "New"})
    assert [one["title"] for one in shown.context["sections"]][-1] == "New"
    shown = browser.post(LAYOUT, posted | {"op": "up:sections:1"})
    assert [one["title"] for one in shown.context["sections"]][:2] == ["Accounting", "Additional information"]
    shown = browser.post(LAYOUT, posted | {"op": "remove:sections.1.fields:0"})
    assert shown.context["sections"][1]["items"][0]["name"] == "payment_received"
    new = {"op": "add:links:", "add.links": "Wiki", "add.links.url": "https://example.com/?q={name}"}
    assert browser.post(LAYOUT, posted | new).context["links"][-1]["label"] == "Wiki"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"top": ["shoe_size"]}, "unknown_field"),
        ({"top": ["phone", "phone"]}, "twice"),
        ({"sections.0.fields": ["name", "name"]}, "twice"),
        ({"sections.0.fields": []}, "no_fields"),
        ({"title": ["", "Accounting", "Details"]}, "no_title"),
        ({"title": ["Same", "same", "Details"]}, "twice"),
        ({"title": ["x" * 81, "Accounting", "Details"]}, "too_long"),
        ({"right": ["weather"]}, "unknown_panel"),
        ({"right": ["receipts"]}, "twice"),
        ({"label": [""], "url": ["https://example.com/{name}"]}, "no_title"),
        ({"label": ["Bad"], "url": ["javascript:alert('{name}')"]}, "unsafe_link"),
        ({"label": ["Bad"], "url": ["https://{name}.example.com/"]}, "unsafe_link"),
        ({"label": ["Bad"], "url": ["https://example.com/{owner}"]}, "unsafe_link"),
        ({"label": ["Bad"], "url": ["http://example.com/{name}"]}, "unsafe_link"),
    ],
)
def test_it_refuses_what_will_not_do_and_keeps_what_was_typed(
    browser: Client, posted: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    before = PageLayout.objects.get(object="account").version
    shown = browser.post(LAYOUT, posted | change | {"op": "save"})
    assert shown.status_code == 400
    assert codes(shown) == [code]
    assert 'role="alert"' in text_of(shown)
    assert PageLayout.objects.get(object="account").version == before


def test_a_misspelt_field_is_answered_with_the_one_that_was_meant(browser: Client, posted: dict[str, Any]) -> None:
    shown = text_of(browser.post(LAYOUT, posted | {"top": ["industri"], "op": "save"}))
    assert "An account has no field “industri”. Is “industry” meant?" in shown


def test_it_does_not_overwrite_what_somebody_else_stored_meanwhile(browser: Client, posted: dict[str, Any]) -> None:
    row = PageLayout.objects.get(object="account")
    row.body = {**row.body, "top": ["phone"]}
    row.save()
    shown = browser.post(LAYOUT, posted | {"top": ["industry"], "op": "save"})
    assert shown.status_code == 409
    assert "Somebody else changed this since you opened it." in text_of(shown)
    assert PageLayout.objects.get(object="account").body["top"] == ["phone"]
    again = posted | {"top": ["industry"], "op": "save", "version": shown.context["version"]}
    assert browser.post(LAYOUT, again).status_code == 302
    assert PageLayout.objects.get(object="account").body["top"] == ["industry"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told(root: User) -> None:
    row, _ = PageLayout.objects.get_or_create(object="lead", defaults={"body": {}})
    body = {"top": ["name"], "sections": [{"title": "One", "fields": ["company"]}], "right": [], "bottom": []}

    def save(name: str) -> str:
        try:
            change_layout(
                "lead", {**body, "top": [name]}, actor=root, at=timezone.now(), via="admin", version=row.version
            )
        except Stale:
            return "stale"
        return name

    gate = "SELECT 1 FROM workspace_pagelayout WHERE id = %s FOR UPDATE"
    results = race(lambda: save("name"), lambda: save("company"), behind=gate, values=(row.pk,))
    assert sorted(results).count("stale") == 1
    assert PageLayout.objects.get(object="lead").body["top"] == [next(one for one in results if one != "stale")]


def test_it_is_looked_at_before_it_is_stored_by_nobody_else(
    browser: Client, posted: dict[str, Any], alice: User
) -> None:
    account = make_account(owner=alice)
    shown = browser.post(LAYOUT, posted | {"top": ["phone"], "op": "preview"}, follow=True)
    assert shown.redirect_chain[-1][0] == f"{page_url(account)}?preview=1"
    page = Marks(text_of(shown))
    assert page.sections["top"] == ["phone"]
    assert "preview" in page.sections
    other = Marks(text_of(client_of(alice).get(f"{page_url(account)}?preview=1")))
    assert other.sections["top"][0] == "billing_address"
    assert PageLayout.objects.get(object="account").body["top"][0] == "billing_address"


def test_reset_puts_the_handbooks_back(browser: Client, posted: dict[str, Any]) -> None:
    browser.post(LAYOUT, posted | {"top": ["phone"], "op": "save"})
    browser.post(LAYOUT, {"op": "reset"})
    assert PageLayout.objects.get(object="account").body["top"][0] == "billing_address"


def test_a_layout_that_was_taken_away_is_edited_from_the_handbooks(browser: Client, posted: dict[str, Any]) -> None:
    PageLayout.objects.get(object="account").delete()
    assert browser.get(LAYOUT).context["version"] is None
    assert browser.post(LAYOUT, posted | {"op": "save"}).status_code == 409
    assert browser.post(LAYOUT, posted | {"op": "save", "version": ""}).status_code == 302


@pytest.mark.parametrize("address", ["layouts/weather/", "layouts/user/", "tabs/nobody/"])
def test_there_is_no_page_for_what_has_no_layout_or_tabs(browser: Client, address: str) -> None:
    assert browser.get(f"/admin/workspace/{address}").status_code == 404


def test_tabs_are_put_in_another_order_and_opened_on_another_view(browser: Client, alice: User) -> None:
    row = RoleTabs.objects.get(role="sdr")
    posted = {"tab": ["accounts", "leads"], "view.accounts": "all_accounts", "version": row.version, "op": "save"}
    assert browser.post(TABS, posted).status_code == 302
    stored = RoleTabs.objects.get(role="sdr").tabs
    assert stored == [{"tab": "accounts", "view": "all_accounts"}, {"tab": "leads", "view": ""}]
    (group,) = client_of(alice).get("/admin/leads/lead/").context["sidebar_navigation"]
    assert [item["title"] for item in group["items"]] == ["Accounts", "Leads"]


def test_a_button_changes_the_tabs_of_the_draft_alone(browser: Client) -> None:
    row = RoleTabs.objects.get(role="sdr")
    posted = {"tab": ["accounts", "leads"], "version": row.version}
    shown = browser.post(TABS, posted | {"op": "down:tabs:0"})
    assert [one["name"] for one in shown.context["items"]] == ["leads", "accounts"]
    shown = browser.post(TABS, posted | {"op": "add:tabs:", "add.tabs": "contracts"})
    assert [one["name"] for one in shown.context["items"]] == ["accounts", "leads", "contracts"]
    shown = browser.post(TABS, posted | {"op": "remove:tabs:0"})
    assert [one["name"] for one in shown.context["items"]] == ["leads"]
    assert RoleTabs.objects.get(role="sdr").tabs == row.tabs


@pytest.mark.parametrize(
    ("tabs", "code"),
    [
        ({"tab": ["weather"]}, "unknown_tab"),
        ({"tab": ["leads", "leads"]}, "twice"),
        ({"tab": ["leads"], "view.leads": "customers"}, "unknown_view"),
        ({"tab": []}, "no_tabs"),
    ],
)
def test_it_refuses_tabs_that_lead_nowhere(browser: Client, tabs: dict[str, Any], code: str) -> None:
    row = RoleTabs.objects.get(role="sdr")
    shown = browser.post(TABS, tabs | {"version": row.version, "op": "save"})
    assert shown.status_code == 400
    assert codes(shown) == [code]
    assert RoleTabs.objects.get(role="sdr").version == row.version


def test_nobody_else_changes_them_by_any_door(mona: User, now: Any) -> None:
    row = PageLayout.objects.get(object="lead")
    with pytest.raises(Refused, match="Only administrators"):
        change_layout("lead", row.body, actor=mona, at=now, via="api", version=row.version)
    with pytest.raises(Refused, match="Only administrators"):
        change_tabs("sdr", [{"tab": "leads"}], actor=mona, at=now, via="api", version=1)
