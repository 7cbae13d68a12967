"""When two company names are the same company, and which constraints companies and people have."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.matching import email_domain, name_stem
from accounts.models import Account, Contact
from accounts.selectors import account_candidates, contact_candidates
from tests.factories import make_account, make_contact


@pytest.mark.parametrize(
    "name", ["Acme", "ACME, Inc.", "The Acme Corporation", "acme gmbh & co. kg", "Acmé S.A.", "  Acme  Ltd"]
)
def test_a_stem_is_the_name_without_its_legal_form(name: str) -> None:
    assert name_stem(name).split()[0] == "acme"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Acme, Inc.", "acme"),
        ("Acme GmbH", "acme"),
        ("The", "the"),
        ("Inc", "inc"),
        ("AG", "ag"),
        ("", ""),
        ("株式会社", "株式会社"),
    ],
)
def test_a_stem_is_never_nothing_unless_the_name_is(name: str, stem: str) -> None:
    assert name_stem(name) == stem


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("bob@acme.example", "acme.example"),
        ("Bob@ACME.example.", "acme.example"),
        ("bob@gmail.com", ""),
        ("bob@GMAIL.com.", ""),
        ("acme.example", "acme.example"),
        ("", ""),
    ],
)
def test_an_address_at_a_free_mail_provider_names_no_company(email: str, domain: str) -> None:
    assert email_domain(email, {"gmail.com"}) == domain


@pytest.mark.django_db
def test_no_name_and_no_domain_finds_nothing() -> None:
    make_account(name="Acme", website="")
    make_contact(email="", linkedin_url="")
    assert account_candidates(domain="", name=" ") == []
    assert account_candidates(domain="https://?", name="") == []
    assert contact_candidates(emails=["", " "], linkedin_url="") == []
    assert contact_candidates(emails=[], linkedin_url="https://linkedin.com/") == []


@pytest.mark.django_db
def test_each_candidate_is_named_once_by_its_strongest_reason() -> None:
    both = make_account(name="Acme", website="acme.example")
    similar = make_account(name="Acme Inc")
    found = account_candidates(domain="acme.example", name="acme")
    assert [(c.record, c.why, c.exact) for c in found] == [
        (both, "same domain", True),
        (similar, "similar name", False),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Account(name=" "), "An account needs a name."),
        (Contact(first_name="", last_name=" ", email=""), "A contact needs a name or an email."),
    ],
)
def test_what_must_hold_is_said_and_kept(record: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        record.validate_constraints()
    with pytest.raises(IntegrityError), transaction.atomic():
        record.save()


@pytest.mark.django_db
def test_nobody_is_their_own_parent_or_manager() -> None:
    account, contact = make_account(), make_contact()
    account.parent = account
    contact.reports_to = contact
    for record in (account, contact):
        with pytest.raises(ValidationError, match="cannot"):
            record.validate_constraints()
        with pytest.raises(IntegrityError), transaction.atomic():
            record.save()
