"""The tabs of each role, in the handbook's order, each opening on its default filter (C16)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crm import handbook
from crm.core.acting import acting
from crm.handbook import SHIPPED, read
from crm.handbook.schema import TabKey
from crm.navigation import GROUPS, TABS
from crm.people.models import User
from crm.workspace.models import RoleTabs
from tests.access import client_of
from tests.factories import START, make_user

STANDARD = ["Contacts", "Opportunities", "Accounts", "Leads"]


def tabs_of(role: str) -> list[tuple[str, str]]:
    """The tabs that are on the page of somebody of this role."""
    shown = client_of(make_user(f"tabs-{role}", role=role)).get("/admin/leads/lead/")
    groups = shown.context["sidebar_navigation"]
    return [(item["title"], str(item["link"])) for group in groups for item in group["items"]]


def test_long_rows_of_tabs_are_grouped_in_the_handbooks_order(db: None) -> None:
    shown = client_of(make_user("grouped", role="administrator")).get("/admin/leads/lead/")
    groups = {
        group["title"]: [item["title"] for item in group["items"]] for group in shown.context["sidebar_navigation"]
    }
    assert list(groups) == ["Records", "Work", "Setup"]
    labels = dict(handbook.current().choices("tabs"))
    asked = [labels[key] for key in handbook.current().role("administrator").tabs]
    for titles in groups.values():
        assert titles == [title for title in asked if title in titles]
    few = client_of(make_user("few", role="sdr")).get("/admin/leads/lead/").context["sidebar_navigation"]
    assert [group["title"] for group in few] == [""]


def test_every_tab_stands_under_one_heading() -> None:
    placed = [key for keys in GROUPS.values() for key in keys]
    assert sorted(placed) == sorted(TabKey.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["sdr", "ae"])
def test_a_standard_user_has_four_tabs_and_no_other(db: None, role: str) -> None:
    assert [title for title, _ in tabs_of(role)] == STANDARD


@pytest.mark.parametrize("role", ["manager", "administrator"])
def test_every_tab_opens_for_who_has_it(db: None, role: str) -> None:
    client = client_of(make_user("opens", role=role))
    tabs = tabs_of(role)
    assert [title for title, _ in tabs][:4] == STANDARD
    assert [client.get(link).status_code for _, link in tabs] == [200] * len(tabs)


def test_accounts_open_on_customers_with_the_filter_in_sight(db: None) -> None:
    links = dict(tabs_of("sdr"))
    assert links == {
        "Contacts": "/admin/accounts/contact/?view=all_contacts",
        "Opportunities": "/admin/contracts/opportunity/?view=all_opportunities",
        "Accounts": "/admin/accounts/account/?view=customers",
        "Leads": "/admin/leads/lead/?view=all_leads",
    }
    shown = client_of(make_user("looks", role="sdr")).get(links["Accounts"])
    (chip,) = shown.context["cl"].chips
    assert (chip.title, chip.value, chip.without) == ("type", "Customer", "?view=customers&without=type")


def test_a_list_without_views_opens_on_its_own_filter(db: None) -> None:
    assert dict(tabs_of("manager"))["Do Not Contact (DNC)"] == "/admin/activities/suppression/?state=in_force"


def test_tabs_are_those_an_administrator_set(db: None) -> None:
    stored = RoleTabs.objects.get(role="sdr")
    stored.tabs = [{"tab": "leads", "view": "all_leads"}, {"tab": "of another version", "view": ""}]
    with acting(actor=User.objects.system(), via="test", at=START):
        stored.save()
    assert tabs_of("sdr") == [("Leads", "/admin/leads/lead/?view=all_leads")]


def test_every_tab_the_handbook_may_name_has_a_page() -> None:
    assert set(TABS) == set(TabKey.__args__)  # type: ignore[attr-defined]


def test_a_role_without_tabs_of_its_own_has_those_of_the_handbook(db: None, tmp_path: Any) -> None:
    RoleTabs.objects.filter(role="ae").delete()
    text = SHIPPED.read_text()
    path = tmp_path / "ours.toml"
    path.write_text(
        text.replace(
            'key = "ae"\nlabel = "Account Executive (AE)"\nrights = "standard"\n'
            'tabs = ["contacts", "opportunities", "accounts", "leads"]',
            'key = "ae"\nlabel = "Account Executive (AE)"\nrights = "standard"\n'
            'tabs = ["leads", "opportunities", "accounts", "contacts"]',
        )
    )
    with handbook.use(read(path)):
        assert [title for title, _ in tabs_of("ae")] == ["Leads", "Opportunities", "Accounts", "Contacts"]


def test_the_logo_leads_home(alice: Any) -> None:
    shown = client_of(alice).get("/admin/leads/lead/").content.decode()
    assert re.search(r'href="/admin/"[^>]*>\s*<img[^>]*core/plumb', shown)


def test_no_page_runs_a_script_of_its_own(alice: Any) -> None:
    for address in ("/admin/", "/admin/leads/lead/", "/admin/accounts/account/add/", "/admin/profile/"):
        shown = client_of(alice).get(address)
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", shown.content.decode()), address
        assert "'unsafe-eval'" in shown.headers["Content-Security-Policy"]
        assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
