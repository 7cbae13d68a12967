"""Axe finds nothing on any page of the product: every list, form, record page and page of its own, discovered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.checkups.models import Run
from crm.people.models import User
from crm.reviews.meetings.services import start_meeting
from crm.site import site
from tests import access
from tests.browser.conftest import OpenPage, stay_logged_in
from tests.factories import make_lead
from tests.samples import SAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.crash, pytest.mark.django_db(transaction=True)]

AXE = Path(__file__).with_name("axe") / "axe.min.js"
# Every rule axe has on by default: WCAG 2 A and AA, and what it calls best practice.
RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 160)}`));
}"""
SOAK = bool(os.environ.get("CRM_SOAK"))
LIGHT, DARK = ("light", 1400), ("dark", 390)
# Parts of pages, fetched into one; files.
PARTS = {
    "admin:palette",
    "admin:notifications_bell",
    "admin:clocks_banner",
    "admin:duplicates_check",
    "admin:imports_importrun_progress",
    "admin:leads_lead_board",
    "admin:contracts_opportunity_board",
}
# What people have open all day, and one page of each make; the others are looked at in the long form.
DAILY = {
    "admin:index",
    "admin:find",
    "admin:jobs",
    "admin:checkups",
    "admin:rituals",
    "admin:response_times",
    "admin:lead_review",
    "admin:huddle",
    "admin:pipeline",
    "admin:pipeline_waterfall",
    "admin:forecast",
    "admin:rep_activity",
    "admin:workspace_layout",
    "admin:leads_lead_changelist",
    "admin:leads_lead_change",
    "admin:leads_lead_delete",
    "admin:leads_lead_history",
    "admin:accounts_account_change",
    "admin:accounts_contact_add",
    "admin:contracts_opportunity_change",
    "admin:contracts_opportunity_move",
    "admin:contracts_contract_change",
    "admin:enquiries_enquiry_change",
    "admin:duplicates_pair_change",
    "admin:imports_importrun_upload",
    "enquire",
    "meeting, huddle",
    "meeting_minutes, leads",
}
# Drawn by Swagger, with landmarks and headings of its own.
SWAGGER = "api_docs"


def addresses(records: dict[str, Any]) -> dict[str, str]:
    """Every page that somebody can open, by its name."""
    found = {}
    for kind in site._registry:
        name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}"
        for page in access.STANDARD:
            found[f"{name}_{page}"] = access.page_address(records[kind._meta.label], page)
    for name, pattern in access.special_urls().items():
        address = access.address_of(name, pattern, records)
        if address is not None and name not in ("admin:logout", SWAGGER, *PARTS):
            found[name] = address
    return found


def of_reviews(holder: User) -> dict[str, str]:
    """What only there is while a review is held: a meeting of each kind, its minutes; and the pages of a ritual and a
    rule, which are called by words."""
    make_lead()
    found = {
        "ritual": reverse("admin:ritual", args=["sales_huddle"]),
        "checkup_rule": reverse("admin:checkup_rule", args=["data.lead_without_owner"]),
        "checkup_report": reverse("admin:checkup_report", args=[Run.objects.latest("pk").pk]),
    }
    for kind in ("leads", "huddle"):
        meeting = start_meeting(kind, {}, actor=holder, at=timezone.now(), via="test")
        assert meeting.items.exists()
        for page in ("meeting", "meeting_minutes"):
            found[f"{page}, {kind}"] = reverse(f"admin:{page}", args=[meeting.pk])
    return found


def made_of(client: Client, address: str) -> frozenset[str]:
    """The templates of a page, those of its widgets and panels among them; none of what is no page."""
    response = client.get(address)
    if response.status_code != 200 or not response["content-type"].startswith("text/html"):
        return frozenset()
    return frozenset(template.name for template in response.templates if template.name)


def test_axe_finds_nothing(live_server: Any, open_page: OpenPage, root: User, alice: User) -> None:
    """In light on a desktop and in dark on a phone by turns, the pages that people work on; in the long form every page
    there is that has a part which none before it had, in both."""
    records = {label: make(alice) for label, make in SAMPLES.items()}
    windows = {}
    for scheme, width in (LIGHT, DARK):
        window = open_page(color_scheme=scheme)
        window.set_viewport_size({"width": width, "height": 900})
        stay_logged_in(window, root)
        window.add_init_script(path=AXE)
        windows[scheme] = window
    client = access.client_of(root)
    wrong, looked, seen = dict[str, list[str]](), 0, set[str]()
    for name, address in (addresses(records) | of_reviews(root)).items():
        if not SOAK and name not in DAILY:
            continue
        parts = made_of(client, address)
        if not parts or parts <= seen:
            continue
        seen |= parts
        looked += 1
        both = [scheme for scheme, _ in (LIGHT, DARK)]
        for scheme in both if SOAK else [both[looked % 2]]:
            windows[scheme].goto(live_server.url + address)
            if found := windows[scheme].evaluate(RUN):
                wrong[f"{name}, {scheme}"] = found
    assert looked > (70 if SOAK else 20)
    assert not wrong, "\n".join(f"{name}\n    " + "\n    ".join(found) for name, found in wrong.items())
