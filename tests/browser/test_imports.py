"""Moving in by the page, from the zip to the undo, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Account
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.work import work_jobs
from leads.models import Lead
from tests.browser.conftest import OpenPage, Watch, stay_logged_in
from tests.factories import make_user
from tests.imports.export import account, lead, write
from tests.imports.uploading import zipped

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch, settings: Any, tmp_path: Path) -> Iterator[Page]:
    """A page of an administrator; whatever a browser complains about fails the test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    root = make_user("root", role="administrator")
    page = open_page(base_url=live_server.url)
    stay_logged_in(page, root)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small zip: an account, leads, one of them with a word of their own, one that nobody could reach."""
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder, "Account", account(1))
    write(folder, "Lead", lead(1), lead(2, Status="Parked"), lead(3, Email=""))
    path = tmp_path / "export.zip"
    path.write_bytes(zipped(folder))
    return path


def work() -> None:
    """What a worker does."""
    work_jobs(until=timezone.now() + timedelta(seconds=30))


def stage(page: Page, name: str) -> None:
    """Wait until the page, which watches by itself, shows this stage."""
    page.locator(f'[data-section="stage"][data-stage="{name}"]').wait_for()


def test_an_export_comes_in_by_the_page_and_goes_again(page: Page, export: Path) -> None:
    page.goto("/admin/imports/importrun/")
    page.get_by_role("link", name="Upload an export").click()
    page.set_input_files("#files", export)
    page.get_by_role("button", name="Upload").click()
    stage(page, "looking")
    work()
    stage(page, "choosing")
    page.get_by_label("Lead status: Parked").select_option("closed_nurture")
    page.get_by_role("button", name="Keep the choices").click()
    page.get_by_text("Your choices are kept").wait_for()
    page.reload()
    expect(page.get_by_label("Lead status: Parked")).to_have_value("closed_nurture")
    page.get_by_role("button", name="Dry run").click()
    stage(page, "trying")
    work()
    stage(page, "tried")
    expect(page.get_by_text("Dry run: what an import would do")).to_be_visible()
    assert not Lead.objects.exists()
    page.get_by_role("button", name="Import 4 rows").click()
    stage(page, "running")
    work()
    stage(page, "done")
    assert Lead.objects.filter(status="closed_nurture").count() == 1
    assert Lead.objects.count() == 2
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert "no_email_or_linkedin" in download.value.path().read_text()

    page.get_by_role("link", name="1 held row waits to be mended").click()
    page.get_by_role("link", name="Mend").click()
    page.get_by_label("Value for Lea Lead 3, Globex").fill("lea3@globex.example")
    page.get_by_role("button", name="Release").click()
    page.get_by_text("1 released").wait_for()
    assert Lead.objects.count() == 3
    assert not HeldRow.objects.waiting().exists()

    page.goto(f"/admin/imports/importrun/{ImportRun.objects.get().pk}/change/")
    page.get_by_role("button", name="Undo this import").click()
    stage(page, "undoing")
    work()
    stage(page, "undone")
    assert Lead.objects.count() == 1
    assert not Account.objects.exists()


def test_what_is_no_export_is_said_and_cancelling_drops_it(page: Page, export: Path, watch: Watch) -> None:
    page.goto("/admin/imports/importrun/upload/")
    page.set_input_files("#files", {"name": "a.zip", "mimeType": "application/zip", "buffer": b"hello"})
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("This is no zip").wait_for()
    # The browser itself notes the answer's status.
    watch.errors = [error for error in watch.errors if "422" not in error]
    page.set_input_files("#files", export)
    page.get_by_role("button", name="Upload").click()
    stage(page, "looking")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled by").wait_for()
    page.get_by_role("button", name="Drop the upload").click()
    stage(page, "dropped")
    assert not Lead.objects.exists()
