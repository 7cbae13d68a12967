"""A whole sales huddle by keyboard, in two browsers: a tab crashes in it, and another takes the minutes over (P1)."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Error, Page, expect

from contracts.models import Opportunity
from crm import handbook
from crm.people.models import User
from crm.reviews.models import Meeting
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.factories import make_opportunity

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
COUNT = 20
FOCUSED = "selector => document.activeElement?.matches(selector)"


def tab_to(page: Page, selector: str, *, most: int = 250) -> None:
    """Press Tab until what is meant has the focus."""
    for _ in range(most):
        if page.evaluate(FOCUSED, selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {selector}")


def at_item(page: Page, position: int) -> str:
    """The page shows this item, with the focus on its name; its name."""
    heading = page.locator("#meeting-item-name")
    expect(page.locator("[data-item]")).to_have_attribute("data-position", str(position))
    expect(heading).to_be_focused()
    return heading.inner_text()


def set_step(page: Page, text: str) -> None:
    """Type what is done next, and when."""
    due = handbook.current().today(timezone.now()) + timedelta(days=7)
    page.keyboard.press("e")
    tab_to(page, "[name=next_step]")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)
    tab_to(page, "[name=next_step_due]")
    page.keyboard.type(f"{due:%m%d%Y}")


def answer(page: Page, position: int) -> str:
    """Answer the item that is shown in one of the ways there are; which."""
    at_item(page, position)
    if page.locator("[name=next_step]").input_value():
        # What was promised stands: nothing new says enough.
        page.keyboard.press("u")
        return "nothing new"
    if position % 3:
        set_step(page, f"Call about {position}")
        page.keyboard.press("Control+Enter")
        return "step"
    if position % 2:
        page.keyboard.press("s")
        page.keyboard.type("Its owner is away")
        page.keyboard.press("Enter")
        return "skipped"
    # Nothing new where nothing is promised asks for a note, and takes one.
    page.keyboard.press("u")
    expect(page.locator("#item_note")).to_be_focused()
    page.keyboard.type("They decide next year")
    page.keyboard.press("Control+Enter")
    return "note"


def crash(page: Page) -> Page:
    """The tab dies as it stands; a new one in the same browser."""
    context = page.context
    with suppress(Error):
        page.goto("chrome://crash", timeout=5000)
    again: Page = context.new_page()
    again.set_default_timeout(15_000)
    return again


@pytest.fixture
def deals(ann: User) -> None:
    """Twenty open opportunities; every fifth has a promise that stands."""
    due = handbook.current().today(timezone.now()) + timedelta(days=3)
    for number in range(1, COUNT + 1):
        step: dict[str, Any] = {"next_step": "Send the contract", "next_step_due": due} if number % 5 == 0 else {}
        make_opportunity(name=f"Deal {number} 2026", owner=ann, amount=1000 * number, **step)


def test_a_whole_huddle_by_keyboard(
    open_page: OpenPage, watch: Watch, live_server: Any, mona: User, ann: User, deals: None
) -> None:
    page, other = open_page(base_url=live_server.url), open_page(base_url=live_server.url, color_scheme="dark")
    for one, who in ((page, mona), (other, ann)):
        stay_logged_in(one, who)
    page.goto("/admin/reviews/huddle/")
    tab_to(page, ".mt-start button")
    page.keyboard.press("Enter")
    at_item(page, 1)
    meeting = Meeting.objects.get()
    shot(page, "meeting")
    page.keyboard.press("?")
    expect(page.locator("#meeting-keys")).to_be_visible()
    page.keyboard.press("Escape")

    # The other follows from home, and sees what is shown without doing anything.
    other.goto("/admin/")
    tab_to(other, "[data-section=home-meetings] button")
    other.keyboard.press("Enter")
    expect(other.get_by_text("Mona holds the minutes.")).to_be_visible()
    ways = Counter(answer(page, position) for position in range(1, 6))
    expect(other.locator("[data-item]")).to_have_attribute("data-position", "6")
    shot(other, "meeting-followed-dark")

    # Back and forth, without an answer.
    at_item(page, 6)
    page.keyboard.press("j")
    at_item(page, 7)
    page.keyboard.press("k")
    at_item(page, 6)

    # The other takes the minutes over while something is typed: it is told, and not lost.
    page.keyboard.press("e")
    tab_to(page, "#item_note")
    page.keyboard.type("Half a thought")
    # What was refused before is no less told and no less kept: a note alone is no answer.
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert").filter(has_text="Nothing was changed.")).to_be_visible()
    assert page.url.endswith(f"/meetings/{meeting.pk}/")
    page.locator("#item_decision").press_sequentially("And another")
    tab_to(other, "[data-take-over]")
    other.keyboard.press("Enter")
    expect(page.locator("#meeting-holder")).to_contain_text("Ann holds the minutes. What you typed stays here")
    expect(page.locator("#item_note")).to_have_value("Half a thought")
    expect(page.locator("[data-save]")).to_have_count(0)
    shot(page, "meeting-taken-over")
    ways[answer(other, 6)] += 1
    # She has it back, and what she had typed about that item is there when she comes to it.
    tab_to(page, "[data-take-over]")
    page.keyboard.press("Enter")
    at_item(page, 7)
    page.keyboard.press("k")
    at_item(page, 6)
    expect(page.locator("#item_note")).to_have_value("Half a thought")
    expect(page.locator("#item_decision")).to_have_value("And another")
    expect(page.get_by_text("What you had typed here is back.")).to_be_visible()
    tab_to(page, "[data-draft-discard]")
    page.keyboard.press("Enter")
    expect(page.locator("#item_note")).not_to_have_value("Half a thought")
    page.keyboard.press("j")
    for position in range(7, 12):
        ways[answer(page, position)] += 1

    # The tab crashes in the middle of an item: the meeting goes on there, with what was typed.
    name = at_item(page, 12)
    page.keyboard.press("e")
    tab_to(page, "#item_note")
    page.keyboard.type("Typed before the crash")
    tab_to(page, "#meeting-decisions")
    page.keyboard.type("Meet on Tuesdays")
    expect(page.locator("[data-autosave=decisions] [data-saved]")).to_have_text("Saved")
    page = crash(page)
    watch.follow(page)
    page.goto("/admin/")
    tab_to(page, "[data-section=home-meetings] a.pl-button")
    page.keyboard.press("Enter")
    assert at_item(page, 12) == name
    expect(page.locator("#item_note")).to_have_value("Typed before the crash")
    expect(page.locator("#meeting-decisions")).to_have_value("Meet on Tuesdays")
    shot(page, "meeting-resumed")
    page.keyboard.press("u")
    ways["note"] += 1
    for position in range(13, COUNT + 1):
        ways[answer(page, position)] += 1

    expect(page.get_by_text(f"{COUNT} of {COUNT} done")).to_be_visible()
    # What is typed and left behind is not lost either.
    page.keyboard.press("e")
    tab_to(page, "#item_decision")
    page.keyboard.type("Left behind")
    page.keyboard.press("Escape")

    # Everything is answered: the end is one key away.
    page.keyboard.press("f")
    expect(page.locator("#meeting-finish button")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/minutes/$"))
    meeting.refresh_from_db()
    assert (meeting.state, meeting.items.waiting().count(), sum(ways.values())) == ("held", 0, COUNT)
    states = Counter(meeting.items.values_list("state", flat=True))
    assert states == {"answered": COUNT - ways["skipped"], "skipped": ways["skipped"]}
    assert Opportunity.objects.filter(next_step__startswith="Call about").count() == ways["step"]
    for words in (
        "Mona, Ann",
        f"{COUNT} on the agenda: {COUNT - ways['skipped']} answered, {ways['skipped']} skipped",
        "Meet on Tuesdays",
        "Typed before the crash",
        "Its owner is away",
        "They decide next year",
    ):
        expect(page.locator("[data-section=minutes]")).to_contain_text(words)
    expect(page.locator("[data-unsaved]")).to_contain_text("Left behind")
    shot(page, "minutes")
    # Who follows is led to them as well.
    other.wait_for_url(re.compile(r"/minutes/$"))
    shot(other, "minutes-dark")
    assert watch.elsewhere == []
    assert [one for one in watch.errors if "409" not in one] == []
