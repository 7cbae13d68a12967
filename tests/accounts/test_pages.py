"""The pages of accounts and contacts: what a new one starts with, and how labels are written."""

from __future__ import annotations

import re
from html import unescape

from accounts.models import Account
from crm.people.models import User
from tests.access import client_of
from tests.factories import make_account

# Words that keep their capitals (L15): proper nouns, and an acronym with what it stands for.
KEPT = ("URL", "LinkedIn", "Directly", "Responsible", "Individual")


def labels_of(page: str) -> list[str]:
    """The labels of a page's fields, in order."""
    found = re.findall(r"<label[^>]*>(.*?)</label>", page, flags=re.DOTALL)
    return [unescape(re.sub(r"<.*?>|\*|\s+", " ", label)).strip() for label in found]


def test_a_new_contact_starts_with_the_account_it_was_added_from(alice: User) -> None:
    account, client = make_account(), client_of(alice)
    page = client.get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    link = f"/admin/accounts/contact/add/?account={account.pk}"
    assert link in page
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
        assert all(word.islower() or word in KEPT for word in words if word.isalpha()), label
