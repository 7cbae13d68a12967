"""What every page owes whoever reads it on a phone, in the dark, or by ear: measured in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.activities.models import Activity
from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, stay_logged_in
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Text with less contrast than WCAG AA asks for (4.5 to 1, large text 3 to 1), by its words.
FAINT = """() => {
  const ink = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    ink.clearRect(0, 0, 1, 1); ink.fillStyle = colour; ink.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const ground = (element) => {
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, element.parentElement ? ground(element.parentElement) : [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const faint = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    if (!words || element.closest("script, style, option, [disabled], [aria-hidden=true]")) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const style = getComputedStyle(element), under = ground(element);
    const pair = [light(over(rgba(style.color), under)), light(under)].sort((a, b) => b - a);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((pair[0] + .05) / (pair[1] + .05) < least) faint.push(words.slice(0, 60));
  }
  return faint;
}"""
NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
  .filter((field) => field.checkVisibility() && !field.labels?.length && !field.ariaLabel && !field.title)
  .map((field) => field.name)"""


@pytest.fixture
def pages(alice: User) -> list[str]:
    """A list and a record page of each kind, with something on them."""
    account = make_account(name="Stellwerk", owner=alice)
    contact = make_contact(account=account, email="a.long.address.of.somebody@stellwerk-railways.example")
    opportunity = make_opportunity(account=account, owner=alice)
    lead = make_lead(owner=alice)
    touch = Activity.objects.create(lead=lead, kind="call", direction="out", happened_at=START, by=alice)
    records = (lead, account, contact, opportunity, touch)
    lists = [f"/admin/{one._meta.app_label}/{one._meta.model_name}/" for one in records]
    return ["/admin/", *lists, *(f"{path}{one.pk}/change/" for path, one in zip(lists, records, strict=True))]


def faults(page: Page) -> list[str]:
    """What a reader would stumble over on this page."""
    found = [f"faint: {words}" for words in page.evaluate(FAINT)]
    found += [f"nameless: {name}" for name in page.evaluate(NAMELESS)]
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} main headings")
    if page.get_by_role("main").count() != 1:
        found.append("no main part")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("scrolls sideways")
    return found


# Colours follow the scheme and places the width: two of the four show every one of each, of which one is asked daily.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), pytest.param("dark", 390, marks=pytest.mark.soak)])
def test_every_page_can_be_read(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User, pages: list[str], scheme: str, width: int
) -> None:
    page = open_page(color_scheme=scheme)
    stay_logged_in(page, alice)
    page.set_viewport_size({"width": width, "height": 900})
    stumbled = {}
    for path in pages:
        page.goto(live_server.url + path)
        stumbled[path] = faults(page)
    assert not any(stumbled.values()), stumbled
    assert not watch.errors


def test_an_address_is_not_cut_on_a_phone(live_server: Any, open_page: OpenPage, alice: User, pages: list[str]) -> None:
    page = open_page()
    stay_logged_in(page, alice)
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(live_server.url + "/admin/accounts/contact/")
    address = page.locator("#result_list .field-email").first
    assert address.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_a_label_in_a_dialog_leads_to_the_dialogs_own_field(
    live_server: Any, open_page: OpenPage, alice: User, pages: list[str]
) -> None:
    """The record's page behind it has fields of the same names."""
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(live_server.url + pages[-5])
    page.get_by_role("link", name="Mark as enriched").click()
    dialog = page.locator("#pl-dialog")
    dialog.get_by_label("Mobile").fill("+1 415 555 0100")
    expect(dialog.locator("[name=mobile]")).to_have_value("+1 415 555 0100")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids)), sorted({one for one in ids if ids.count(one) > 1})
