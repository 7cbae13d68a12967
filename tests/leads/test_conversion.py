"""Converting a lead (L12): what is matched, what is made, and the receipt of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Contract, Opportunity
from crm.activities.models import Activity
from crm.core.door import move, move_many
from crm.core.errors import Refused
from crm.history.models import Change, Move, Transaction
from crm.people.models import User
from leads import conversion
from leads.conversion import accept_conversion, preview
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.leads.moves import BANT

pytestmark = pytest.mark.django_db
TABLES = (Account, Contact, Opportunity, Conversion)


def ready(**fields: Any) -> Lead:
    """A lead with all four of BANT confirmed, of a company with a domain of its own."""
    return make_lead(status=Status.WORKING_TO_CONVERT, **(BANT | fields))


def convert(lead: Lead, actor: User, at: datetime, **facts: Any) -> Conversion:
    """Convert with the facts that are asked for; returns the receipt."""
    asked = {"opportunity_owner": actor, "next_step": "Call them", "next_step_due": at.date() + timedelta(days=2)}
    move(lead, "convert", actor=actor, at=at, via="test", **(asked | facts))
    return lead.conversions.get(state=Conversion.State.HANDED_OVER)


def how(receipt: Conversion) -> dict[str, str]:
    """How each of the three came about."""
    return {name: chosen["how"] for name, chosen in receipt.receipt["chosen"].items()}


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    """The codes with which the call is refused."""
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.codes


# --- made -------------------------------------------------------------------------------------------------------------


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
        "qualification",
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


# --- chosen -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["instance", "id", "text"])
def test_each_of_the_three_can_be_chosen(given: str, alice: User, now: datetime) -> None:
    make_account(name="Globex")  # would match
    make_contact(email="lea@globex.example")
    account, contact = make_account(), make_contact()
    opportunity = make_opportunity(account=account)
    chosen = {"account": account, "contact": contact, "opportunity": opportunity}
    facts: dict[str, Any] = {
        name: record if given == "instance" else record.pk if given == "id" else str(record.pk)
        for name, record in chosen.items()
    }
    receipt = convert(ready(owner=alice, email="lea@globex.example"), alice, now, **facts)
    assert (receipt.account, receipt.contact, receipt.opportunity) == (account, contact, opportunity)
    assert set(how(receipt).values()) == {"chosen by Alice"}


def test_new_is_made_although_there_is_a_match(alice: User, now: datetime) -> None:
    account = make_account(name="Globex")
    make_contact(email="lea@globex.example", account=account)
    make_opportunity(account=account)
    lead = ready(owner=alice, email="lea@globex.example")
    receipt = convert(lead, alice, now, account="new", contact="new", opportunity="new")
    assert set(how(receipt).values()) == {"made"}
    assert [model.objects.count() for model in TABLES] == [2, 2, 2, 1]  # type: ignore[attr-defined]
    assert receipt.opportunity.account == receipt.account != account


def test_a_chosen_opportunity_brings_its_account(alice: User, now: datetime) -> None:
    make_account(name="Globex")
    opportunity = make_opportunity()
    receipt = convert(ready(owner=alice), alice, now, opportunity=opportunity)
    assert receipt.account == opportunity.account


def test_a_chosen_opportunity_needs_neither_owner_nor_next_step(alice: User, now: datetime) -> None:
    lead, opportunity = ready(owner=alice), make_opportunity(next_step="Theirs")
    move(lead, "convert", actor=alice, at=now, via="test", opportunity=opportunity)
    opportunity.refresh_from_db()
    assert (lead.converted_opportunity, opportunity.next_step) == (opportunity, "Theirs")


@pytest.mark.parametrize("value", ["999999999", "x", "-1", "1" * 30, "²"])
@pytest.mark.parametrize("name", ["account", "contact", "opportunity"])
def test_a_record_that_does_not_exist_cannot_be_chosen(name: str, value: str, alice: User, now: datetime) -> None:
    lead = ready(owner=alice)
    assert codes(lambda: convert(lead, alice, now, **{name: value})) == (f"invalid_{name}",)


def test_a_user_who_left_cannot_take_over(alice: User, ann: User, now: datetime) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert codes(lambda: convert(ready(owner=alice), alice, now, opportunity_owner=ann)) == (
        "invalid_opportunity_owner",
    )


# --- the receipt ------------------------------------------------------------------------------------------------------


def test_the_receipt_says_what_was_considered_chosen_and_copied(alice: User, ann: User, now: datetime) -> None:
    account = make_account(name="Globex")
    lead = ready(owner=alice, email="lea@globex.example", title="CISO", city="Oslo")
    receipt = convert(lead, alice, now, opportunity_owner=ann, note="Hurry", contact="new", amount=Decimal("10"))
    stored = Conversion.objects.get()
    assert (
        stored.receipt
        == receipt.receipt
        == {
            "considered": {
                "accounts": [{"id": account.pk, "name": "Globex", "why": "same name", "exact": True}],
                "contacts": [],
                "opportunities": [],
            },
            "chosen": {
                "account": {"id": account.pk, "name": "Globex", "how": "matched: same name"},
                "contact": {"id": stored.contact_id, "name": str(stored.contact), "how": "made"},
                "opportunity": {"id": stored.opportunity_id, "name": "Globex 2026", "how": "made"},
            },
            "copied": {
                "contact": {
                    "first_name": "Lea",
                    "last_name": lead.last_name,
                    "title": "CISO",
                    "email": "lea@globex.example",
                    "mailing_city": "Oslo",
                }
            },
            "facts": {
                "opportunity_owner": {"id": ann.pk, "name": "Ann"},
                "next_step": "Call them",
                "next_step_due": "2026-03-06",
                "amount": "10",
                "note": "Hurry",
            },
        }
    )
    assert (stored.at, stored.by, stored.note, stored.state) == (now, alice, "Hurry", "handed_over")


def test_the_receipt_is_found_from_all_four_records(alice: User, now: datetime) -> None:
    receipt = convert(ready(owner=alice), alice, now)
    for record in (receipt.lead, receipt.account, receipt.contact, receipt.opportunity):
        assert list(record.conversions.all()) == [receipt]


def test_it_is_one_transaction(alice: User, now: datetime) -> None:
    before = Transaction.objects.count()
    lead = ready(owner=alice)
    made_by_setting_up = Transaction.objects.count() - before
    receipt = convert(lead, alice, now)
    assert Transaction.objects.count() == before + made_by_setting_up + 1
    step = Move.objects.of(lead).last()
    assert step is not None
    for record in (lead, receipt.account, receipt.contact, receipt.opportunity, receipt):
        assert Change.objects.of(record).first().transaction_id == step.transaction_id  # type: ignore[union-attr]


# --- a failure at any step --------------------------------------------------------------------------------------------


class Broken(Exception):
    """What goes wrong in these tests."""


STEPS = (
    "_make_account",
    "_make_contact",
    "_make_opportunity",
    "_open_opportunities",
    "_mention",
    "plain",
    "create",
)


def failing_saves() -> dict[str, type[Any]]:
    """Each model whose save may fail on the way."""
    return {"account": Account, "contact": Contact, "opportunity": Opportunity, "receipt": Conversion, "lead": Lead}


@pytest.mark.parametrize("step", [*STEPS, *failing_saves(), "touch"])
def test_a_failure_at_any_step_leaves_nothing(
    step: str, alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(name="Globex, Inc.")
    lead = make_lead(status=Status.MEETING_SCHEDULED, owner=alice, meeting_at=now - timedelta(hours=1), **BANT)
    before = [model.objects.count() for model in (*TABLES, Activity, Move, Change)]  # type: ignore[attr-defined]
    row = Lead.objects.values().get()
    reached: list[str] = []

    def fail(*args: Any, **kwargs: Any) -> Any:
        reached.append(step)
        raise Broken

    if step in STEPS:
        monkeypatch.setattr(conversion, step, fail)
    elif step == "touch":
        monkeypatch.setattr("crm.core.door._store", fail)
    else:
        monkeypatch.setattr(failing_saves()[step], "save", fail)
    with pytest.raises(Broken):
        convert(lead, alice, now, meeting_outcome="held")
    assert reached, "the step was not reached: the test proves nothing"
    assert [model.objects.count() for model in (*TABLES, Activity, Move, Change)] == before  # type: ignore[attr-defined]
    assert Lead.objects.values().get() == row
    monkeypatch.undo()
    lead.refresh_from_db()
    convert(lead, alice, now, meeting_outcome="held")
    assert [model.objects.count() for model in TABLES] == [2, 1, 1, 1]  # type: ignore[attr-defined]


def test_in_a_batch_one_that_fails_halfway_leaves_nothing_and_the_others_are_converted(
    alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [ready(owner=alice, company=name, email=f"x@{name}.example") for name in ("one", "two", "three")]
    made = conversion._make_opportunity

    def refuse_two(lead: Lead, account: Account, *args: Any) -> Opportunity:
        if account.name == "two":
            raise Refused("stale", "Somebody else was quicker.")
        return made(lead, account, *args)

    monkeypatch.setattr(conversion, "_make_opportunity", refuse_two)
    facts = {"opportunity_owner": alice, "next_step": "Call", "next_step_due": now.date()}
    ids = [lead.pk for lead in leads]
    outcomes = move_many(Lead, ids, "convert", actor=alice, at=now, via="test", facts=facts)
    assert [outcome.refusal.code if outcome.refusal else "" for outcome in outcomes] == ["", "stale", ""]
    assert set(Account.objects.values_list("name", flat=True)) == {"one", "three"}
    assert [Lead.objects.get(pk=pk).status for pk in ids] == [
        "sao_converted",
        "working_to_convert",
        "sao_converted",
    ]


def test_two_leads_of_one_company_in_a_batch_give_one_account(alice: User, now: datetime) -> None:
    ids = [ready(owner=alice).pk, ready(owner=alice).pk]
    facts = {"opportunity_owner": alice, "next_step": "Call", "next_step_due": now.date()}
    outcomes = move_many(Lead, ids, "convert", actor=alice, at=now, via="test", facts=facts)
    assert all(outcome.move for outcome in outcomes)
    assert [model.objects.count() for model in TABLES] == [1, 2, 1, 2]  # type: ignore[attr-defined]


# --- accepted, returned -----------------------------------------------------------------------------------------------


def give_back(lead: Lead, actor: User, at: datetime, reason: str = "Not a fit") -> Move:
    """Return the lead."""
    return move(lead, "return_lead", actor=actor, at=at, via="test", reason=reason)


def test_the_opportunitys_owner_returns_it_and_what_was_made_is_closed_lost(
    alice: User, ann: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    later = now + timedelta(days=1)
    give_back(lead, ann, later)
    receipt.refresh_from_db()
    opportunity = receipt.opportunity
    assert (lead.status, lead.status_since) == (Status.WORKING_TO_CONVERT, later)
    assert (lead.converted_account, lead.converted_contact) == (None, None)
    assert (lead.converted_opportunity, lead.converted_at) == (None, None)
    assert (opportunity.stage, opportunity.lost_reason) == ("closed_lost", "returned")
    lost = Move.objects.of(opportunity).last()
    assert lost is not None
    assert (lost.verb, lost.actor_id, lost.reason) == ("lose", ann.pk, "Not a fit")
    assert (receipt.state, receipt.answer, receipt.answered_by, receipt.answered_at) == (
        "returned",
        "Not a fit",
        ann,
        later,
    )
    assert (Account.objects.count(), Contact.objects.count()) == (1, 1), "account and contact stay"


def test_an_opportunity_that_was_there_before_stays_open(alice: User, ann: User, now: datetime) -> None:
    known = make_opportunity(owner=ann)
    lead = ready(owner=alice)
    convert(lead, alice, now, opportunity=known)
    give_back(lead, ann, now)
    known.refresh_from_db()
    assert known.is_open


def test_an_opportunity_that_is_lost_already_keeps_its_reason(alice: User, ann: User, now: datetime) -> None:
    lead = ready(owner=alice)
    opportunity = convert(lead, alice, now, opportunity_owner=ann).opportunity
    move(opportunity, "lose", actor=ann, at=now, via="test", lost_reason="price")
    give_back(lead, ann, now)
    opportunity.refresh_from_db()
    assert opportunity.lost_reason == "price"


def test_it_is_not_returned_once_a_contract_is_signed(alice: User, ann: User, mona: User, now: datetime) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    contract = Contract.objects.create(account=receipt.account, opportunity=receipt.opportunity, name="Subscription")
    Contract.objects.create(account=receipt.account, name="Another's", close_date=now.date())
    contract.close_date = now.date()
    contract.save()
    for actor in (ann, mona):
        assert codes(lambda actor=actor: give_back(lead, actor, now)) == ("contract_signed",)  # type: ignore[misc]
    contract.close_date = None
    contract.save()
    give_back(lead, ann, now)


@pytest.mark.parametrize(
    ("who", "may"),
    [("ann", True), ("mona", True), ("root", True), ("alice", False), ("charlie", False), ("robot", False)],
)
def test_who_may_return_and_accept(
    who: str, may: bool, alice: User, ann: User, now: datetime, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(who)
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now, opportunity_owner=ann)
    if not may:
        assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("forbidden",)
        assert codes(lambda: give_back(lead, actor, now)) == ("forbidden",)
        return
    accept_conversion(receipt, actor=actor, at=now, via="test")
    receipt.refresh_from_db()
    assert (receipt.state, receipt.answered_by, receipt.answered_at) == ("accepted", actor, now)
    assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("not_handed_over",)
    give_back(lead, actor, now)
    assert codes(lambda: accept_conversion(receipt, actor=actor, at=now, via="test")) == ("not_handed_over",)


def test_after_a_return_it_is_converted_again_and_both_receipts_stay(alice: User, ann: User, now: datetime) -> None:
    lead = ready(owner=alice)
    first = convert(lead, alice, now, opportunity_owner=ann)
    give_back(lead, ann, now)
    second = convert(lead, alice, now, opportunity_owner=ann)
    assert [receipt.state for receipt in lead.conversions.order_by("id")] == ["returned", "handed_over"]
    assert second.account == first.account
    assert second.contact == first.contact
    assert second.opportunity != first.opportunity, "what was closed lost is not used again"
    assert lead.converted_opportunity == second.opportunity


def test_placed_elsewhere_by_another_system_the_receipt_no_longer_stands(
    alice: User, root: User, now: datetime
) -> None:
    lead = ready(owner=alice)
    receipt = convert(lead, alice, now)
    move(lead, "place", actor=root, at=now, via="import", status=Status.WORKING_TO_CONVERT)
    receipt.refresh_from_db()
    assert receipt.state == Conversion.State.RETURNED
    assert receipt.opportunity.is_open
    convert(lead, alice, now)


def test_a_conversion_of_another_system_is_returned_without_an_opportunity(mona: User, now: datetime) -> None:
    lead = make_lead(status=Status.SAO_CONVERTED)
    give_back(lead, mona, now)
    assert (lead.status, lead.converted_account) == (Status.WORKING_TO_CONVERT, None)
