"""Contacts: champions and the main DRI, who is above whom on their pages, and LinkedIn addresses by their kind."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.exceptions import ValidationError

from accounts.addresses import address_lines, address_of, copied_address
from accounts.models import Account, Contact
from contracts.models import ContactRole
from crm.core.acting import acting
from crm.core.linkedin import company_page, leads_to, person_profile, sales_page
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_contact, make_lead, make_opportunity
from tests.keys import program
from tests.races import race

pytestmark = pytest.mark.django_db


def main_of(account: Account) -> list[int]:
    return list(Contact.objects.filter(account=account, is_main_dri=True).values_list("pk", flat=True))


# --- the main DRI -----------------------------------------------------------------------------------------------------


def test_making_another_the_main_dri_moves_it_at_every_door(alice: User) -> None:
    account = make_account(owner=alice)
    first = make_contact(account=account, owner=alice, is_main_dri=True)
    second = make_contact(account=account, owner=alice)
    client = client_of(alice)
    posted: dict[str, object] = {"first_name": second.first_name, "last_name": second.last_name, "email": second.email}
    posted |= {"account": account.pk, "owner": alice.pk, "is_main_dri": "on", "version": second.version}
    answer = client.post(f"/admin/accounts/contact/{second.pk}/change/", posted)
    assert (answer.status_code, main_of(account)) == (302, [second.pk])
    changed = program(alice)("PATCH", f"contacts/{first.pk}/", {"is_main_dri": True})
    assert (changed.status_code, main_of(account)) == (200, [first.pk])
    made = program(alice)("POST", "contacts/", {"last_name": "New", "account_id": account.pk, "is_main_dri": True})
    assert (made.status_code, main_of(account)) == (201, [made.json()["id"]])


def test_who_goes_to_another_company_is_not_its_main_dri(alice: User) -> None:
    old, new = make_account(), make_account()
    stays = make_contact(account=new, is_main_dri=True)
    goes = make_contact(account=old, owner=alice, is_main_dri=True)
    program(alice)("PATCH", f"contacts/{goes.pk}/", {"account_id": new.pk})
    assert (main_of(old), main_of(new)) == ([], [stays.pk])


@pytest.mark.django_db(transaction=True)
def test_of_two_made_the_main_dri_at_once_one_is_it(alice: User, now: datetime) -> None:
    account = make_account()
    people = [make_contact(account=account) for _ in range(2)]

    def choose(contact: Contact) -> None:
        with acting(actor=alice, via="test", at=now):
            mine = Contact.objects.get(pk=contact.pk)
            mine.is_main_dri = True
            mine.save(update_fields=["is_main_dri"])

    found = race(
        lambda: choose(people[0]),
        lambda: choose(people[1]),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"main_dri:{account.pk}",),
    )
    errors = [one for one in found if isinstance(one, Exception)]
    # Who was cleared meanwhile is told that the record changed; nobody meets the constraint.
    assert all(type(one).__name__ == "Stale" for one in errors), found
    assert len(main_of(account)) == 1


# --- panels -----------------------------------------------------------------------------------------------------------


def test_an_accounts_page_lists_its_people_with_what_they_are(alice: User) -> None:
    account = make_account(owner=alice)
    cora = make_contact(account=account, first_name="Cora", last_name="Lane", title="CISO", phone="+1 415 555 0100")
    main = make_contact(account=account, first_name="Ben", last_name="Ray", is_main_dri=True, is_champion=True)
    deal = make_opportunity(account=account)
    with acting(actor=alice, via="test", at=datetime.now().astimezone()):
        ContactRole.objects.create(opportunity=deal, contact=cora, role="economic_buyer")
    page = client_of(alice).get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    panel = page[page.index('data-section="contacts"') :].partition("</section>")[0]
    assert panel.index("Ben Ray") < panel.index("Cora Lane"), "who matters most comes first"
    for said in ("Main DRI", "Champion", "Economic buyer", "CISO", "+1 415 555 0100", cora.email):
        assert said in panel
    assert f"/admin/accounts/contact/{main.pk}/change/" in panel
    assert f"/admin/accounts/contact/add/?account={account.pk}" in panel


def test_an_account_with_many_says_how_many_and_where(alice: User) -> None:
    account = make_account(owner=alice)
    for _ in range(12):
        make_contact(account=account)
    page = client_of(alice).get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    panel = page[page.index('data-section="contacts"') :].partition("</section>")[0]
    assert (panel.count("<tr>"), ">12<" in panel.replace(" ", "")) == (11, True)
    assert f"/admin/accounts/contact/?account={account.pk}" in panel


def test_a_contacts_page_shows_their_manager_and_who_works_with_them(alice: User) -> None:
    account = make_account()
    boss = make_contact(account=account, first_name="Mia", last_name="Boss", title="VP", phone="+1 415 555 0101")
    cora = make_contact(account=account, reports_to=boss)
    beside = make_contact(account=account, first_name="Bea", last_name="Side")
    below = make_contact(first_name="Lou", last_name="Low", reports_to=cora)
    make_contact(first_name="Far", last_name="Away")
    page = client_of(alice).get(f"/admin/accounts/contact/{cora.pk}/change/").content.decode()
    manager = page[page.index('data-section="manager"') :].partition("</section>")[0]
    for said in ("Mia Boss", "VP", "+1 415 555 0101", boss.email, f"/admin/accounts/contact/{boss.pk}/change/"):
        assert said in manager
    near = page[page.index('data-section="related_contacts"') :].partition("</section>")[0]
    for said in (str(boss), str(beside), str(below), "Reports to them", "Their manager"):
        assert said in near
    assert "Far Away" not in near
    assert str(cora) not in near


# --- LinkedIn ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://www.linkedin.com/company/initech", {"company"}),
        ("de.linkedin.com/school/initech/about", {"company"}),
        ("https://linkedin.com/in/cora-lane?x=1", {"person"}),
        ("https://www.linkedin.com/pub/cora/1/2/3", {"person"}),
        ("https://www.linkedin.com/sales/lead/ACwAAA,NAME", {"person", "sales"}),
        ("https://www.linkedin.com/sales/company/1234", {"sales"}),
        ("https://www.linkedin.com/in/", set()),
        ("https://www.linkedin.com/feed/", set()),
        ("https://notlinkedin.com/in/cora", set()),
        ("https://linkedin.com.evil.example/in/cora", set()),
        ("https://[broken/in/cora", set()),
    ],
)
def test_a_linkedin_address_is_known_by_what_it_leads_to(address: str, found: set[str]) -> None:
    assert leads_to(address) == found


def test_each_field_asks_for_its_own_kind() -> None:
    company, person = "https://www.linkedin.com/company/initech", "https://www.linkedin.com/in/cora"
    company_page(company)
    person_profile(person)
    sales_page("https://www.linkedin.com/sales/company/1")
    for check, wrong in ((company_page, person), (person_profile, company), (sales_page, company)):
        with pytest.raises(ValidationError):
            check(wrong)


def test_what_is_typed_is_refused_and_what_is_stored_stays(alice: User) -> None:
    person = "https://www.linkedin.com/in/cora"
    account, contact = make_account(owner=alice, linkedin_url=person), make_contact(owner=alice)
    lead = make_lead(owner=alice)
    ask = program(alice)
    for path, name, wrong, word in (
        (f"accounts/{account.pk}/", "linkedin_url", "https://www.linkedin.com/in/other", "LinkedIn page"),
        (f"accounts/{account.pk}/", "linkedin_sales_navigator_url", person, "sales navigator"),
        (f"contacts/{contact.pk}/", "linkedin_url", "https://www.linkedin.com/company/initech", "LinkedIn profile"),
        (f"leads/{lead.pk}/", "linkedin_url", "https://www.linkedin.com/company/initech", "LinkedIn profile"),
    ):
        refused = ask("PATCH", path, {name: wrong})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "linkedin_kind"), path
        assert word in refused.json()["detail"]
    kept = ask("PATCH", f"accounts/{account.pk}/", {"linkedin_url": person, "phone": "+1 415 555 0100"})
    assert (kept.status_code, kept.json()["linkedin_url"]) == (200, person)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_is_taken_whole_or_not_at_all() -> None:
    lead = make_lead(city="Berlin", country="Germany")
    taken = copied_address(lead, to="billing_")
    assert taken == {
        "billing_street": "",
        "billing_city": "Berlin",
        "billing_state": "",
        "billing_postal_code": "",
        "billing_country": "Germany",
    }
    assert copied_address(make_lead(), to="billing_") == {}
    account = make_account(billing_street="1 Main St\nFloor 2", billing_postal_code="10115", billing_city="Berlin")
    assert address_lines(address_of(account, "billing_")) == ["1 Main St", "Floor 2", "10115 Berlin"]
