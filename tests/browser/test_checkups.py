"""A finding's life in a real browser: found, discussed, assigned, accepted, put right, looked for again, gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.checkups.models import Finding
from crm.jobs.models import Job
from crm.jobs.work import work_here
from crm.notifications.models import Notification
from crm.people.models import User
from leads.models import Lead
from tests.browser.conftest import OpenPage, Watch, log_in, shot
from tests.checkups.findings import AT, NO_OWNER, find_ownerless, find_yearless

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def choose(page: Page, verb: str) -> Any:
    """The dialog of a button of the finding's page."""
    page.locator(f"[data-section=verbs] [data-verb={verb}]").click()
    return page.get_by_role("dialog")


def test_a_finding_is_assigned_accepted_put_right_and_gone(
    live_server: Any, open_page: OpenPage, watch: Watch, mona: User, ann: User, alice: User
) -> None:
    kept, (_, sale) = find_ownerless(), find_yearless(alice)
    page = open_page(base_url=live_server.url)
    log_in(page, mona)
    page.goto("/admin/checkups/finding/")
    expect(page.get_by_text("State: Open")).to_be_visible()
    shot(page, "checkups_findings")
    page.get_by_role("link", name="Leads have an owner").click()
    expect(page.get_by_text("Nobody owns it")).to_be_visible()
    # Whoever gets it is told; the keyboard alone is enough.
    dialog = choose(page, "assign")
    dialog.get_by_label("Assign to").select_option(label="Ann")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Assigned to Ann.")).to_be_visible()
    assert Notification.objects.get().to == ann
    page.get_by_role("textbox", name="Comment").fill("She comes from the fair.\nWho was there?")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("[data-kind=comment]")).to_contain_text("Who was there?")
    dialog = choose(page, "accept")
    dialog.get_by_role("button", name="Accept").click()
    expect(dialog.get_by_text("Why may it stay as it is?")).to_be_visible()
    dialog.get_by_label("Why?").fill("Shared out next week")
    dialog.get_by_label("Until").fill((AT.date() + timedelta(days=20)).isoformat())
    dialog.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Shared out next week").first).to_be_visible()
    page.locator("#history-title").scroll_into_view_if_needed()
    shot(page, "checkups_finding")
    # A fix shows what it changes, does it, and the rule looks again at once.
    page.goto("/admin/checkups/finding/")
    page.get_by_role("link", name="Opportunity names carry the year").click()
    dialog = choose(page, "fix")
    expect(dialog.locator("ins")).to_have_text(f"{sale.name} 2027")
    shot(page, "checkups_fix")
    dialog.get_by_role("button", name="Add the year").click()
    expect(page.get_by_text("it is gone.").first).to_be_visible()
    sale.refresh_from_db()
    assert sale.name.endswith(" 2027")
    # The other is put right by hand, and the next run does not find it any more.
    Lead.objects.filter(pk=kept.record_id or 0).update(owner=ann)
    page.goto(f"/admin/checkups/rules/{NO_OWNER}/")
    page.get_by_role("button", name="Look again now").click()
    page.wait_for_url("**/admin/checkups/run/**")
    work_here(Job.objects.filter(kind="checkup").latest("pk"), via="task")
    page.goto(f"/admin/checkups/finding/{kept.pk}/change/")
    expect(page.get_by_text("It is gone since")).to_be_visible()
    assert set(Finding.objects.values_list("state", flat=True)) == {"fixed"}
    page.set_viewport_size({"width": 390, "height": 800})
    assert not page.locator("html").evaluate("el => el.scrollWidth > el.clientWidth + 1")
    assert watch.errors == []
    assert watch.elsewhere == []
