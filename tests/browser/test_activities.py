"""What is done on a record's page all day, in a real browser: log a call, add a task, do it, add notes, tick steps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.dri_change import start_change
from accounts.models import Account
from crm.activities.models import Activity, Task
from crm.activities.touching import log_touch
from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.factories import make_account, make_contact, make_opportunity

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def log_a_call(page: Page, text: str) -> None:
    """Open the form, narrow the outcomes to those of a call, say what was said."""
    page.click("#log summary:has-text('Log a touch')")
    page.select_option("#touch_kind", "call")
    expect(page.locator("#touch_notes_url")).to_be_hidden()
    page.select_option("#touch_outcome", "connected")
    page.fill("#touch_text", text)
    page.click("#log button:has-text('Log touch')")
    expect(page.locator("#log [role=status]").first).to_have_text("Logged.")
    expect(page.locator("#log .pl-timeline")).to_contain_text(text)


def add_a_task(page: Page, text: str) -> None:
    """Open the form and say what is to be done by today."""
    page.click("#log summary:has-text('Add a task')")
    page.fill("#task_text", text)
    page.click("#log button:has-text('Add task')")
    expect(page.locator("#log .pl-tasks")).to_contain_text(text)


@pytest.fixture
def account(alice: User) -> Account:
    return make_account(name="Fleet", owner=alice)


def test_a_call_and_a_task_on_an_account_and_on_an_opportunity(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User, account: Account
) -> None:
    make_contact(account=account, first_name="Charlie", last_name="Ray")
    sale = make_opportunity(account=account, owner=alice)
    page = open_page()
    stay_logged_in(page, alice)
    for address, record in (("accounts/account", account), ("contracts/opportunity", sale)):
        page.goto(f"{live_server.url}/admin/{address}/{record.pk}/change/")
        log_a_call(page, f"Spoke about {record}.")
        add_a_task(page, f"Send {record} the deck")
        page.click(f"#log .pl-tasks button[aria-label='Done: Send {record} the deck']")
        expect(page.locator(".pl-just-done")).to_contain_text("Done")
        expect(page.locator("#log .pl-timeline")).to_contain_text(f"Done: Send {record} the deck")
        page.click(".pl-just-done button")
        expect(page.locator("#log .pl-tasks")).to_contain_text(f"Send {record} the deck")
        page.click("#log .pl-kinds a:has-text('Touches')")
        expect(page.locator("#log .pl-kinds a[aria-current]")).to_have_text("Touches")
        expect(page.locator("#log .pl-timeline")).not_to_contain_text("Done:")
        shot(page, f"activities-{record._meta.model_name}")
    assert Activity.objects.filter(opportunity=sale, by=alice).count() == 1
    assert Task.objects.filter(account=account, done_at=None).count() == 1
    # The account tells what was done about its opportunity.
    page.goto(f"{live_server.url}/admin/accounts/account/{account.pk}/change/")
    expect(page.locator("#log .pl-timeline")).to_contain_text(f"Spoke about {sale}.")
    assert watch.errors == []
    assert watch.elsewhere == []


def test_notes_are_added_and_a_champion_is_worked_in(
    live_server: Any, open_page: OpenPage, watch: Watch, alice: User, account: Account
) -> None:
    contact, now = make_contact(account=account, first_name="Charlie", last_name="Ray"), timezone.now()
    values: dict[str, Any] = {"actor": alice, "at": now, "via": "test"}
    log_touch({"contact": contact}, kind="meeting", outcome="held", happened_at=now - timedelta(days=1), **values)
    start_change(account, contact, **values)
    page = open_page()
    stay_logged_in(page, alice)
    page.goto(f"{live_server.url}/admin/accounts/account/{account.pk}/change/")
    reminder = page.locator("#notes-reminder")
    expect(reminder).to_contain_text("No notes yet of the meeting with Charlie Ray")
    reminder.locator("summary").click()
    expect(reminder.locator("input[name=title]")).to_have_value("Charlie (Fleet)")
    reminder.locator("input[name=notes_url]").fill("https://notes.example/1")
    reminder.locator("button").click()
    expect(reminder).to_contain_text("The notes are added.")
    expect(page.locator("#meeting-notes")).to_contain_text("Charlie (Fleet)")
    step = page.locator("#dri-change [data-step=introduction]")
    step.locator("input[name=note]").fill("By email")
    step.locator("button").click()
    expect(page.locator("#dri-change")).to_contain_text("1 of 8")
    expect(page.locator("#dri-change [data-step=introduction]")).to_contain_text("By email")
    shot(page, "activities-notes")
    assert watch.errors == []
    assert watch.elsewhere == []
