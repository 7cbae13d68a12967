"""The domains of an account: of one account only, edited as a list at every door, and matched by."""

from __future__ import annotations

from datetime import datetime

import pytest

from accounts.models import Account, AccountDomain
from accounts.selectors import account_candidates
from crm.core.acting import acting
from crm.core.errors import Refused, Stale
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from leads.assignment_pools import account_owners
from leads.conversion import preview
from tests.access import client_of
from tests.factories import make_account, make_lead
from tests.keys import program
from tests.races import race

ADDRESS = "/admin/accounts/account/"


def form_of(client: object, account: Account) -> dict[str, object]:
    """The page's form as a browser would post it."""
    shown = client.get(f"{ADDRESS}{account.pk}/change/")  # type: ignore[attr-defined]
    form = shown.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)} | {"version": account.version}


def keys_of(account: Account) -> set[str]:
    return set(AccountDomain.objects.filter(account=account).values_list("key", flat=True))


@pytest.mark.django_db
def test_domains_are_edited_as_a_list_on_the_accounts_form(alice: User) -> None:
    account, client = make_account(owner=alice), client_of(alice)
    posted = form_of(client, account) | {"domains": "https://www.Globex.example/about, globex.test; globex.test"}
    assert client.post(f"{ADDRESS}{account.pk}/change/", posted).status_code == 302
    account.refresh_from_db()
    assert keys_of(account) == {"globex.example", "globex.test"}
    assert set(account.domains.split(", ")) == keys_of(account)


@pytest.mark.django_db
def test_a_domain_that_is_taken_out_is_no_longer_the_accounts(alice: User) -> None:
    account, client = make_account(owner=alice, domains="globex.example, globex.test"), client_of(alice)
    client.post(f"{ADDRESS}{account.pk}/change/", form_of(client, account) | {"domains": "globex.test"})
    assert keys_of(account) == {"globex.test"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("globex", "“globex” is no domain: write it as “example.com”."),
        ("gmail.com", "gmail.com gives anybody an address: it names no company."),
        ("linkedin.com", "Many companies have a page at linkedin.com: it names none."),
    ],
)
def test_it_refuses_what_names_no_company(alice: User, typed: str, said: str) -> None:
    account, client = make_account(owner=alice), client_of(alice)
    shown = client.post(f"{ADDRESS}{account.pk}/change/", form_of(client, account) | {"domains": typed})
    assert shown.context["adminform"].form.errors["domains"] == [said]
    answer = program(alice)("PATCH", f"accounts/{account.pk}/", {"domains": [typed]})
    assert answer.status_code == 400
    assert [(one["field"], one["message"]) for one in answer.json()["errors"]] == [("domains", said)]


