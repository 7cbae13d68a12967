"""What is asked of an opportunity that is entered here: on the page, and over the API by the same words."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from contracts.entering import candidate, fill_in, has_year, missing_of, wrong_with
from contracts.models import ContactRole, Contract, Opportunity
from crm import handbook
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.people.models import User
from tests.access import client_of
from tests.contracts.deals import facts_for, signed_contract
from tests.factories import make_account, make_contact, make_opportunity
from tests.keys import program
from tests.leads.pages import page_url, text_of

pytestmark = pytest.mark.django_db


def codes_of(opportunity: Opportunity, now: datetime, **entered: Any) -> list[str]:
    """What is wrong with entering these values."""
    changed = [name.removesuffix("_id") for name in entered]
    return [item.code for item in wrong_with(candidate(opportunity, entered), changed, stored=opportunity, at=now)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Acme 2026", True),
        ("2026: Acme", True),
        ("Acme FY2027", True),
        ("Acme", False),
        ("Acme 12026", False),
        ("Acme 26", False),
    ],
)
def test_the_year_is_in_the_name(name: str, found: bool) -> None:
    assert has_year(name) is found


def test_what_is_entered_is_judged_and_what_stands_is_left(now: datetime) -> None:
    old = make_opportunity(name="Acme", amount=-1, next_step="Call", next_step_due=date(2020, 1, 1))
    assert codes_of(old, now, description="x") == []
    assert codes_of(old, now, name="Acme again") == ["needs_year"]
    assert codes_of(old, now, amount=-2, currency="usd") == ["invalid_currency", "negative_amount"]
    assert codes_of(old, now, next_step="") == ["needs_next_step"]
    assert codes_of(old, now, next_step_due=None) == ["needs_next_step_due"]
    assert codes_of(old, now, next_step_due=date(2026, 1, 1)) == ["next_step_due_past"]
    assert codes_of(old, now, criteria_met=["pain_known", "luck"]) == ["unknown_criterion"]
    assert codes_of(old, now, hosts=0) == ["no_hosts"]


def test_a_renewal_names_a_contract_of_its_own_account(now: datetime) -> None:
    sale = make_opportunity()
    own = Contract.objects.create(account=sale.account, name="Ours")
    other = Contract.objects.create(account=make_account(), name="Theirs")
    assert codes_of(sale, now, type="renewal") == ["needs_renews"]
    assert codes_of(sale, now, type="renewal", renews_id=own.pk) == []
    assert codes_of(sale, now, type="renewal", renews_id=other.pk) == ["renews_other_account"]
    assert codes_of(sale, now, type="new_business", renews_id=own.pk) == ["renews_other_type"]
    assert codes_of(sale, now, type="expansion", amends_id=other.pk) == ["amends_other_account"]


def test_an_expansion_names_the_contract_it_amends_and_an_imported_one_keeps_what_it_has(now: datetime) -> None:
    sale, imported = make_opportunity(), make_opportunity(type="expansion")
    own = Contract.objects.create(account=sale.account, name="Ours")
    assert codes_of(sale, now, type="expansion") == ["needs_amends"]
    assert codes_of(sale, now, type="expansion", amends_id=own.pk) == []
    assert codes_of(sale, now, type="renewal", amends_id=own.pk) == ["needs_renews", "amends_other_type"]
    assert codes_of(imported, now, description="x") == []
    assert codes_of(imported, now, amends_id=None) == ["needs_amends"]


def test_an_expansion_ends_with_the_contract_it_amends(now: datetime) -> None:
    ends = date(2026, 12, 31)
    sale = make_opportunity(type="expansion", hosts=50)
    contract = Contract.objects.create(account=sale.account, name="Ours", end_date=ends)
    entered = candidate(sale, {"amends_id": contract.pk})
    assert fill_in(entered, ["amends"]) == ["ends_on"]
    assert entered.ends_on == ends
    assert fill_in(candidate(sale, {"amends_id": contract.pk, "ends_on": date(2026, 6, 1)}), ["amends"]) == []


def test_a_reseller_is_an_account_of_type_partner(now: datetime) -> None:
    sale = make_opportunity()
    assert codes_of(sale, now, reseller_id=make_account().pk) == ["reseller_no_partner"]
    assert codes_of(sale, now, reseller_id=make_account(type="partner").pk) == []
    assert codes_of(sale, now, reseller_id=sale.account_id) == ["reseller_is_account"]


def test_the_page_and_the_api_refuse_by_the_same_sentence(alice: User) -> None:
    account = make_account(owner=alice)
    posted = {"name": "Initech", "account": account.pk, "currency": "USD", "owner": alice.pk}
    page = client_of(alice).post("/admin/contracts/opportunity/add/", posted)
    answer = program(alice)("POST", "opportunities/", {"name": "Initech", "account_id": account.pk})
    said = "Put the year into the name, as “Acme 2026”."
    assert said in page.content.decode()
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Opportunity.objects.exists()


def test_an_imported_name_stays_and_its_page_says_what_is_missing(alice: User) -> None:
    sale = make_opportunity(owner=alice, name="Acme", stage="discovery")
    posted = {"name": "Acme", "account": sale.account_id, "currency": "USD", "owner": alice.pk, "description": "x"}
    answer = client_of(alice).post(page_url(sale), posted | {"version": sale.version})
    assert answer.status_code == 302
    page = text_of(client_of(alice).get(page_url(sale)))
    assert 'data-section="missing"' in page
    for code in ("unmet_meeting_held", "unmet_pain_known", "needs_next_step", "needs_year"):
        assert f'data-code="{code}"' in page


def test_nothing_is_missing_where_everything_is_there(now: datetime) -> None:
    due = handbook.current().today(now) + timedelta(days=1)
    met = ["meeting_held"]
    assert missing_of(make_opportunity(next_step="Call", next_step_due=due, criteria_met=met), now) == []
    assert [item.code for item in missing_of(make_opportunity(stage="closed_lost"), now)] == ["needs_lost_reason"]


# --- close dates ------------------------------------------------------------------------------------------------------


def test_what_is_won_closes_with_its_contract_and_stays_so(alice: User, mona: User, now: datetime) -> None:
    expected, signed, later = date(2026, 9, 30), date(2026, 2, 20), date(2026, 2, 25)
    sale = make_opportunity(owner=alice, close_on=expected)
    contract = signed_contract(sale, closed=signed)
    move(sale, "win", actor=alice, at=now, via="test")
    assert (sale.close_on, sale.expected_close_on) == (signed, expected)
    with acting(actor=alice, via="test", at=now):
        Contract.objects.filter(pk=contract.pk).update(close_date=later)
        Opportunity.objects.filter(pk=sale.pk).update(close_on=date(2030, 1, 1))
    sale.refresh_from_db()
    assert (sale.close_on, sale.expected_close_on) == (later, expected)
    assert codes_of(sale, now, close_on=date(2030, 1, 1)) == ["closed_by_contract"]
    move(sale, "reopen", actor=mona, at=now, via="test", reason="Not yet", **facts_for(sale, "reopen", now))
    assert (sale.close_on, sale.expected_close_on) == (expected, None)


def test_a_placed_one_keeps_its_close_date(now: datetime) -> None:
    sale = make_opportunity(stage="closed_won", close_on=date(2025, 5, 5))
    signed_contract(sale, closed=date(2025, 4, 1))
    sale.refresh_from_db()
    assert sale.close_on == date(2025, 5, 5)


@pytest.mark.parametrize("status", ["draft", "terminated"])
def test_a_contract_that_is_not_agreed_wins_nothing(status: str, alice: User, now: datetime) -> None:
    sale = make_opportunity(owner=alice)
    contract = signed_contract(sale) if status == "terminated" else None
    if contract is None:
        Contract.objects.create(account=sale.account, opportunity=sale, name="Draft")
    else:
        day = handbook.current().today(now)
        move(contract, "terminate", actor=alice, at=now, via="test", reason="They left", terminated_on=day)
    with pytest.raises(Refused) as refused:
        move(sale, "win", actor=alice, at=now, via="test")
    assert refused.value.codes == ("needs_contract",)


# --- people -----------------------------------------------------------------------------------------------------------


def test_there_is_one_primary(alice: User, now: datetime) -> None:
    sale, contacts = make_opportunity(owner=alice), [make_contact(), make_contact()]
    with acting(actor=alice, via="test", at=now):
        for role, contact in zip(("champion", "legal"), contacts, strict=True):
            ContactRole.objects.create(opportunity=sale, contact=contact, role=role, is_primary=True)
    assert [one.role for one in sale.contact_roles.filter(is_primary=True)] == ["legal"]


def test_contact_roles_are_added_changed_and_removed_over_the_api(alice: User, charlie: User) -> None:
    sale, contact = make_opportunity(owner=alice), make_contact()
    body = {"opportunity_id": sale.pk, "contact_id": contact.pk, "role": "champion", "is_primary": True}
    assert program(charlie)("POST", "contact_roles/", body).status_code == 403
    made = program(alice)("POST", "contact_roles/", body)
    assert made.status_code == 201
    role = sale.contact_roles.get()
    assert program(alice)("PATCH", f"contact_roles/{role.pk}/", {"role": "legal"}).status_code == 200
    assert sale.contact_roles.get().role == "legal"
    assert program(alice)("DELETE", f"contact_roles/{role.pk}/").status_code == 204
    assert not sale.contact_roles.exists()


# --- the API ----------------------------------------------------------------------------------------------------------


def test_the_next_step_is_kept_over_the_api(alice: User, charlie: User) -> None:
    due = timezone.now().date() + timedelta(days=2)
    sale = make_opportunity(owner=alice, next_step="Call", next_step_due=due)
    address = f"opportunities/{sale.pk}/next-step/"
    body = {"next_step": "Write", "next_step_due_date": (due + timedelta(days=3)).isoformat()}
    assert program(charlie)("POST", address, body).status_code == 403
    missing = program(alice)("POST", address, {})
    assert missing.status_code == 409
    assert [(one["code"], one["field"]) for one in missing.json()["errors"]] == [
        ("needs_next_step", "next_step"),
        ("needs_next_step_due", "next_step_due_date"),
    ]
    kept = program(alice)("POST", address, body)
    assert kept.status_code == 200
    assert kept.json()["kept"]["outcome"] == "kept"
    told = program(alice)("GET", address).json()["promises"]
    assert [(one["next_step"], one["outcome"]) for one in told] == [("Write", "standing"), ("Call", "kept")]


def test_a_program_reads_and_writes_every_field(alice: User) -> None:
    account = make_account(owner=alice)
    body = {
        "name": "Initech 2026",
        "account_id": account.pk,
        "owner_id": alice.pk,
        "hosts": 200,
        "payment_terms": "net_30",
        "term_months": 12,
        "effective_date": "2026-06-01",
        "subscription_end_date": "2027-05-31",
        "poc_start": "2026-04-01",
        "poc_end": "2026-04-30",
        "poc_criteria": "All hosts report",
        "exit_criteria_met": ["meeting_held"],
    }
    made = program(alice)("POST", "opportunities/", body)
    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in body} == body
    found = program(alice)("GET", f"opportunities/{made.json()['id']}/?expand=computed").json()
    assert (found["probability"], found["forecast_category"], found["days_in_stage"]) == (0, "pipeline", 0)
    assert [one["code"] for one in found["missing"]] == ["needs_next_step", "needs_next_step_due"]
    wrong = program(alice)("PATCH", f"opportunities/{made.json()['id']}/", {"exit_criteria_met": "all"})
    assert wrong.status_code == 400
