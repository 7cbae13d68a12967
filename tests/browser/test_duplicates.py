"""Comparing two leads, merging them and undoing it, with a real browser and its keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.people.models import User
from leads.models import Lead
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.factories import make_lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch, alice: User) -> Iterator[Page]:
    """Alice's page; whatever a browser complains about fails the test."""
    page = open_page(base_url=live_server.url)
    stay_logged_in(page, alice)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


def test_two_leads_are_compared_merged_and_taken_apart(page: Page, alice: User) -> None:
    one = make_lead(owner=alice, first_name="Lea", last_name="Prospect", email="lea@globex.example", title="CTO")
    other = make_lead(owner=alice, first_name="Lea", last_name="Prospekt", email="LEA@globex.example", city="Reno")
    page.goto(f"/admin/leads/lead/{one.pk}/change/")
    page.get_by_role("link", name="Compare and merge").click()
    shot(page, "duplicates_compare")
    # The keyboard alone: the arrow takes the other's last name.
    choice = page.get_by_label("Last name: Prospect")
    choice.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Last name: Prospekt")).to_be_checked()
    page.get_by_role("button", name="Merge 2 records").click()
    page.wait_for_url(f"**/admin/leads/lead/{one.pk}/change/")
    one.refresh_from_db()
    assert (one.last_name, one.title, one.city, Lead.objects.count()) == ("Prospekt", "CTO", "Reno", 1)
    page.goto(page.url.replace(f"/{one.pk}/", f"/{other.pk}/"))
    expect(page.get_by_text(f"Lead {other.pk} was merged into lead {one.pk} by Alice")).to_be_visible()
    page.locator("[data-section=merged]").get_by_role("link", name="Undo…").click()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("put back").first).to_be_visible()
    one.refresh_from_db()
    assert (one.last_name, one.city, Lead.objects.get(pk=other.pk).city) == ("Prospect", "", "Reno")


def test_a_phone_shows_two_leads_without_scrolling_sideways(page: Page, alice: User) -> None:
    one, other = (make_lead(owner=alice, company=name * 5) for name in ("Globex ", "Initech "))
    page.goto(f"/admin/duplicates/compare/?record=lead:{one.pk}&record=lead:{other.pk}")
    page.set_viewport_size({"width": 390, "height": 800})
    wide = "el => el.scrollWidth > el.clientWidth + 1"
    assert not page.locator(".dup-scroll").evaluate(wide)
    assert not page.locator("html").evaluate(wide)


def test_entering_somebody_known_is_said_before_saving(page: Page, alice: User) -> None:
    make_lead(first_name="Cora", last_name="Known", email="cora@globex.example")
    page.goto("/admin/leads/lead/add/")
    page.locator("[name=email]").fill("CORA+x@globex.example")
    page.keyboard.press("Tab")
    page.get_by_text("This may be here already").wait_for()
    expect(page.get_by_role("link", name="Cora Known")).to_be_visible()