@pytest.mark.django_db
def test_another_accounts_domain_is_refused_with_its_name_at_every_door(alice: User) -> None:
    make_account(name="Globex", domains="globex.example")
    account, client = make_account(owner=alice), client_of(alice)
    shown = client.post(f"{ADDRESS}{account.pk}/change/", form_of(client, account) | {"domains": "GLOBEX.example"})
    assert shown.context["adminform"].form.errors["domains"] == ["globex.example is a domain of Globex already."]
    answer = program(alice)("PATCH", f"accounts/{account.pk}/", {"domains": ["globex.example"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "domain_taken")
    assert answer.json()["errors"][0]["field"] == "domains"
    answer = program(alice)("POST", "accounts/", {"name": "Third", "domains": ["globex.example"]})
    assert (answer.status_code, Account.objects.filter(name="Third").count()) == (409, 0)


@pytest.mark.django_db
def test_a_program_reads_and_writes_them_as_a_list(alice: User) -> None:
    ask = program(alice)
    made = ask("POST", "accounts/", {"name": "Globex", "domains": ["globex.test", "globex.example"]}).json()
    assert set(made["domains"]) == {"globex.test", "globex.example"}
    assert ask("GET", f"accounts/{made['id']}/").json()["domains"] == made["domains"]
    assert ask("GET", "accounts/?domain=globex.test").json()["results"][0]["id"] == made["id"]
    assert ask("PATCH", f"accounts/{made['id']}/", {"domains": []}).json()["domains"] == []
    assert ask("PATCH", f"accounts/{made['id']}/", {"domains": "globex.test"}).status_code == 400


@pytest.mark.django_db
def test_a_change_of_domains_is_a_new_version_of_the_account(alice: User) -> None:
    account = make_account(owner=alice)
    before = program(alice)("GET", f"accounts/{account.pk}/").headers["ETag"]
    program(alice)("PATCH", f"accounts/{account.pk}/", {"domains": ["globex.example"]})
    changed = program(alice)("PATCH", f"accounts/{account.pk}/", {"domains": []}, If_Match=before)
    assert (changed.status_code, keys_of(account)) == (412, {"globex.example"})
    account.domains = ""
    with pytest.raises(Stale):
        account.save(update_fields=["domains"])


@pytest.mark.django_db
def test_the_text_is_what_the_rows_say_whoever_writes_it() -> None:
    account = make_account(domains="globex.example")
    Account.objects.filter(pk=account.pk).update(domains="other.example")
    account.refresh_from_db()
    assert account.domains == "globex.example"
    AccountDomain.objects.filter(account=account).delete()
    account.refresh_from_db()
    assert account.domains == ""


@pytest.mark.django_db
def test_undoing_puts_the_domains_back(alice: User, now: datetime) -> None:
    account = make_account(owner=alice)
    with acting(actor=alice, via="test", at=now):
        account.domains = "globex.example"
        account.save(update_fields=["domains"])
    done = revert(Transaction.objects.order_by("-pk")[0], actor=alice, at=now, via="test")
    account.refresh_from_db()
    assert ({row.outcome for row in done.rows}, account.domains, keys_of(account)) == ({"put_back"}, "", set())


@pytest.mark.django_db
def test_a_website_at_anothers_domain_is_allowed_and_said(alice: User) -> None:
    make_account(name="Globex", domains="globex.example")
    account, client = make_account(owner=alice), client_of(alice)
    posted = form_of(client, account) | {"website": "https://www.globex.example/"}
    shown = client.post(f"{ADDRESS}{account.pk}/change/", posted, follow=True)
    assert "The website's domain, globex.example, is a domain of Globex" in shown.content.decode().replace(
        "&#x27;", "'"
    )
    account.refresh_from_db()
    assert account.domain_key == "globex.example"


@pytest.mark.django_db
def test_matching_conversion_and_assignment_know_an_account_by_its_domains(alice: User) -> None:
    by_website = make_account(name="Old", website="https://globex.example")
    account = make_account(name="Umbrella", owner=alice, domains="globex.example")
    found = account_candidates(domain="globex.example", name="")
    assert [(one.record.pk, one.why, one.exact) for one in found] == [
        (account.pk, "same domain", True),
        (by_website.pk, "same domain", True),
    ]
    lead = make_lead(company="Somebody else", email="lea@globex.example")
    assert preview(lead).account == account
    assert account_owners([lead]) == [alice.pk]
    assert list(Account.objects.search("globex.example").order_by("pk")) == [by_website, account]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_add_one_domain_at_once_one_is_told_whose_it_is(alice: User, now: datetime) -> None:
    first, second = make_account(name="First"), make_account(name="Second")

    def add(account: Account) -> None:
        with acting(actor=alice, via="test", at=now):
            mine = Account.objects.get(pk=account.pk)
            mine.domains = "globex.example"
            mine.save(update_fields=["domains"])

    found = race(
        lambda: add(first), lambda: add(second), behind="LOCK TABLE accounts_accountdomain IN SHARE ROW EXCLUSIVE MODE"
    )
    refused = [one for one in found if isinstance(one, Refused)]
    assert [one.code for one in refused] == ["domain_taken"], found
    assert refused[0].message in {f"globex.example is a domain of {name} already." for name in ("First", "Second")}
    assert AccountDomain.objects.filter(key="globex.example").count() == 1
