"""List views in a browser: each tab of a standard user on its filter; a view saved, pinned, shared, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.workspace.models import ListView, Pin
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.factories import make_account, make_contact, make_lead, make_opportunity, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch) -> Iterator[Page]:
    """An SDR's page; whatever a browser complains about fails the test."""
    sam = make_user("sam", role="sdr")
    for number in range(3):
        make_lead(owner=sam, last_name=f"Number {number}", status="engaged" if number else "new")
    make_account(name="Buyer", type="customer"), make_account(name="Looker", type="prospect")
    make_contact(account=make_account(type="prospect"))
    make_opportunity(owner=sam)
    page = open_page(base_url=live_server.url)
    stay_logged_in(page, sam)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


def test_each_tab_opens_on_its_filter_and_rows_open_the_full_page(page: Page) -> None:
    wanted = {
        "Contacts": ("All contacts", None),
        "Opportunities": ("All opportunities", None),
        "Accounts": ("Customers", "Type: Customer"),
        "Leads": ("All leads", None),
    }
    for tab, (title, chip) in wanted.items():
        page.goto("/admin/")
        page.locator("#nav-sidebar-apps").get_by_role("link", name=tab).click()
        page.locator(".plumb-view-menu > summary h2").wait_for()
        expect(page.locator(".plumb-view-menu > summary h2")).to_have_text(title)
        chips = [text.strip() for text in page.locator(".plumb-chip > span:first-child").all_inner_texts()]
        assert chips == ([chip] if chip else [])
        shot(page, f"list-{tab.lower()}")
        page.locator("#result_list tbody th a").first.click()
        page.wait_for_url("**/change/**")
    page.goto("/admin/accounts/account/")
    expect(page.get_by_text("3 accounts hidden")).to_be_visible()
    page.get_by_role("link", name="Clear the filter type: Customer").click()
    page.get_by_text("Looker").wait_for()


def test_a_view_is_saved_pinned_shared_and_deleted(page: Page) -> None:
    page.goto("/admin/leads/lead/?status=engaged")
    page.get_by_role("link", name="Save as a view", exact=True).click()
    page.locator("#view-title").fill("Engaged ones")
    page.get_by_label("Field of a new column").select_option("email")
    page.get_by_role("button", name="Add column").click()
    page.locator('[data-column="email"]').wait_for()
    page.get_by_role("button", name="Move Email up").click()
    page.locator('[data-column]:nth-child(9)[data-column="email"]').wait_for()
    assert page.evaluate("document.activeElement.id") == "up-email", "the focus stays where it was"
    page.get_by_role("button", name="Remove the column Created").click()
    page.locator('[data-column="created"]').wait_for(state="detached")
    expect(page.locator("#view-title")).to_have_value("Engaged ones")
    shot(page, "view-editor")
    page.get_by_role("button", name="Save view").click()
    page.get_by_text("The view “Engaged ones” is saved.").wait_for()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    view = ListView.objects.get(title="Engaged ones")
    assert view.columns[-1] == "email"

    page.locator(".plumb-view-menu > summary").press("Enter")
    page.get_by_role("button", name="Pin Engaged ones").click()
    page.locator(".plumb-view-menu > summary").click()
    page.get_by_role("heading", name="Pinned").wait_for()
    shot(page, "view-menu")
    assert Pin.objects.filter(view=view).count() == 1
    page.get_by_role("button", name="Share this view with everybody").click()
    page.get_by_text("is shared with everybody").wait_for()

    page.goto("/admin/leads/lead/")
    expect(page.locator(".plumb-view-menu > summary h2")).to_have_text("All leads")
    page.locator(".plumb-view-menu > summary").click()
    page.get_by_role("link", name="Engaged ones").click()
    page.locator(".plumb-view-menu > summary").click()
    page.get_by_role("link", name="Delete this view…").click()
    page.get_by_role("button", name="Delete view").click()
    page.get_by_text("The view “Engaged ones” is deleted.").wait_for()
    assert not ListView.objects.filter(pk=view.pk).exists()


def test_a_view_without_a_name_is_not_saved_and_nothing_is_lost(page: Page) -> None:
    page.goto("/admin/views/add/?object=lead")
    page.get_by_label("Field of a new condition").select_option("employees")
    page.get_by_role("button", name="Add condition").click()
    page.locator('[data-condition="employees"]').wait_for()
    page.locator('[data-condition="employees"] input[type=text]').fill("many")
    page.get_by_role("button", name="Save view").click()
    page.get_by_text("Give the view a name.").wait_for()
    page.get_by_text("“many” is no number").wait_for()
    expect(page.locator('[data-condition="employees"] input[type=text]')).to_have_value("many")


def test_the_menu_of_views_closes_by_escape_and_by_a_click_beside_it(page: Page) -> None:
    page.goto("/admin/leads/lead/")
    menu, summary = page.locator(".plumb-view-menu"), page.locator(".plumb-view-menu > summary")
    summary.press("Enter")
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="All leads")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    expect(menu).to_have_attribute("open", "")
    page.mouse.click(1000, 100)
    expect(menu).not_to_have_attribute("open", "")
