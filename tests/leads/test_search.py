"""Finding leads, contacts and accounts by what somebody types."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Contact
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Lead:
    """Somebody with everything to be found by, beside somebody else."""
    make_lead(first_name="Otto", last_name="Neighbour", company="Initech", email="otto@initech.example")
    return make_lead(
        first_name="Zdenka",
        last_name="Quillfeather",
        company="Vandelay 100% Imports",
        email="zq@vandelay.example",
        second_email="zdenka@mail.example",
        phone="(415) 555-2671",
        linkedin_url="https://www.linkedin.com/in/zdenka-q",
        website="https://www.shop.vandelay-goods.example/start",
    )


@pytest.mark.parametrize(
    "term",
    [
        *("Zdenka", "QUILL", "denka q", "vandelay", "100%", "ndelay-good"),
        *("z", "Zd", "q", "va", "ZQ"),
        *("ZQ@vandelay.example", "zq+news@Vandelay.example.", "Zdenka@mail.example"),
        *("vandelay.example", "shop.vandelay-goods.example", "https://vandelay-goods.example/"),
        *("+1 415 555 2671", "415-555-2671", "linkedin.com/in/Zdenka-Q/", " zdenka  "),
    ],
)
def test_a_lead_is_found_by(term: str, lead: Lead) -> None:
    assert list(Lead.objects.search(term)) == [lead]


@pytest.mark.parametrize("term", ["denk4", "%", "_", "x", "nk", "\\", "nobody@x.example", "x.example", "555", "''"])
def test_a_lead_is_not_found_by(term: str, lead: Lead) -> None:
    assert lead not in Lead.objects.search(term)


@pytest.mark.parametrize("term", ["", "  ", "\x00"])
def test_an_empty_term_finds_all(term: str, lead: Lead) -> None:
    assert Lead.objects.search(term).count() == 2


def test_it_can_be_part_of_another_question(lead: Lead) -> None:
    found = Lead.objects.filter(status="new").search("vandelay.example")
    assert Lead.objects.filter(pk__in=found.values("pk")).count() == 1


@pytest.mark.parametrize("term", ["q", "cora", "cora@own.example", "feather", "own.example", "+14155552671"])
def test_a_contact_is_found_by(term: str) -> None:
    make_contact(first_name="Otto", last_name="Neighbour", email="otto@initech.example")
    found = make_contact(
        first_name="Cora", last_name="Quillfeather", personal_email="cora@own.example", mobile="415 555 2671"
    )
    assert list(Contact.objects.search(term)) == [found]


@pytest.mark.parametrize("term", ["va", "V", "delay", "www.vandelay.example", "415 555 2671"])
def test_an_account_is_found_by(term: str) -> None:
    make_account(name="Initech")
    found = make_account(name="Vandelay", website="https://vandelay.example", phone="(415) 555-2671")
    assert list(Account.objects.search(term)) == [found]


@pytest.mark.parametrize("name", ["leads_lead", "accounts_contact", "accounts_account"])
@pytest.mark.parametrize("term", ["z", "qu", "%", "\x00", "é", "x" * 5000, "a@b.example", "1234567", "()-.()-"])
def test_a_list_answers_any_term(name: str, term: str, lead: Lead, mona: User) -> None:
    client = Client()
    client.force_login(mona, backend="crm.people.backends.EmailBackend")
    answer: Any = client.get(reverse(f"admin:{name}_changelist"), {"q": term})
    assert answer.status_code == 200
