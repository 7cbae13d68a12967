"""The pages of records as their layouts have them: C2-C15, L14; text and inputs, links, what is not there any more."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from crm.people.models import User
from crm.workspace.models import PageLayout
from tests.access import client_of
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.leads.pages import page_url, text_of
from tests.workspace.marks import Marks, text_of_field

pytestmark = pytest.mark.django_db


def marks_of(user: User, record: Any) -> Marks:
    """The marks of a record's page as somebody sees it."""
    return Marks(text_of(client_of(user).get(page_url(record))))


def set_layout(kind: str, **parts: Any) -> None:
    """Give the pages of a kind of record another layout in these parts."""
    row = PageLayout.objects.get(object=kind)
    row.body = {**row.body, **parts}
    row.save()


def test_an_account_shows_what_the_handbook_page_names_in_its_order(alice: User) -> None:
    shown = marks_of(alice, make_account(owner=alice))
    assert shown.sections["top"] == [
        "billing_address",
        "parent",
        "linkedin_url",
        "ciso_employees",
        "employees",
        "industry",
    ]
    assert shown.sections["additional-information"] == [
        "name",
        "rating",
        "sales_navigator_url",
        "linkedin_url",
        "linkedin_overlaps_url",
    ]
    assert shown.sections["accounting"] == [
        "invoice_sent",
        "payment_received",
        "subscription_end",
        "press_approval",
        "license_key",
        "total_opportunities",
        "deals_won",
        "first_close",
        "cumulative_revenue",
        "payment_terms",
        "billing_address",
        "shipping_address",
    ]


def test_an_opportunity_shows_what_the_handbook_page_names_in_its_order(alice: User) -> None:
    shown = marks_of(alice, make_opportunity(owner=alice))
    assert shown.sections["top"] == ["account", "amount", "close_on", "next_step", "owner"]
    assert shown.sections["opportunity-information"] == [
        "account",
        "name",
        "amount",
        "next_step",
        "next_step_due",
        "close_on",
        "stage",
    ]
    assert shown.sections["accounting"] == [
        "hosts",
        "type",
        "payment_terms",
        "billing_process",
        "term_months",
        "reseller",
        "effective_on",
        "ends_on",
        "invoice_sent",
        "payment_received",
    ]


def test_a_contact_shows_what_the_handbook_page_names_in_its_order(alice: User) -> None:
    shown = marks_of(alice, make_contact(owner=alice))
    assert shown.sections["top"] == ["name", "title", "department", "account", "linkedin_url", "orbit_feed_url"]
    assert shown.sections["contact"] == ["linkedin_url", "account", "name", "title", "is_champion", "reports_to"]
    assert shown.sections["additional-information"] == [
        "email",
        "personal_email",
        "twitter_url",
        "github_url",
        "mobile",
        "website",
        "orbit_feed_url",
        "description",
    ]


def test_a_lead_begins_with_name_source_status_and_rating(alice: User) -> None:
    shown = marks_of(alice, make_lead(owner=alice))
    assert shown.sections["top"][:4] == ["name", "lead_source", "status", "rating"]


def test_labels_are_the_handbook_pages_words(alice: User) -> None:
    account, deal = make_account(owner=alice), make_opportunity(owner=alice)
    page = text_of(client_of(alice).get(page_url(account)))
    for words in (
        "CISO employees (#)",
        "LinkedIn sales navigator URL",
        "My LinkedIn overlaps",
        "Invoice sent (latest)",
        "Payment received on (latest)",
        "Subscription end date (latest)",
        "Total opportunities (#)",
        "Deals won (#)",
        "Close date (first deal)",
    ):
        assert words in page
    page = text_of(client_of(alice).get(page_url(deal)))
    for words in ("Account name", "Opportunity name", "Next step's due date", "Up to # of hosts", "Opportunity owner"):
        assert words.replace("'", "&#x27;") in page or words in page


def test_a_field_in_several_sections_is_edited_in_the_first_and_text_in_the_others(alice: User) -> None:
    account = make_account(owner=alice, linkedin_url="https://www.linkedin.com/company/initech")
    set_layout(
        "account",
        sections=[{"title": "One", "fields": ["name", "phone"]}, {"title": "Two", "fields": ["phone", "rating"]}],
    )
    page = text_of(client_of(alice).get(page_url(account)))
    assert page.count('name="phone"') == 1
    first, second = page.split('data-section="two"')
    assert 'name="phone"' in first
    assert 'data-field="phone"' in second


def test_the_stage_is_text_and_moves_by_moves_only(alice: User) -> None:
    deal = make_opportunity(owner=alice)
    page = text_of(client_of(alice).get(page_url(deal)))
    section = page.split('data-section="opportunity-information"')[1].split("</section>")[0]
    assert deal.get_stage_display() in text_of_field(section, "stage")
    assert 'name="stage"' not in page
    assert 'name="lost_reason"' not in page


