"""Sales material (C20): on accounts and leads, what needs an NDA only where one is signed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import RequestFactory

from crm.core.panels import panels_for
from crm.people.models import User
from leads.statuses import Status
from tests.factories import make_account, make_lead

pytestmark = pytest.mark.django_db
SIGNED = date(2026, 2, 1)


def panel(record: Any, user: User, rf: RequestFactory) -> str:
    request = rf.get("/")
    request.user = user
    return panels_for(type(record))["material"].render(request, record)


def test_an_account_has_all_of_it_once_an_nda_is_signed(alice: User, rf: RequestFactory) -> None:
    shown = panel(make_account(), alice, rf)
    for label in ("One-pager", "Intro deck", "Video"):
        assert f">{label}</a>" in shown
    assert ">SOC 2 report</a>" not in shown
    assert "Not shown: SOC 2 report." in shown
    assert "has signed no Non-Disclosure Agreement (NDA) yet." in shown
    shown = panel(make_account(nda_signed_on=SIGNED), alice, rf)
    assert ">SOC 2 report</a>" in shown
    assert "Not shown" not in shown


def test_its_links_lead_elsewhere_safely(alice: User, rf: RequestFactory) -> None:
    shown = panel(make_account(nda_signed_on=SIGNED), alice, rf)
    assert shown.count('target="_blank" rel="noopener noreferrer"') == shown.count("<a ") == 4


def test_a_lead_has_what_its_companys_account_has(alice: User, rf: RequestFactory) -> None:
    make_account(website="https://initech.example", nda_signed_on=SIGNED)
    make_account(website="https://hooli.example")
    assert ">SOC 2 report</a>" in panel(make_lead(email="lea@initech.example"), alice, rf)
    assert "has signed no" in panel(make_lead(email="lea@hooli.example"), alice, rf)
    for stranger in (make_lead(email="lea@nowhere.example"), make_lead(email="lea@gmail.com")):
        shown = panel(stranger, alice, rf)
        assert ">SOC 2 report</a>" not in shown
        assert "No account with a signed Non-Disclosure Agreement (NDA) is known to be theirs." in shown


def test_a_converted_lead_has_what_its_account_has(alice: User, rf: RequestFactory) -> None:
    account = make_account(nda_signed_on=SIGNED)
    lead = make_lead(status=Status.SAO_CONVERTED, converted_account=account)
    assert ">SOC 2 report</a>" in panel(lead, alice, rf)


def test_of_two_companies_at_one_domain_neither_is_taken_for_theirs(alice: User, rf: RequestFactory) -> None:
    make_account(website="https://initech.example", nda_signed_on=SIGNED)
    make_account(website="https://initech.example/west")
    assert ">SOC 2 report</a>" not in panel(make_lead(email="lea@initech.example"), alice, rf)
