"""The four record pages as a standard user finds them, and an administrator changing one and putting it back (K5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm import handbook
from crm.core.acting import acting
from crm.handbook.services import apply_handbook
from crm.people.models import User
from crm.workspace.models import ListView, PageLayout, RoleTabs, Seeded
from tests.browser.conftest import OpenPage, Watch, stay_logged_in
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity, make_user
from tests.leads.pages import page_url
from tests.samples import make_invoice

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Login = Callable[[User], Page]
# What the checkup of the handbook page looks for (C2-C15, L14): sections with their fields, panels on the right.
WANTED: dict[str, dict[str, str]] = {
    "account": {
        "top": "billing_address parent linkedin_url ciso_employees employees industry",
        "additional-information": "name rating sales_navigator_url linkedin_url linkedin_overlaps_url",
        "accounting": "invoice_sent payment_received subscription_end press_approval license_key total_opportunities"
        " deals_won first_close cumulative_revenue payment_terms billing_address shipping_address",
        "right": "meeting_notes_reminder opportunities meeting_notes activity_feed",
    },
    "opportunity": {
        "top": "account amount close_on next_step owner",
        "opportunity-information": "account name amount next_step next_step_due close_on stage",
        "accounting": "hosts type payment_terms billing_process term_months reseller effective_on ends_on invoice_sent"
        " payment_received",
        "right": "stage_history activity_feed sales_navigator",
    },
    "contact": {
        "top": "name title department account linkedin_url orbit_feed_url",
        "contact": "linkedin_url account name title is_champion reports_to",
        "additional-information": "email personal_email twitter_url github_url mobile website orbit_feed_url"
        " description",
        "right": "activity_feed meeting_notes_reminder manager",
        "bottom": "related_contacts",
    },
    "lead": {"top": "name lead_source status rating"},
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What the handbook asks for, since a test with real transactions ends by deleting every row."""
    for kind in (ListView, PageLayout, RoleTabs, Seeded):
        kind._default_manager.all().delete()
    apply_handbook(at=timezone.now())
    assert PageLayout.objects.count() == len(handbook.current().layouts)


@pytest.fixture
def login(live_server: Any, open_page: OpenPage, watch: Watch) -> Iterator[Login]:
    """Opens a browser in which somebody is logged in; whatever it complains about fails the test."""

    def enter(user: User) -> Page:
        page = open_page(base_url=live_server.url)
        stay_logged_in(page, user)
        return page

    yield enter
    assert watch.errors == []
    assert watch.elsewhere == []


def marks(page: Page, within: str, mark: str) -> list[str]:
    """The visible marks inside a part of the page, in their order."""
    found = page.locator(f"{within} [data-{mark}]")
    return [str(one.get_attribute(f"data-{mark}")) for one in found.all() if one.is_visible()]


def test_a_standard_user_finds_every_field_in_its_place_and_order(login: Login) -> None:
    sam = make_user("sam", role="sdr")
    boss = make_contact(owner=sam)
    account = make_account(owner=sam)
    records = {
        "account": account,
        "opportunity": make_opportunity(owner=sam, account=account),
        "contact": make_contact(owner=sam, account=account, reports_to=boss),
        "lead": make_lead(owner=sam),
    }
    # The contact's others are those of the same company.
    make_contact(account=account)
    page = login(sam)
    for kind, wanted in WANTED.items():
        page.goto(page_url(records[kind]))
        for section, fields in wanted.items():
            if section == "right":
                found = marks(page, ".pl-page-side", "panel")
            elif section == "bottom":
                found = marks(page, ".pl-page-bottom", "panel")[:1]
            else:
                found = marks(page, f"[data-section={section}]", "field")
            assert found == fields.split(), f"{kind}: {section}"
    page.goto(page_url(account))
    labels = page.locator("[data-section=links] a").all_text_contents()
    assert [label.split(" (")[0] for label in labels] == [
        "Purchase Orders",
        "Signed subscription agreements",
        "Invoices sent",
        "Meeting notes",
        "Signed Non-Disclosure Agreement",
    ]
    reminder = page.locator("[data-panel=meeting_notes_reminder]").bounding_box()
    beside = page.locator("[data-section=additional-information]").bounding_box()
    assert reminder
    assert beside
    assert reminder["x"] > beside["x"] + beside["width"]


def test_on_a_phone_the_right_column_lies_below_the_sections(login: Login) -> None:
    sam = make_user("sam", role="sdr")
    page = login(sam)
    page.set_viewport_size({"width": 390, "height": 800})
    for record in (make_account(owner=sam), make_opportunity(owner=sam), make_contact(owner=sam), make_lead(owner=sam)):
        page.goto(page_url(record))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), record
        sections = page.locator("#details").bounding_box()
        side = page.locator(".pl-page-side").bounding_box()
        assert sections
        assert side
        assert side["y"] >= sections["y"] + sections["height"]


def test_an_administrator_changes_a_layout_everybody_sees_it_and_it_is_put_back(login: Login) -> None:
    sam, root = make_user("sam", role="sdr"), make_user("root", role="administrator")
    account = make_account(owner=sam, phone="+1 415 555 0100")
    admin, sams = login(root), login(sam)
    admin.goto("/admin/workspace/")
    expect(admin.locator("[data-section=departures]")).to_contain_text("are as the handbook says")
    admin.get_by_role("link", name="Page of accounts").click()
    top = admin.locator("ol[data-place=top]")
    expect(top.locator("li")).to_have_count(6)

    # By mouse: the industry goes one up; by keyboard, on its button that keeps the focus, one more.
    admin.get_by_role("button", name="Move Industry up").first.click()
    expect(top.locator("li").nth(4)).to_contain_text("Industry")
    expect(admin.locator("#up-top-industry")).to_be_focused()
    admin.keyboard.press("Enter")
    expect(top.locator("li").nth(3)).to_contain_text("Industry")
    admin.get_by_role("button", name="Take Parent account away").first.click()
    expect(top.locator("li")).to_have_count(5)
    admin.select_option("#add-top", "phone")
    admin.locator("#add-top + button").click()
    expect(top.locator("li").last).to_contain_text("Phone")
    admin.get_by_role("button", name="Save for everybody").click()
    expect(admin.locator("body")).to_contain_text("everybody sees it from now on")

    sams.goto(page_url(account))
    wanted = ["billing_address", "linkedin_url", "industry", "ciso_employees", "employees", "phone"]
    assert marks(sams, "[data-section=top]", "field") == wanted

    admin.goto("/admin/workspace/")
    departure = admin.locator("[data-item='layout.account']")
    expect(departure).to_contain_text("Top")
    expect(departure.locator("td").last).to_contain_text("Phone")
    departure.get_by_role("button", name="Put back").click()
    expect(admin.locator("[data-section=departures]")).to_contain_text("are as the handbook says")
    sams.reload()
    assert marks(sams, "[data-section=top]", "field") == WANTED["account"]["top"].split()


def test_a_contract_with_invoices_does_not_stick_out_sideways_on_a_phone(login: Login) -> None:
    alex = make_user("alex", role="ae")
    invoice = make_invoice(alex)
    with acting(actor=alex, via="admin", at=START):
        invoice.amount, invoice.sent_on, invoice.paid_on = 64_000, date(2026, 9, 25), date(2026, 9, 28)
        invoice.save()
    page = login(alex)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(page_url(invoice.contract))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