def test_who_may_not_change_a_record_sees_text_alone(alice: User, charlie: User) -> None:
    account = make_account(owner=alice, phone="+1 415 555 0100")
    page = text_of(client_of(charlie).get(page_url(account)))
    assert "+1 415 555 0100" in text_of_field(page, "phone")
    assert 'name="phone"' not in page


def test_the_facts_of_moves_are_no_inputs_whatever_the_layout_names(alice: User) -> None:
    lead = make_lead(owner=alice)
    names = ["status", "status_since", "meeting_at", "budget", "budget_note", "converted_account", "came_from"]
    set_layout("lead", sections=[{"title": "Odd", "fields": names}])
    page = client_of(alice).get(page_url(lead))
    assert list(page.context["adminform"].form.fields) == []
    assert Marks(text_of(page)).sections["odd"] == names


def test_links_that_are_stored_lead_only_to_the_web(alice: User) -> None:
    account = make_account(owner=alice, linkedin_url="https://www.linkedin.com/company/initech")
    Account.objects.filter(pk=account.pk).update(sales_navigator_url="javascript:alert(1)")
    page = text_of(client_of(alice).get(page_url(account)))
    [link] = set(re.findall(r'<a [^>]*href="https://www.linkedin.com/company/initech"[^>]*>', page))
    assert 'rel="noopener noreferrer"' in link
    assert 'href="javascript:' not in page


def test_useful_links_search_for_this_customer_and_carry_nothing_else_of_its_name(alice: User) -> None:
    account = make_account(owner=alice, name='Tom & "Jerry" {id} <b>/../x?q=1#y')
    page = client_of(alice).get(page_url(account))
    links = page.context["page"]["links"]
    assert [link.label for link in links] == [
        "Purchase Orders (POs)",
        "Signed subscription agreements",
        "Invoices sent",
        "Meeting notes",
        "Signed Non-Disclosure Agreement (NDA)",
    ]
    name = "Tom%20%26%20%22Jerry%22%20%7Bid%7D%20%3Cb%3E%2F..%2Fx%3Fq%3D1%23y"
    assert links[2].address == f"https://drive.google.com/drive/search?q=invoice%20{name}"
    assert "<b>/.." not in text_of(page)


def test_what_a_layout_names_and_is_gone_is_left_out_and_administrators_are_told(alice: User, root: User) -> None:
    account = make_account(owner=alice)
    set_layout("account", top=["industry", "shoe_size"], right=["weather"])
    shown = marks_of(alice, account)
    assert shown.sections["top"] == ["industry"]
    assert "unknown" not in shown.sections
    told = text_of(client_of(root).get(page_url(account)))
    assert 'data-section="unknown"' in told
    assert "shoe_size, weather" in told


@pytest.mark.parametrize("body", [{}, {"top": 7, "sections": [3, {"title": None}], "right": {}}, []])
def test_a_layout_of_the_wrong_form_shows_what_can_be_shown(alice: User, body: Any) -> None:
    account = make_account(owner=alice)
    PageLayout.objects.filter(object="account").update(body=body)
    assert client_of(alice).get(page_url(account)).status_code == 200


def test_without_a_stored_layout_the_handbooks_is_shown(alice: User) -> None:
    account = make_account(owner=alice)
    PageLayout.objects.all().delete()
    assert marks_of(alice, account).sections["top"][0] == "billing_address"


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ("accounts/account", ["name", "type", "owner"]),
        ("contracts/opportunity", ["account", "name", "amount", "close_on", "owner"]),
        ("leads/lead", ["name", "email", "linkedin_url"]),
    ],
)
def test_a_new_record_is_asked_for_what_is_needed_first(alice: User, address: str, first: list[str]) -> None:
    page = client_of(alice).get(f"/admin/{address}/add/")
    blocks = page.context["page"]["blocks"]
    asked = [fact.name for fact in blocks[0].facts]
    assert asked == first or asked == ["first_name", "last_name", *first[1:]]
    assert "top" not in Marks(text_of(page)).sections
    assert all(fact.inputs for block in blocks for fact in block.facts)


def test_a_needed_field_that_the_layout_leaves_out_is_asked_for_all_the_same(alice: User) -> None:
    set_layout("account", sections=[{"title": "One", "fields": ["phone"]}])
    client = client_of(alice)
    assert "name" in client.get("/admin/accounts/account/add/").context["adminform"].form.fields
    assert client.post("/admin/accounts/account/add/", {"name": "Umbrella"}).status_code == 302


def test_more_fields_on_a_page_take_no_more_queries(alice: User) -> None:
    account = make_account(owner=alice, parent=make_account())
    client = client_of(alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as taken:
            assert client.get(page_url(account)).status_code == 200
        return len(taken)

    set_layout("account", sections=[{"title": "One", "fields": ["name"]}], top=["industry"], right=[], bottom=[])
    queries()
    few = queries()
    names = ["parent", "billing_address", "phone", "website", "employees"]
    set_layout("account", top=names)
    # Text needs no more: the parent is read along with the account.
    assert queries() == few
