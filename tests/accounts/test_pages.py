"""The page of an account: its top as the handbook has it (C2), and what belongs to it below."""

from __future__ import annotations

import re
from html import unescape

from accounts.models import Account
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account, make_contact, make_opportunity

TOP = [
    "Billing street",
    "Billing city",
    "Billing state or province",
    "Billing postal code",
    "Billing country",
    "Parent account",
    "LinkedIn company URL",
    "CISO employees (#)",
    "Employees",
    "Industry",
]


def labels_of(page: str) -> list[str]:
    """The labels of a page's fields, in order."""
    found = re.findall(r"<label[^>]*>(.*?)</label>", page, flags=re.DOTALL)
    return [unescape(re.sub(r"<.*?>|\*|\s+", " ", label)).strip() for label in found]


def test_an_accounts_page_begins_with_the_handbooks_fields_in_order(alice: User) -> None:
    account = make_account(owner=alice)
    shown = client_of(alice).get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    assert labels_of(shown)[: len(TOP)] == TOP


def test_it_lists_contacts_and_opportunities_with_links(alice: User) -> None:
    account = make_account(owner=alice)
    contact, deal = make_contact(account=account, first_name="Cora"), make_opportunity(account=account)
    response = client_of(alice).get(f"/admin/accounts/account/{account.pk}/change/")
    contacts, opportunities, contracts = response.context["related"]
    assert contacts.rows[0].address == f"/admin/accounts/contact/{contact.pk}/change/"
    assert opportunities.rows[0].address == f"/admin/contracts/opportunity/{deal.pk}/change/"
    assert (contracts.title, contracts.rows) == ("Contracts", [])


def test_a_long_list_says_how_many_there_are_and_where(alice: User) -> None:
    account = make_account()
    for _ in range(12):
        make_contact(account=account)
    client = client_of(alice)
    contacts = client.get(f"/admin/accounts/account/{account.pk}/change/").context["related"][0]
    assert (contacts.count, len(contacts.rows)) == ("12", 10)
    assert client.get(contacts.more).context["cl"].result_count == 12


def test_a_new_contact_starts_with_the_account_it_was_added_from(alice: User) -> None:
    account = make_account()
    client = client_of(alice)
    link = client.get(f"/admin/accounts/account/{account.pk}/change/").context["related"][0].add
    assert client.get(link).context["adminform"].form["account"].value() == str(account.pk)


def test_a_new_account_is_its_makers(alice: User) -> None:
    client = client_of(alice)
    form = client.get("/admin/accounts/account/add/").context["adminform"].form
    assert form["owner"].value() == str(alice.pk)
    assert client.post("/admin/accounts/account/add/", {"name": "Umbrella", "owner": alice.pk}).status_code == 302
    assert Account.objects.get(name="Umbrella").owner == alice


def test_labels_are_in_sentence_case(alice: User) -> None:
    shown = client_of(alice).get("/admin/accounts/contact/add/").content.decode()
    for label in labels_of(shown):
        words = label.split()[1:]
        assert all(word.islower() or word in ("URL", "LinkedIn") for word in words if word.isalpha()), label
