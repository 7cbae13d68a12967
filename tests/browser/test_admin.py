"""The admin in a real browser: under its content security policy, by keyboard, without a request elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, log_in
from tests.factories import make_account, make_lead, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch) -> Iterator[Page]:
    """A page of somebody who is logged in; whatever a browser complains about fails the test."""
    mona = make_user("mona", role="manager")
    page = open_page(base_url=live_server.url)
    log_in(page, mona)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


def test_pages_work_under_the_policy_and_by_keyboard(page: Page) -> None:
    lead, account = make_lead(last_name="Haddad"), make_account(name="Initrode")
    for address in ("/admin/leads/lead/", f"/admin/leads/lead/{lead.pk}/change/", "/admin/contracts/contract/add/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")

    page.goto("/admin/leads/lead/")
    page.keyboard.press("/")
    page.keyboard.type("hadd")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=hadd**")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_label("Clear the filter Search: hadd").click()
    page.wait_for_url("**/admin/leads/lead/?*")

    page.goto(f"/admin/accounts/account/{account.pk}/change/")
    page.fill("[name=phone]", "+1 415 555 0100")
    page.keyboard.press("Alt+s")
    page.get_by_text("was changed successfully").wait_for()
    account.refresh_from_db()
    assert account.phone == "+1 415 555 0100"
    assert User.objects.get(email="mona@example.com").is_manager


def test_the_filter_sheet_applies_what_is_chosen(page: Page) -> None:
    make_lead(rating="hot")
    make_lead(rating="cold")
    page.goto("/admin/leads/lead/")
    page.get_by_text("Filters", exact=False).first.click()
    page.select_option("select[name=rating]", ["hot"], force=True)
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**rating=hot**")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.get_by_text("Rating: Hot")).to_be_visible()
