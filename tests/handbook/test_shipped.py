"""The handbook that ships, against the pages it was written from."""

from __future__ import annotations

from datetime import time
from typing import get_args

import pytest

from crm.handbook import SHIPPED
from crm.handbook.document import Handbook
from crm.handbook.reader import read
from crm.handbook.schema import TabKey

# The picklists of a new Salesforce organisation, and what people write who changed them.
STAGES = """Prospecting|Qualification|Needs Analysis|Value Proposition|Id. Decision Makers|Perception Analysis|Proposal|
Proposal/Price Quote|Negotiation|Negotiation/Review|Closed Won|Closed Lost"""
STATUSES = """Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted|New|Working|Contacted|
Nurturing|Unqualified|Qualified|Converted"""
SOURCES = """Advertisement|Customer Event|Employee Referral|Google AdWords|Other|Partner|Purchased List|Trade Show|
Webinar|Website|Web|Phone Inquiry|Partner Referral|External Referral|Word of mouth"""
ACCOUNT_TYPES = "Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Installation Partner|Other"
OUR_STATUSES = {
    "New": "new",
    "New enriched": "new_enriched",
    "New MQL": "new_mql",
    "Working to engage": "working_to_engage",
    "Engaged": "engaged",
    "Meeting scheduled": "meeting_scheduled",
    "Working to convert": "working_to_convert",
    "Closed nurture": "closed_nurture",
    "SAO Converted": "sao_converted",
}


def split(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")]


@pytest.fixture(scope="module")
def handbook() -> Handbook:
    return read(SHIPPED)


def test_it_gives_a_standard_user_four_tabs_in_the_order_of_the_page(handbook: Handbook) -> None:
    """C16."""
    roles = handbook.roles_with("standard")
    assert [role.key for role in roles] == ["sdr", "ae"]
    assert all(role.tabs == ("contacts", "opportunities", "accounts", "leads") for role in roles)


def test_it_opens_each_tab_with_the_filter_of_the_page(handbook: Handbook) -> None:
    """C16."""
    filters = {key: handbook.tab(key).default_filter for key in ("accounts", "opportunities", "contacts", "leads")}
    assert filters == {
        "accounts": "Customers",
        "opportunities": "All opportunities",
        "contacts": "All contacts",
        "leads": "All leads",
    }


def test_it_describes_every_tab_there_is(handbook: Handbook) -> None:
    assert {tab.key for tab in handbook.tabs} == set(get_args(TabKey))


def test_it_gives_managers_and_administrators_more_tabs_than_the_four(handbook: Handbook) -> None:
    assert "held_rows" in handbook.role("manager").tabs
    assert "handbook" in handbook.role("administrator").tabs


def test_it_keeps_the_hours_of_the_support_page(handbook: Handbook) -> None:
    """R4."""
    hours = handbook.hours
    assert hours.days == ("monday", "tuesday", "wednesday", "thursday", "friday")
    assert (hours.opens, hours.closes, hours.holidays) == (time(6), time(16), "US")
    assert handbook.hours_zone.key == "America/Los_Angeles"


def test_it_has_the_four_types_of_an_opportunity(handbook: Handbook) -> None:
    """C10."""
    assert [label for _, label in handbook.choices("opportunity.types")] == [
        "New business",
        "Expansion",
        "Renewal",
        "Proof of Concept (POC)",
    ]


def test_it_covers_every_scope_of_a_do_not_contact_reason(handbook: Handbook) -> None:
    """D1."""
    scopes = {reason.scope for reason in handbook.lead.do_not_contact_reasons}
    assert scopes == {"person", "domain", "address", "email", "calls"}


def test_it_takes_a_reply_a_call_that_connected_and_a_meeting_held_as_proof_of_contact(handbook: Handbook) -> None:
    """L7."""
    assert {outcome.key for outcome in handbook.touch.outcomes if outcome.two_way} == {"replied", "connected", "held"}


def test_it_has_an_outcome_for_every_kind_of_touch(handbook: Handbook) -> None:
    assert [kind for kind, _ in handbook.choices("touch.kinds") if not handbook.outcomes_of(kind)] == []


@pytest.mark.parametrize("value", split(STAGES))
def test_it_maps_the_stages_salesforce_ships(handbook: Handbook, value: str) -> None:
    assert handbook.stage(handbook.from_salesforce("stage", value) or "")


@pytest.mark.parametrize("value", split(STATUSES))
def test_it_maps_the_lead_statuses_salesforce_ships(handbook: Handbook, value: str) -> None:
    assert handbook.from_salesforce("lead_status", value) is not None


@pytest.mark.parametrize("value", split(SOURCES))
def test_it_maps_the_lead_sources_salesforce_ships(handbook: Handbook, value: str) -> None:
    assert handbook.from_salesforce("lead_source", value) in dict(handbook.choices("lead.sources"))


@pytest.mark.parametrize("value", split(ACCOUNT_TYPES))
def test_it_maps_the_account_types_salesforce_ships(handbook: Handbook, value: str) -> None:
    assert handbook.from_salesforce("account_type", value) in dict(handbook.choices("account.types"))


def test_it_maps_our_own_statuses_to_themselves_except_do_not_contact(handbook: Handbook) -> None:
    assert {label: handbook.from_salesforce("lead_status", label) for label in OUR_STATUSES} == OUR_STATUSES
    assert handbook.from_salesforce("lead_status", "Closed do not contact") is None


def test_it_maps_each_of_our_industries_to_itself(handbook: Handbook) -> None:
    assert [k for k, label in handbook.choices("industries") if handbook.from_salesforce("industry", label) != k] == []
