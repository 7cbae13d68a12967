"""A day's work in a real browser: an imported lead from New to SAO Converted, handed over and returned."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page, expect

from contracts.models import Opportunity
from crm.people.models import User
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.browser.conftest import OpenPage, Watch, log_in, shot, stay_logged_in
from tests.factories import make_account
from tests.leads.pages import page_url, soon

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EXPORT = """Id,FirstName,LastName,Company,Title,Email,Phone,Status,LeadSource,Rating,IsConverted
00Q000000000001AAA,Grace,Hopper,Globex,CISO,grace@globex.example,+1 415 555 0100,Open - Not Contacted,Webinar,Hot,false
"""
DIALOG = "dialog[open]"


def open_dialog(page: Page, verb: str) -> None:
    """Press the button of a move; its dialog takes the focus."""
    page.click(f"a[data-verb={verb}]")
    expect(page.locator(DIALOG)).to_be_visible()
    assert page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")


def send(page: Page) -> None:
    """Make the move."""
    page.locator(f"{DIALOG} button[type=submit]").last.click()


def now_stands(page: Page, status: str) -> None:
    """The page came back with the new status on its path."""
    expect(page.locator(".pl-path [aria-current=step]")).to_contain_text(status)
    expect(page.locator(DIALOG)).to_have_count(0)


def note_bant(page: Page, *parts: str) -> None:
    """Confirm parts of BANT in their panel, without leaving the page."""
    for part in parts:
        page.select_option(f"#bant_{part}", "confirmed")
    page.click("#bant button:has-text('Save BANT')")
    expect(page.locator("#bant [role=status]")).to_have_text("Saved.")


@pytest.fixture
def imported(alice: User, tmp_path: Path) -> Lead:
    """A lead that came from another system, owned by nobody."""
    (tmp_path / "Lead.csv").write_text(EXPORT)
    call_command("import_salesforce", str(tmp_path), "--json", stdout=(tmp_path / "report").open("w"))
    return Lead.objects.get()


def test_a_lead_goes_from_new_to_converted_and_is_returned(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User, ann: User, imported: Lead
) -> None:
    account = make_account(name="Globex International", website="https://globex.example")
    page = open_page()
    log_in(page, alice, live_server.url)
    shot(page, "01-home")
    page.goto(f"{live_server.url}/admin/leads/lead/")
    shot(page, "02-list")

    # Claimed on home, it opens.
    page.goto(f"{live_server.url}/admin/")
    page.click("[data-section=home-unowned] button")
    now_stands(page, "New")
    expect(page.locator("[data-section=top]")).to_contain_text("Alice")

    work_it(page)
    shot(page, "05-lead")
    meet_them(page)
    convert_it(page, ann, account)
    opportunity = Opportunity.objects.get()
    expect(page).to_have_url(f"{live_server.url}{page_url(opportunity)}")
    expect(page.locator("[data-section=receipt]")).to_contain_text("They want it by spring")
    shot(page, "08-receipt")

    theirs = open_page()
    log_in(theirs, ann, live_server.url)
    shot(theirs, "09-home-of-the-ae")
    return_it(theirs)

    imported.refresh_from_db()
    assert imported.status == Status.WORKING_TO_CONVERT
    assert Conversion.objects.get().state == Conversion.State.RETURNED
    page.goto(f"{live_server.url}{page_url(imported)}")
    now_stands(page, "Working to convert")
    expect(page.locator("[data-section=receipt]")).to_contain_text("No budget after all")
    shot(page, "11-returned-lead")
    assert watch.elsewhere == []
    assert watch.errors == []


def work_it(page: Page) -> None:
    """From New to Engaged, first without the evidence."""
    open_dialog(page, "work")
    send(page)
    now_stands(page, "Working to engage")
    open_dialog(page, "engage")
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_have_count(0)
    open_dialog(page, "engage")
    send(page)
    expect(page.locator(f"{DIALOG} .pl-problem")).to_contain_text("Say how they answered")
    shot(page, "03-refused-dialog")
    page.select_option(f"{DIALOG} select[name=evidence]", "call.connected")
    page.fill(f"{DIALOG} textarea[name=said]", "Interested, send papers")
    shot(page, "04-engage-dialog")
    send(page)
    now_stands(page, "Engaged")
    expect(page.locator(".pl-timeline")).to_contain_text("Interested, send papers")

    # Logged and planned without leaving the page.
    page.select_option("#touch_kind", "email")
    assert page.locator("#touch_outcome option:not([disabled])").all_inner_texts() == [
        "Choose one",
        "Sent",
        "They replied",
        "Bounced",
    ]
    page.select_option("#touch_outcome", "sent")
    page.fill("#touch_text", "Sent the papers")
    page.click("#log button:has-text('Log touch')")
    expect(page.locator(".pl-timeline")).to_contain_text("Sent the papers")
    page.fill("#next_what", "Ask whether they read it")
    page.click("#next-touch button:has-text('Plan it')")
    expect(page.locator(".pl-next")).to_contain_text("Ask whether they read it")
    note_bant(page, "budget", "authority", "need")


def meet_them(page: Page) -> None:
    """A meeting is scheduled, falls through, and what is left of BANT is worked on."""
    open_dialog(page, "schedule_meeting")
    page.fill(f"{DIALOG} input[name=meeting_at]", soon(days=3))
    page.keyboard.press("Enter")
    now_stands(page, "Meeting scheduled")
    open_dialog(page, "fall_through")
    page.select_option(f"{DIALOG} select[name=meeting_outcome]", "cancelled")
    send(page)
    now_stands(page, "Engaged")
    page.click(".pl-why summary")
    expect(page.locator(".pl-why")).to_contain_text("Timing is unknown")
    open_dialog(page, "work_to_convert")
    send(page)
    now_stands(page, "Working to convert")
    note_bant(page, "timing")


def convert_it(page: Page, owner: User, account: Any) -> None:
    """The account that has the domain is chosen; the opportunity is new."""
    open_dialog(page, "convert")
    chosen = page.locator(f"{DIALOG} input[name=account]:checked")
    expect(chosen).to_have_value(str(account.pk))
    shot(page, "06-convert-dialog")
    send(page)
    expect(page.locator(f"{DIALOG} [data-code=needs_opportunity_owner]")).to_be_visible()
    shot(page, "07-convert-refused")
    page.select_option(f"{DIALOG} select[name=opportunity_owner]", str(owner.pk))
    page.fill(f"{DIALOG} input[name=next_step]", "Send the proposal")
    page.fill(f"{DIALOG} input[name=next_step_due]", (timezone.now() + timedelta(days=7)).date().isoformat())
    page.fill(f"{DIALOG} textarea[name=note]", "They want it by spring")
    send(page)
    page.wait_for_url(re.compile(r"/contracts/opportunity/\d+/change/"))


def return_it(page: Page) -> None:
    """The opportunity's owner finds it on home, looks, and gives it back."""
    page.click("[data-section=home-accept] a.pl-link")
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    open_dialog(page, "return_lead")
    send(page)
    expect(page.locator(f"{DIALOG} [data-code=needs_reason]")).to_be_visible()
    page.fill(f"{DIALOG} textarea[name=reason]", "No budget after all")
    send(page)
    expect(page.locator(".pl-path [aria-current=step]")).to_contain_text("Closed lost")
    expect(page.locator("[data-section=receipt]")).to_contain_text("Returned")
    shot(page, "10-returned-opportunity")


