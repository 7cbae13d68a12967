"""The command palette in a real browser: opened by keys, searched, chosen with arrows, left with Escape."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, log_in, stay_logged_in
from tests.factories import make_account, make_lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_it_opens_by_keys_finds_a_record_and_goes_there(alice: User, open_page: OpenPage, watch: Watch) -> None:
    make_account(name="Quillon Works")
    lead = make_lead(first_name="Ada", last_name="Quillfeather")
    page = open_page()
    log_in(page, alice, watch.home)
    page.locator("#palette[data-ready]").wait_for(state="attached")
    palette = page.locator("#palette")
    expect(palette).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(palette).to_be_visible()
    expect(palette.get_by_role("option", name="Add lead")).to_be_visible()
    page.keyboard.type("quill")
    first = palette.get_by_role("option", name="Quillon Works")
    expect(palette.get_by_role("status")).to_have_text("2 found")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    second = palette.get_by_role("option", name="Ada Quillfeather")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(first).to_have_attribute("aria-selected", "false")
    page.keyboard.press("ArrowUp")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/leads/lead/{lead.pk}/change/")


def test_a_slash_opens_it_where_nobody_types_and_escape_leaves(alice: User, open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(f"{watch.home}/admin/")
    page.locator("#palette[data-ready]").wait_for(state="attached")
    palette = page.locator("#palette")
    page.keyboard.press("/")
    expect(palette).to_be_visible()
    expect(palette.get_by_role("combobox")).to_have_value("")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.locator("[data-palette-open]").click()
    expect(palette).to_be_visible()
    page.keyboard.press("Control+k")
    expect(palette).to_be_hidden()
    page.goto(f"{page.url.partition('/admin/')[0]}/admin/search/")
    page.locator("#palette[data-ready]").wait_for(state="attached")
    page.locator("#search-term").press("/")
    expect(palette).to_be_hidden()
    expect(page.locator("#search-term")).to_have_value("/")


def test_it_goes_to_a_page_and_to_what_to_begin_quicker_than_it_is_answered(
    alice: User, open_page: OpenPage, watch: Watch
) -> None:
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(f"{watch.home}/admin/")
    page.locator("#palette[data-ready]").wait_for(state="attached")
    page.keyboard.press("Control+k")
    page.keyboard.type("add acc")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/accounts/account/add/**")
