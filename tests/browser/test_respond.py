"""Home in a real browser: countdowns run, one key opens, one logs the response and sets the next touch."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm import handbook
from crm.activities.models import NextTouch
from crm.clocks.models import Clock
from crm.enquiries.models import Enquiry
from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.browser.test_sdr_day import DIALOG
from tests.enquiries.asking import ask
from tests.factories import make_lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ROWS = "[data-section=home-respond] .pl-rows > li"


def make_enquiry(owner: User, name: str, *, left: timedelta, overdue: bool = False) -> Enquiry:
    """A lead of hers that asked; so much time is left, or so much over."""
    lead = make_lead(owner=owner, email=f"{name.lower()}@globex.example", first_name=name, last_name="Hopper")
    now = timezone.now()
    enquiry = ask(now - timedelta(days=1), email=lead.email, text=f"{name} asks: do you support Windows?")
    limit = now - left if overdue else now + left
    Clock.objects.filter(enquiry=enquiry).update(limit_at=limit, target_at=None)
    return enquiry


def words(page: Page, number: int) -> str:
    return page.locator(f"{ROWS} time[data-left]").nth(number).inner_text()


def test_somebody_is_answered_from_home_without_the_mouse(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User, bob: User
) -> None:
    soon = make_enquiry(alice, "Grace", left=timedelta(minutes=5))
    late = make_enquiry(alice, "Ada", left=timedelta(hours=2, minutes=3), overdue=True)
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(f"{live_server.url}/admin/")
    rows = page.locator(ROWS)
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Ada Hopper")
    expect(rows.nth(0).locator(".pl-left-late")).to_have_text("2 h 3 min overdue")
    shot(page, "respond-home")

    # The other one's time runs, by the server's clock, and nothing is announced.
    before = words(page, 1)
    assert re.fullmatch(r"[45]:\d\d left", before)
    page.wait_for_function(
        "text => document.querySelectorAll('[data-section=home-respond] time[data-left]')[1].textContent !== text",
        arg=before,
    )
    expect(rows.nth(1).locator("[aria-live]")).to_have_count(0)

    # One key goes down, one opens what has the focus.
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(1).locator("[data-respond-open]")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1, name=re.compile("Ada Hopper")).last).to_be_visible()
    shot(page, "respond-page")
    page.go_back()

    # Without a focus it is the first.
    page.goto(f"{live_server.url}/admin/")
    page.keyboard.press("r")
    dialog = page.locator(DIALOG)
    expect(dialog).to_contain_text("Ada asks")
    tomorrow = handbook.current().today(timezone.now()) + timedelta(days=1)
    dialog.locator("[name=text]").fill("Yes, we do. Jokes about r and j stay in the text.")
    dialog.locator("[name=next_touch_on]").fill(tomorrow.isoformat())
    dialog.locator("[name=next_touch_text]").fill("Ask whether it works")
    shot(page, "respond-dialog")
    page.keyboard.press("Control+Enter")
    expect(rows).to_have_count(1)
    expect(page.get_by_text(re.compile("answered after .*, late"))).to_be_visible()
    clock = Clock.objects.get(enquiry=late)
    assert clock.stopped_at is not None
    touch = NextTouch.objects.get(lead=late.lead)
    assert (touch.due_on, touch.text) == (tomorrow, "Ask whether it works")

    # A colleague takes the other one from their own window; hers is up to date with the next look.
    theirs = open_page()
    stay_logged_in(theirs, bob)
    theirs.goto(f"{live_server.url}/admin/enquiries/enquiry/{soon.pk}/change/")
    theirs.click("[data-verb=answer]")
    theirs.locator(f"{DIALOG} button[type=submit]").click()
    expect(theirs.get_by_text(re.compile("answered after"))).to_be_visible()
    page.reload()
    expect(page.locator("[data-section=home-respond]")).to_contain_text("Nobody waits for your answer.")
    assert watch.elsewhere == []
    assert watch.errors == []


def test_what_runs_out_turns_red_while_somebody_looks(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User
) -> None:
    make_enquiry(alice, "Grace", left=timedelta(seconds=5))
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(f"{live_server.url}/admin/")
    expect(page.locator(f"{ROWS} time.pl-left-late")).to_have_text(re.compile("overdue"), timeout=20_000)
    assert watch.errors == []
