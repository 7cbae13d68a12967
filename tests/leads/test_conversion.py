"""Converting a lead (L12): what is matched and what is made."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.models import Activity
from crm.people.models import User
from leads.conversion import preview
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.leads.converting import convert, how, ready
from tests.leads.moves import BANT

pytestmark = pytest.mark.django_db


def test_it_makes_account_contact_and_opportunity_when_nothing_is_known(alice: User, ann: User, now: datetime) -> None:
    lead = ready(
        owner=alice,
        email="lea@globex.example",
        second_email="lea@home.example",
        phone="(415) 555-2671",
        title="CISO",
        linkedin_url="https://www.linkedin.com/in/lea",
        industry="technology",
        employees=700,
        lead_source="webinar",
        came_from="Webinar of 1 March",
        street="1 Main St",
        city="Oslo",
        country="Norway",
    )
    receipt = convert(
        lead, alice, now, opportunity_owner=ann, amount="1500.50", type="new_business", note="Wants a trial"
    )
    account, contact, opportunity = Account.objects.get(), Contact.objects.get(), Opportunity.objects.get()
    assert (account.name, account.website, account.owner) == ("Globex", "https://globex.example", ann)
    assert (account.industry, account.employees) == ("technology", 700)
    assert (contact.account, contact.email, contact.personal_email) == (
        account,
        "lea@globex.example",
        "lea@home.example",
    )
    assert (contact.title, contact.phone_key, contact.linkedin_key) == ("CISO", "+14155552671", "in/lea")
    assert (contact.lead_source, contact.came_from) == ("webinar", "Webinar of 1 March")
    assert (opportunity.account, opportunity.contact, opportunity.owner) == (account, contact, ann)
    assert (opportunity.stage, opportunity.amount, opportunity.type) == (
        "meeting_set",
        Decimal("1500.50"),
        "new_business",
    )
    assert (opportunity.next_step, opportunity.next_step_due) == ("Call them", date(2026, 3, 6))
    assert (opportunity.lead_source, opportunity.description) == ("webinar", "Wants a trial")
    assert (lead.status, lead.converted_at) == (Status.SAO_CONVERTED, now)
    assert (lead.converted_account, lead.converted_contact, lead.converted_opportunity) == (
        account,
        contact,
        opportunity,
    )
    assert how(receipt) == {"account": "made", "contact": "made", "opportunity": "made"}


def test_the_opportunitys_name_carries_the_companys_year(alice: User) -> None:
    # New Year's Eve in Los Angeles, New Year's Day in UTC.
    at = datetime.fromisoformat("2027-01-01T04:00:00+00:00")
    assert convert(ready(owner=alice), alice, at).opportunity.name == "Globex 2026"
    assert convert(ready(owner=alice, company="A" * 255), alice, at, account="new").opportunity.name.endswith("A 2026")


def test_the_expected_close_date_is_the_handbooks_unless_it_is_chosen(alice: User, now: datetime) -> None:
    assert convert(ready(owner=alice), alice, now).opportunity.close_on == date(2026, 3, 4) + timedelta(days=90)
    chosen = convert(ready(owner=alice), alice, now, close_on="2026-07-01", opportunity="new")
    assert chosen.opportunity.close_on == date(2026, 7, 1)


def test_an_address_is_copied_whole(alice: User, now: datetime) -> None:
    address = {"street": "1 Main St", "city": "Oslo", "state": "", "postal_code": "0150", "country": "Norway"}
    receipt = convert(ready(owner=alice, **address), alice, now)
    for record, prefix in ((receipt.account, "billing"), (receipt.contact, "mailing")):
        assert {part: getattr(record, f"{prefix}_{part}") for part in address} == address


def test_nothing_of_the_lead_is_mixed_into_a_record_that_is_used(alice: User, now: datetime) -> None:
    account = make_account(name="Globex", billing_street="9 Side St", industry="")
    contact = make_contact(email="lea@globex.example", phone="", account=account)
    before = [Account.objects.values().get(), Contact.objects.values().get()]
    receipt = convert(
        ready(owner=alice, email="lea@globex.example", phone="1", city="Oslo", industry="technology"), alice, now
    )
    assert (receipt.account, receipt.contact) == (account, contact)
    assert [Account.objects.values().get(), Contact.objects.values().get()] == before
    assert receipt.receipt["copied"] == {}


def test_a_name_can_be_given_to_the_account(alice: User, now: datetime) -> None:
    receipt = convert(ready(owner=alice, company=""), alice, now, account_name="Globex Norway")
    assert (receipt.account.name, receipt.opportunity.name) == ("Globex Norway", "Globex Norway 2026")


@pytest.mark.parametrize("url", ["https://www.linkedin.com/in/" + "a" * 200, "linkedin.com/in/lea"])
def test_a_lead_reached_by_linkedin_alone_becomes_a_contact_that_has_a_name(
    url: str, alice: User, now: datetime
) -> None:
    lead = ready(owner=alice, first_name="", last_name="", email="", linkedin_url=url)
    contact = convert(lead, alice, now).contact
    assert contact.last_name
    assert contact.last_name in url


def test_the_meeting_that_was_held_is_logged_with_it(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now - timedelta(hours=1), **BANT)
    convert(lead, alice, now, meeting_outcome="held", said="They want it")
    touch = Activity.objects.get()
    assert (touch.lead, touch.kind, touch.outcome, touch.text) == (lead, "meeting", "held", "They want it")
    assert lead.meeting_outcome == "held"


# --- matched ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "lead", "why"),
    [
        ({"name": "Globex Corp", "website": "https://www.globex.example/x"}, {}, "same domain"),
        ({"name": "Globex Corp", "website": "globex.example"}, {"website": "http://GLOBEX.example."}, "same domain"),
        ({"name": " GLOBEX  "}, {}, "same name"),
        ({"name": "Globex"}, {"email": "lea@gmail.com"}, "same name"),
    ],
)
def test_an_account_is_matched_by_domain_or_exact_name(
    account: dict[str, str], lead: dict[str, str], why: str, alice: User, now: datetime
) -> None:
    known = make_account(**account)
    receipt = convert(ready(owner=alice, **lead), alice, now)
    assert (receipt.account, how(receipt)["account"]) == (known, f"matched: {why}")
    assert Account.objects.count() == 1


def test_the_domain_comes_before_the_name_and_the_oldest_first(alice: User, now: datetime) -> None:
    make_account(name="Globex")
    oldest = make_account(name="First of the domain", website="globex.example")
    make_account(name="Second of the domain", website="globex.example")
    receipt = convert(ready(owner=alice), alice, now)
    assert receipt.account == oldest
    assert [(item["name"], item["why"]) for item in receipt.receipt["considered"]["accounts"]][:3] == [
        ("First of the domain", "same domain"),
        ("Second of the domain", "same domain"),
        ("Globex", "same name"),
    ]


@pytest.mark.parametrize(
    ("website", "email", "site"),
    [
        ("", "lea@gmail.com", "https://gmail.com"),
        ("", "lea@GMAIL.com.", "gmail.com"),
        ("https://gmail.com", "lea@gmail.com", "gmail.com"),
        ("https://www.linkedin.com/company/globex", "lea@gmail.com", "https://www.linkedin.com/company/initech"),
        ("https://facebook.com/globex", "lea@gmail.com", "facebook.com"),
        ("https://?", "lea@gmail.com", ""),
        ("", "lea@", ""),
    ],
)
def test_a_domain_that_many_companies_share_never_matches(
    website: str, email: str, site: str, alice: User, now: datetime
) -> None:
    make_account(name="Initech", website=site)
    lead = ready(owner=alice, website=website, email=email)
    assert not preview(lead).accounts
    receipt = convert(lead, alice, now)
    assert how(receipt)["account"] == "made"
    assert receipt.account.website == website, "a free mail provider is nobody's website"


def test_behind_a_shared_website_the_address_names_the_company(alice: User) -> None:
    known = make_account(name="Other name", website="https://globex.example")
    lead = ready(owner=alice, website="https://www.linkedin.com/company/globex", email="lea@globex.example")
    assert preview(lead).account == known


@pytest.mark.parametrize("name", ["Globex, Inc.", "The Globex Corporation", "Globexx"])
def test_a_similar_name_is_shown_but_never_used_by_itself(name: str, alice: User, now: datetime) -> None:
    similar = make_account(name=name)
    lead = ready(owner=alice, email="lea@gmail.com")
    (candidate,) = preview(lead).accounts
    assert (candidate.record, candidate.exact, candidate.why) == (similar, False, "similar name")
    receipt = convert(lead, alice, now)
    assert how(receipt)["account"] == "made"
    assert receipt.receipt["considered"]["accounts"] == [
        {"id": similar.pk, "name": name, "why": "similar name", "exact": False}
    ]


@pytest.mark.parametrize(
    ("contact", "lead", "why"),
    [
        ({"email": "Lea+crm@Globex.example"}, {}, "same email"),
        ({"email": "", "personal_email": "lea@globex.example"}, {}, "same email"),
        ({"email": "lea@home.example"}, {"second_email": "LEA@home.example"}, "same email"),
        (
            {"email": "", "linkedin_url": "http://de.linkedin.com/in/Lea/"},
            {"linkedin_url": "https://www.linkedin.com/in/lea"},
            "same LinkedIn URL",
        ),
    ],
)
def test_a_contact_is_matched_by_email_or_linkedin_url(
    contact: dict[str, str], lead: dict[str, str], why: str, alice: User, now: datetime
) -> None:
    known = make_contact(**contact)
    receipt = convert(ready(owner=alice, **({"email": "lea@globex.example"} | lead)), alice, now)
    assert (receipt.contact, how(receipt)["contact"]) == (known, f"matched: {why}")


@pytest.mark.parametrize("url", ["https://www.linkedin.com/", "https://www.linkedin.com/feed/"])
def test_a_linkedin_address_that_names_nobody_matches_nobody(url: str, alice: User, now: datetime) -> None:
    make_contact(linkedin_url="")
    make_contact(linkedin_url=url)
    assert not preview(ready(owner=alice, linkedin_url=url)).contacts


def test_the_one_open_opportunity_of_the_account_is_matched(alice: User, now: datetime) -> None:
    account = make_account(name="Globex", owner=alice)
    make_opportunity(account=account, stage="closed_lost")
    make_opportunity()
    known = make_opportunity(account=account, owner=alice, next_step="Old")
    receipt = convert(ready(owner=alice), alice, now)
    assert (receipt.opportunity, how(receipt)["opportunity"]) == (known, "matched: open opportunity of this account")
    known.refresh_from_db()
    assert (known.next_step, known.owner) == ("Call them", alice)


def test_the_next_step_of_somebody_elses_opportunity_is_not_overwritten(alice: User, ann: User, now: datetime) -> None:
    known = make_opportunity(account=make_account(name="Globex"), owner=ann, next_step="Ann's plan")
    receipt = convert(ready(owner=alice), alice, now)
    known.refresh_from_db()
    assert (receipt.opportunity, known.next_step) == (known, "Ann's plan")
    assert receipt.receipt["facts"]["next_step"] == "Call them"


def test_of_two_open_opportunities_none_is_taken_by_itself(alice: User, now: datetime) -> None:
    account = make_account(name="Globex")
    both = [make_opportunity(account=account), make_opportunity(account=account)]
    receipt = convert(ready(owner=alice), alice, now)
    assert how(receipt)["opportunity"] == "made"
    assert [item["id"] for item in receipt.receipt["considered"]["opportunities"]] == [one.pk for one in both]
