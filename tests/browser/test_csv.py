"""A CSV file brought in by the page, from the upload over every step to the undo, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from contracts.models import Opportunity
from crm.imports.models import HeldRow, ImportTemplate
from tests.browser.conftest import OpenPage, Watch, log_in
from tests.browser.test_imports import stage, work
from tests.factories import make_account, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DEALS = """opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
D1,Moses Frase,GTXPro,Initech,Won,10/20/2016,03/04/2017,"$1,054.00"
D2,Moses Frase,MG Special,,Engaging,10/25/2016,,
"""


@pytest.fixture
def page(live_server: Any, open_page: OpenPage, watch: Watch, settings: Any, tmp_path: Path) -> Iterator[Page]:
    """A page of an administrator; whatever a browser complains about fails the test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    root = make_user("root", role="administrator")
    page = open_page(base_url=live_server.url)
    log_in(page, root)
    yield page
    assert watch.errors == []
    assert watch.elsewhere == []


def test_a_list_comes_in_by_the_page_and_goes_again(page: Page, tmp_path: Path) -> None:
    make_account(name="Initech")
    path = tmp_path / "deals.csv"
    path.write_text(DEALS)
    page.goto("/admin/imports/importrun/")
    page.get_by_role("link", name="Import a CSV file").click()
    page.get_by_label("What the rows are").select_option("opportunity")
    page.set_input_files("#files", path)
    page.get_by_role("button", name="Upload").click()
    stage(page, "looking")
    work()
    stage(page, "choosing")
    # 2: the columns are matched by their names, and the system is asked for.
    expect(page.get_by_label("close_value becomes")).to_have_value("amount")
    expect(page.get_by_label("sales_agent becomes")).to_have_value("owner")
    page.get_by_label("Whose ids these are").fill("maven")
    page.get_by_role("button", name="Keep and go on").click()
    # 3: the format that could be two is asked, the words, the people and the names are chosen.
    asked = page.get_by_label("How close_date is written")
    expect(asked).to_have_value("")
    asked.select_option("mdy")
    expect(page.get_by_label("How engage_date is written")).to_have_value("mdy")
    page.get_by_label("deal_stage: Won").select_option("closed_won")
    page.get_by_label("deal_stage: Engaging").select_option("discovery")
    page.get_by_label("Moses Frase").select_option("new")
    page.get_by_label("Name of each record").fill("{product} {account} {year}")
    page.get_by_role("button", name="Keep and go on").click()
    # 4: kept as a matching, tried, imported.
    page.get_by_label("Keep this matching for the next file").fill("Deals")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("The matching is kept as “Deals”").wait_for()
    page.get_by_role("button", name="Dry run").click()
    stage(page, "trying")
    work()
    stage(page, "tried")
    expect(page.locator('[data-section="files"]')).to_contain_text("1")
    assert not Opportunity.objects.exists()
    page.get_by_role("button", name="Import 2 rows").click()
    stage(page, "running")
    # The words above the bar and the rows under it can be read.
    assert page.locator("#progress").evaluate("one => one.scrollHeight <= one.clientHeight && one.clientHeight > 40")
    work()
    stage(page, "done")
    sale = Opportunity.objects.get()
    assert (sale.name, sale.stage, str(sale.close_on)) == ("GTXPro Initech 2017", "closed_won", "2017-03-04")
    assert HeldRow.objects.waiting().get().code == "account_not_found"
    assert ImportTemplate.objects.get().name == "Deals"
    with page.expect_download() as download:
        page.get_by_role("link", name="What became of each row").click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["2", "created"], ["3", "rejected"]]
    # The rows that wait are one click away.
    page.get_by_role("link", name="1 held row waits to be mended").click()
    page.wait_for_url("**/heldrow/**")
    page.go_back()
    page.get_by_role("button", name="Undo this import").click()
    stage(page, "undoing")
    work()
    stage(page, "undone")
    assert not Opportunity.objects.exists()
    assert Account.objects.count() == 1
