"""Pages are read by their marks, and what is read is held against what is expected."""

from __future__ import annotations

import pytest

from crm.checkups.presentation.comparing import disguised, same_address
from crm.checkups.presentation.reading import Link, read_page
from crm.checkups.presentation.shown import OpenedTab, ShownTabs
from crm.checkups.presentation.tab_rules import tabs_standard
from crm.people.models import User
from tests.checkups.showing import look_now

LIST = """
<div id="nav-sidebar-apps"><ol><li><a href="/admin/accounts/account/?view=customers&amp;x=1">
<span class="material-symbols-outlined md-18">apartment</span> <span>Accounts</span></a><br></ol></div>
<div data-section="view"><summary><h2>Customers</h2></summary><h2>Another</h2></div>
<div data-section="filters"><a class="plumb-chip" href="?"><span>Type:
 Customer</span><span class="material-symbols-outlined">close</span></a><a href="?">Clear all</a></div>
<table id="result_list"><tbody><tr class="data-row block"><th><a href="{row}">Initech</a></th></tr></tbody></table>
"""
RECORD = """
<header data-section="top"><h1 data-field="name">Initech</h1><div data-field="owner">Ada</div></header>
<section data-section="links"><ul><li><a href="https://x.example/?q=A%26B">Invoices <b>sent</b></a></ul></section>
<section data-section="accounting"><p>Unclosed<div data-field="site"><a href="https://i.example">i</a></div></section>
<aside data-place="right"><div data-panel="feed"><section data-section="feed"><i data-field="no"></i></section></div>
</aside><div data-place="bottom"><div data-panel="people"></div></div>
"""


def test_a_page_is_read_by_its_marks() -> None:
    shown, record = read_page(LIST.format(row="/admin/accounts/account/1/change/")), read_page(RECORD)
    assert shown.tabs == (Link("Accounts", "/admin/accounts/account/?view=customers&x=1"),)
    assert (shown.view, shown.conditions) == ("Customers", ("Type: Customer",))
    assert shown.rows == (("/admin/accounts/account/1/change/",),)
    assert record.sections == {"top": ("name", "owner"), "links": (), "accounting": ("site",)}
    assert record.panels == {"right": ("feed",), "bottom": ("people",)}
    assert record.links == (Link("Invoices sent", "https://x.example/?q=A%26B"),)
    assert record.leads == {("accounting", "site"): ("https://i.example",)}


@pytest.mark.parametrize(
    ("row", "address", "found"),
    [
        ("/admin/accounts/account/1/change/?_changelist_filters=view%3Dcustomers", "", set()),
        ("/admin/accounts/contact/1/change/", "", {"rows:accounts"}),
        ("https://elsewhere.example/", "", {"rows:accounts"}),
        ("/admin/accounts/account/1/change/", "/admin/accounts/contact/", {"opens:accounts"}),
    ],
)
def test_a_tab_opens_a_list_of_its_own_whose_rows_lead_to_full_pages(row: str, address: str, found: set[str]) -> None:
    page = read_page(LIST.format(row=row))
    link = Link("Accounts", address or page.tabs[0].address)
    shown = ShownTabs(User(role="manager"), (OpenedTab("accounts", link, page),))
    assert {one.detail for one in tabs_standard(shown, look_now())} == found


def test_an_address_is_right_however_it_is_encoded_and_wrong_for_another_record() -> None:
    template, values = "https://x.example/f/{id}?q=%22PO%22%20{name}&s=1", {"{name}": "A&B / 1", "{id}": "7"}
    assert same_address("https://x.example/f/7?q=%22PO%22+A%26B+%2F+1&s=1", template, values)
    assert same_address("https://x.example/f/7?q=%22PO%22%20A%26B%20/%201&s=1", template, values)
    for wrong in (
        "https://x.example/f/7?q=%22PO%22%20A&B%20/%201&s=1",
        "https://x.example/f/8?q=%22PO%22%20A%26B%20/%201&s=1",
        "http://x.example/f/7?q=%22PO%22%20A%26B%20/%201&s=1",
        "https://y.example/f/7?q=%22PO%22%20A%26B%20/%201&s=1",
    ):
        assert not same_address(wrong, template, values)
    assert disguised("https://x.example/?q=A%26B%20/%201", values) == "https://x.example/?q={name}"
