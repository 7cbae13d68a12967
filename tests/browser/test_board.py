"""The board in a browser: cards moved by hand, keys, menu and finger; two people at once; why not; undo; pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from contracts.models import Opportunity
from crm.core.door import move
from crm.people.models import User
from leads.models import Lead
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.factories import make_account, make_lead, make_opportunity, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LEADS, OPPORTUNITIES = "/admin/leads/lead/?display=board", "/admin/contracts/opportunity/?display=board"


@pytest.fixture
def mona() -> User:
    """A sales manager."""
    return make_user("mona", role="manager")


@pytest.fixture
def open_board(live_server: Any, open_page: OpenPage, watch: Watch) -> Iterator[Any]:
    """Opens a board as somebody; whatever the browser complains about fails the test, but for refusals, which are
    answers with a status of their own."""

    def open_one(user: User, address: str, *, width: int = 1400, **options: Any) -> Page:
        page = open_page(base_url=live_server.url, **options)
        page.set_viewport_size({"width": width, "height": 844})
        stay_logged_in(page, user)
        page.goto(address)
        page.locator("#board-help").wait_for()
        return page

    yield open_one
    assert [error for error in watch.errors if "(Conflict)" not in error] == []
    assert watch.elsewhere == []


def card(page: Page, record: Any) -> Locator:
    return page.locator(f'[data-record="{record.pk}"]')


def column(page: Page, key: str) -> Locator:
    return page.locator(f'[data-column="{key}"]')


def said(page: Page) -> Locator:
    return page.locator("[data-board-words]")


def carry(page: Page, record: Any, key: str, *, look: str = "") -> None:
    """Press on a card, carry it over a column, wait until the columns are marked, and let go."""
    expect(card(page, record)).not_to_have_attribute("aria-busy", "true")
    # One that springs back is still on its way.
    page.wait_for_function("!document.getAnimations().some((one) => !(one instanceof CSSAnimation))")
    start, there = card(page, record).bounding_box(), column(page, key).bounding_box()
    assert start is not None
    assert there is not None
    page.mouse.move(start["x"] + start["width"] - 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] - 40, start["y"] + 30, steps=3)
    page.locator("[data-reach]").first.wait_for()
    page.mouse.move(there["x"] + 60, there["y"] + 90, steps=5)
    if look:
        shot(page, look)
    page.mouse.up()


def test_a_card_is_dragged_where_it_may_go_and_springs_back_from_where_not(mona: User, open_board: Any) -> None:
    lead = make_lead(owner=mona, first_name="Ada", last_name="Berg")
    for _ in range(22):
        make_lead(owner=mona, status="engaged")
    page = open_board(mona, LEADS, width=1900)
    carry(page, lead, "working_to_engage", look="board-dragging")
    expect(said(page)).to_have_text("Ada Berg is now Working to engage.")
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_visible()
    expect(column(page, "working_to_engage").locator(".plumb-board-count")).to_have_text("1")
    expect(column(page, "new").locator(".plumb-board-count")).to_have_text("0")

    # Two moves lead back to New: which one is asked.
    carry(page, lead, "new")
    dialog = page.locator("#pl-dialog")
    dialog.get_by_role("heading", name="Move to New").wait_for()
    shot(page, "board-which")
    dialog.get_by_role("link", name="Release").click()
    dialog.get_by_role("button", name="Release").wait_for()
    page.keyboard.press("Escape")
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_focused()

    # A refused status: the columns say so while it is carried, the door says why, and the card goes back.
    start = card(page, lead).bounding_box()
    assert start is not None
    carry(page, lead, "new_mql", look="board-refused")
    expect(said(page)).to_have_text("“Qualify” is not possible from Working to engage.")
    expect(page.locator("[data-board-said]")).to_have_attribute("data-codes", "not_from_here")
    expect(page.locator("[data-board-alert]")).to_have_text("“Qualify” is not possible from Working to engage.")
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_visible()
    expect(page.locator("[data-reach]")).to_have_count(0)
    assert Lead.objects.get(pk=lead.pk).status == "working_to_engage"

    # Facts are asked for in place: cancelled, the card springs back; given, it stays. Undone as elsewhere.
    carry(page, lead, "engaged")
    dialog.get_by_role("heading", name="Engage").wait_for()
    expect(column(page, "engaged").locator(f'[data-record="{lead.pk}"][aria-busy]')).to_have_count(1)
    shot(page, "board-dialog")
    page.locator("#pl-dialog").get_by_role("link", name="Cancel").click()
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_focused()
    assert Lead.objects.get(pk=lead.pk).status == "working_to_engage"
    carry(page, lead, "engaged")
    page.locator("#pl-dialog select").first.select_option(index=1)
    page.locator("#pl-dialog").get_by_role("button", name="Engage").click()
    expect(said(page)).to_have_text("Ada Berg is now Engaged.")
    expect(column(page, "engaged").locator(f'[data-record="{lead.pk}"]:not([aria-busy])')).to_be_visible()
    assert page.url.endswith(LEADS), "the board stays open"
    page.locator("[data-board-undo]").click()
    page.locator("#pl-dialog").get_by_role("button", name="Take back").click()
    expect(said(page)).to_have_text("Ada Berg is now Working to engage.")
    assert Lead.objects.get(pk=lead.pk).status == "working_to_engage"

    # Twenty cards, then the rest; what was opened stays open when something changes.
    engaged = column(page, "engaged")
    expect(engaged.locator("[data-record]")).to_have_count(20)
    engaged.get_by_role("button", name="Show 2 more").click()
    expect(engaged.locator("[data-record]")).to_have_count(22)
    move(Lead.objects.get(pk=lead.pk), "release", actor=mona, at=timezone.now(), via="test")
    expect(column(page, "new").locator(f'[data-record="{lead.pk}"]')).to_be_visible()
    expect(engaged.locator("[data-record]")).to_have_count(22)


def test_two_managers_at_once_see_each_others_moves_within_seconds(mona: User, open_board: Any) -> None:
    maya = make_user("maya", role="manager")
    account = make_account(name="Initrode")
    soon = timezone.now().date() + timedelta(days=9)
    deal, other = (
        make_opportunity(
            owner=mona, account=account, name=name, amount=Decimal(amount), currency="USD", next_step="Call",
            next_step_due=soon, criteria_met=["meeting_held"],
        )
        for name, amount in (("Big deal", 5000), ("Small deal", 700))
    )  # fmt: skip
    one, two = (open_board(who, OPPORTUNITIES, width=2700) for who in (mona, maya))
    # Two is writing in a dialog and has the focus there; one moves the other deal.
    carry(two, other, "closed_lost")
    two.locator("#pl-dialog textarea").fill("Their budget is gone")
    carry(one, deal, "discovery")
    expect(said(one)).to_have_text("Big deal is now Discovery.")
    there = column(two, "discovery").locator(f'[data-record="{deal.pk}"]')
    expect(there).to_be_visible(timeout=8000)
    expect(two.locator("#pl-dialog textarea")).to_be_focused()
    expect(two.locator("#pl-dialog textarea")).to_have_value("Their budget is gone")
    expect(column(two, "discovery").locator("[data-total]")).to_have_text("5,000 USD")
    expect(two.locator("[data-board-polite]")).to_have_text("Big deal is in Discovery now.")
    two.keyboard.press("Escape")
    expect(column(two, "meeting_set").locator(f'[data-record="{other.pk}"]')).to_be_visible()
    expect(column(two, "meeting_set").locator("[data-total]")).to_have_text("700 USD")
    # Two has a card in the hand that one moves meanwhile: let go, it says who, and where it is now.
    start, target = card(two, deal).bounding_box(), column(two, "scope").bounding_box()
    assert start is not None
    assert target is not None
    two.mouse.move(start["x"] + 200, start["y"] + 20)
    two.mouse.down()
    two.mouse.move(target["x"] + 60, target["y"] + 90, steps=4)
    two.locator("[data-reach]").first.wait_for()
    move(Opportunity.objects.get(pk=deal.pk), "step_back", actor=mona, at=timezone.now(), via="test")
    two.mouse.up()
    expect(said(two)).to_have_text(f"Big deal was changed by {mona} since you opened it. It is Meeting set now.")
    expect(column(two, "meeting_set").locator(f'[data-record="{deal.pk}"]')).to_be_visible()
    # The focus stays on a card that somebody else moves.
    card(two, deal).focus()
    move(Opportunity.objects.get(pk=deal.pk), "advance", actor=mona, at=timezone.now(), via="test")
    expect(column(two, "discovery").locator(f'[data-record="{deal.pk}"]')).to_be_focused(timeout=8000)


def test_a_card_is_moved_by_keys_alone(mona: User, open_board: Any) -> None:
    lead = make_lead(owner=mona, first_name="Ada", last_name="Berg")
    engaged = make_lead(owner=mona, status="engaged", first_name="Bo", last_name="Chen")
    page = open_board(mona, LEADS)
    told = page.locator("[data-board-polite]")
    page.locator("[data-board]").focus()
    page.keyboard.press("Tab")
    expect(card(page, lead)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(card(page, engaged)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(told).to_contain_text("Picked up Ada Berg, in New.")
    page.locator('[data-reach="no"]').first.wait_for()
    for words in ("New enriched: Mark as enriched.", "New MQL: Qualify.", "Working to engage: Start working."):
        page.keyboard.press("ArrowRight")
        expect(told).to_have_text(words)
    shot(page, "board-keys")
    page.keyboard.press("Escape")
    expect(told).to_have_text("Ada Berg stays in New.")
    expect(card(page, lead)).to_be_focused()
    page.keyboard.press("Space")
    page.locator('[data-reach="no"]').first.wait_for()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text("Ada Berg is now Working to engage.")
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_focused()
    # The menu, by its key: where it cannot go says why, and Escape gives the focus back.
    page.keyboard.press("m")
    menu = page.get_by_role("menu", name="Move Ada Berg to")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    expect(menu.get_by_role("menuitem", name="New MQL")).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Escape")
    expect(card(page, lead).locator("[data-moves]")).to_be_focused()
    page.keyboard.press("Enter")
    menu.get_by_role("menuitem", name="SAO Converted").press("Enter")
    expect(said(page)).to_contain_text("“Convert” is not possible from Working to engage.")
    expect(card(page, lead)).to_be_focused()
    assert Lead.objects.get(pk=lead.pk).status == "working_to_engage"
    # A dialog by keys, cancelled: the card has the focus again.
    page.keyboard.press("Space")
    page.locator('[data-reach="no"]').first.wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#pl-dialog").get_by_role("heading", name="Engage").wait_for()
    page.keyboard.press("Escape")
    expect(card(page, lead)).to_be_focused()
    expect(column(page, "working_to_engage").locator(f'[data-record="{lead.pk}"]')).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/lead/{lead.pk}/change/")


def test_a_finger_scrolls_or_holds_a_card_and_carries_it(mona: User, open_board: Any) -> None:
    lead = make_lead(owner=mona, first_name="Ada", last_name="Berg")
    page = open_board(mona, LEADS, width=390, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    card(page, lead).scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, x: float, y: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    box = card(page, lead).bounding_box()
    assert box is not None
    x, y = box["x"] + 180, box["y"] + 20
    # At once: it scrolls the board sideways, and no card is picked up.
    finger("touchStart", x, y)
    for step in range(1, 6):
        finger("touchMove", x - 30 * step, y)
    page.wait_for_timeout(200)  # a finger that rests before it is lifted throws nothing
    finger("touchEnd", 0, 0)
    page.wait_for_function("document.querySelector('[data-board]').scrollLeft > 60")
    expect(page.locator(".plumb-board-ghost")).to_have_count(0)
    page.evaluate("document.querySelector('[data-board]').scrollTo({left: 0, behavior: 'instant'})")
    page.wait_for_function("document.querySelector('[data-board]').scrollLeft === 0")
    # Held: it is carried; at the edge the board scrolls on under it.
    finger("touchStart", x, y)
    page.locator(".plumb-board-ghost").wait_for()
    page.locator("[data-reach]").first.wait_for()
    finger("touchMove", 200, y + 30)
    finger("touchMove", 384, y + 40)
    page.wait_for_function(
        "document.querySelector('[data-column=working_to_engage]').getBoundingClientRect().left < 250"
    )
    finger("touchMove", 260, y + 45)
    expect(page.locator("[data-over]")).to_have_attribute("data-column", "working_to_engage")
    shot(page, "board-touch")
    finger("touchEnd", 0, 0)
    expect(said(page)).to_have_text("Ada Berg is now Working to engage.")
    assert Lead.objects.get(pk=lead.pk).status == "working_to_engage"