def test_a_conversion_asks_again_for_the_opportunities_of_another_account(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User
) -> None:
    from tests.factories import make_lead, make_opportunity
    from tests.leads.pages import confirm_bant

    first, other = make_account(name="Globex"), make_account(name="Globex Labs")
    make_opportunity(account=first, name="Globex 2026")
    make_opportunity(account=other, name="Globex Labs 2026")
    lead = make_lead(owner=alice, company="Globex", status=Status.WORKING_TO_CONVERT)
    confirm_bant(lead, actor=alice)
    page = open_page(color_scheme="dark")
    stay_logged_in(page, alice)
    page.goto(f"{live_server.url}{page_url(lead)}")
    open_dialog(page, "convert")
    expect(page.locator(DIALOG)).to_contain_text("Use Globex 2026")
    page.fill(f"{DIALOG} input[name=next_step]", "Kept while choosing")
    page.check(f"{DIALOG} input[name=account][value='{other.pk}']")
    expect(page.locator(DIALOG)).to_contain_text("Use Globex Labs 2026")
    expect(page.locator(f"{DIALOG} input[name=next_step]")).to_have_value("Kept while choosing")
    shot(page, "12-another-account-dark")
    assert watch.elsewhere == []
    assert watch.errors == []


def test_it_can_be_worked_on_a_phone(live_server: Any, open_page: OpenPage, watch: Watch, alice: User) -> None:
    from tests.factories import make_lead

    lead = make_lead(owner=alice, status=Status.ENGAGED)
    page = open_page()
    page.set_viewport_size({"width": 390, "height": 844})
    stay_logged_in(page, alice)
    page.goto(f"{live_server.url}{page_url(lead)}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out sideways"
    open_dialog(page, "nurture")
    shot(page, "13-phone-dialog")
    page.select_option(f"{DIALOG} select[name=nurture_reason]", "bad_timing")
    send(page)
    now_stands(page, "Closed nurture")
    assert watch.errors == []
