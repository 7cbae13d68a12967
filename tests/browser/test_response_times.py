"""Response times with a real browser: the numbers open their enquiries; a phone shows the page without its edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.enquiries.voiding import void_enquiry
from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.enquiries.asking import ask
from tests.factories import make_lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch, mona: User) -> Iterator[Page]:
    """Mona's page; whatever a browser complains about fails the test."""
    page = open_page(base_url=live_server.url)
    stay_logged_in(page, mona)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


@pytest.fixture
def asked(alice: User, bob: User, mona: User) -> None:
    """Three that are late, two of them Alice's; one that waits, one that was voided."""
    now = timezone.now()
    for days, owner in ((9, alice), (10, alice), (11, bob)):
        ask(now, email=make_lead(owner=owner).email, received_at=now - timedelta(days=days))
    ask(now, email=make_lead(owner=bob).email, received_at=now - timedelta(minutes=1), channel="web_chat")
    one = ask(now, email=make_lead(owner=bob).email, received_at=now - timedelta(minutes=2))
    void_enquiry(one, reason="spam", actor=mona, at=now, via="test")


def test_every_number_opens_the_enquiries_that_it_counts(page: Page, asked: None) -> None:
    page.goto("/admin/")
    page.get_by_role("link", name="Response times").click()
    total = page.locator("[data-section=total]")
    expect(total).to_contain_text("5")
    shot(page, "response_times")
    line = page.locator("[data-section=by_owner] tbody tr").filter(has_text="Alice")
    late = line.locator("td").nth(3).get_by_role("link")
    expect(late).to_have_text("2")
    late.click()
    page.wait_for_url("**/admin/enquiries/enquiry/**")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    expect(page.get_by_text(re.compile("Breached, Alice")).first).to_be_visible()
    page.go_back()
    # The bar of a week is a number too, and is reached by the keyboard.
    bar = page.locator(".rt-figure a").first
    assert "breached" in (bar.get_attribute("aria-label") or "")
    bar.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/enquiries/enquiry/**")
    page.go_back()
    page.locator("[data-section=voiders]").get_by_role("link", name="1").click()
    page.wait_for_url("**/admin/enquiries/enquiry/**")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_it_is_narrowed_and_taken_away_as_a_file(page: Page, asked: None) -> None:
    page.goto("/admin/response-times/")
    page.locator("select[name=channel]").select_option(label="Web chat")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("[data-section=total] dd").first).to_contain_text("1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename.startswith("response-times-")
    page.get_by_role("link", name="Show all of the period").click()
    expect(page.locator("[data-section=total] dd").first).to_contain_text("5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, asked: None, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/admin/response-times/")
    shot(page, f"response_times_phone_{scheme}")
    assert not page.locator("html").evaluate("el => el.scrollWidth > el.clientWidth + 1")
