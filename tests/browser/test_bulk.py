"""A bulk change in a real browser: all that match, counted, confirmed, watched, undone; a real worker does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm.jobs.models import Job
from leads.models import Lead
from leads.statuses import Status
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.children import running, wait_for
from tests.factories import make_lead, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WORKER = (
    "-c",
    "import django; django.setup()\nfrom time import sleep\nfrom datetime import UTC, datetime, timedelta\n"
    "from crm.jobs.work import work_jobs\n"
    "while True: work_jobs(until=datetime.now(UTC) + timedelta(seconds=30)); sleep(.1)",
)


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch) -> Iterator[Page]:
    """An SDR's page; whatever a browser complains about fails the test."""
    sam = make_user("sam", role="sdr")
    for number in range(60):
        make_lead(owner=sam, first_name="Lea", last_name=f"Number {number:02}")
    make_lead(owner=make_user("mara", role="sdr"), last_name="Of another team")
    page = open_page(base_url=live_server.url)
    stay_logged_in(page, sam)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


def choose_work(page: Page) -> None:
    """Tick all that match on the list, and choose the move that needs no facts."""
    page.goto("/admin/leads/lead/")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Select all that match: 61").click()
    page.select_option("select[name=action]", label="Move…")
    page.get_by_role("button", name="Go", exact=True).click()
    page.get_by_role("heading", name="Move 61 leads").wait_for()
    shot(page, "bulk-choose")
    page.get_by_role("link", name="Start working…").click()
    page.get_by_role("heading", name="Start working: 61 leads").wait_for()


def test_small_selections_are_done_at_once_and_undone(page: Page) -> None:
    choose_work(page)
    page.get_by_role("button", name="Count first").click()
    page.get_by_role("button", name="Start working: 60 leads").wait_for()
    shot(page, "bulk-preview")
    expect(page.get_by_text("may be done by")).to_be_visible()
    assert not Lead.objects.filter(status=Status.WORKING_TO_ENGAGE).exists()
    page.get_by_role("button", name="Start working: 60 leads").click()
    page.get_by_role("heading", name="Row by row").wait_for()
    shot(page, "bulk-result")
    assert Lead.objects.filter(status=Status.WORKING_TO_ENGAGE).count() == 60
    page.get_by_role("link", name="Next rows").click()
    page.get_by_text("Number 59").wait_for()
    page.go_back()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("heading", name="Undo: Start working: 61 leads").wait_for()
    assert Lead.objects.filter(status=Status.NEW).count() == 61
    page.get_by_role("link", name="Your jobs").click()
    page.get_by_role("link", name="Undo: Start working: 61 leads").wait_for()
    shot(page, "jobs-list")


def test_large_selections_wait_for_a_worker_and_the_page_follows_it(
    page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crm.jobs.pages.HERE", 10)
    monkeypatch.setattr("crm.bulk.views.HERE", 10)
    choose_work(page)
    page.get_by_role("button", name="Count first").click()
    page.get_by_text("Counting what can be done").wait_for()
    page.get_by_text("No worker is at work now").wait_for()
    shot(page, "bulk-counting")
    with running(*WORKER, log=tmp_path / "log", DJANGO_SETTINGS_MODULE="crm.settings"):
        page.get_by_role("button", name="Start working: 60 leads").click()
        page.get_by_role("heading", name="Row by row").wait_for()
        wait_for(lambda: Job.objects.get().state == Job.State.DONE)
    assert Lead.objects.filter(status=Status.WORKING_TO_ENGAGE).count() == 60
    assert "Traceback" not in (tmp_path / "log").read_text()
