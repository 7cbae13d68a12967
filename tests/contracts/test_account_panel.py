"""The opportunities of an account on its page."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils.html import escape

from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_opportunity
from tests.leads.pages import page_url, text_of

pytestmark = pytest.mark.django_db
FIRST = date(2026, 6, 1)


def panel_of(account: object, user: User) -> str:
    """The panel as it stands on the account's page."""
    page = text_of(client_of(user).get(page_url(account)))
    return page.split('data-section="opportunities"')[1].split("</section>")[0]


def test_the_open_ones_come_first_and_of_those_what_closes_first(alice: User) -> None:
    account = make_account(owner=alice)
    names = {"Won 2026": ("closed_won", 0), "Later 2026": ("scope", 9), "Sooner 2026": ("discovery", 2)}
    for name, (stage, days) in names.items():
        make_opportunity(account=account, name=name, stage=stage, close_on=FIRST + timedelta(days=days), amount=1200)
    make_opportunity(name="Theirs 2026")
    panel = panel_of(account, alice)
    places = [panel.index(name) for name in ("Sooner 2026", "Later 2026", "Won 2026")]
    assert places == sorted(places)
    assert "Theirs 2026" not in panel
    for shown in ("Discovery", "Scope", "Closed won", "USD", "Add opportunity"):
        assert shown in panel
    assert "Show all" not in panel
    assert escape(f"/admin/contracts/opportunity/add/?account={account.pk}") in panel


def test_more_than_it_shows_are_a_click_away(alice: User) -> None:
    account = make_account(owner=alice)
    for number in range(12):
        make_opportunity(account=account, name=f"Deal {number} 2026")
    panel = panel_of(account, alice)
    assert panel.count("<li>") == 10
    assert ">12<" in panel
    all_of_them = f"/admin/contracts/opportunity/?account={account.pk}"
    assert all_of_them in panel
    assert "Deal 0 2026" in text_of(client_of(alice).get(all_of_them))


def test_an_account_without_any_says_so(alice: User) -> None:
    assert "None yet." in panel_of(make_account(owner=alice), alice)
