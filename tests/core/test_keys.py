"""Keys: what two spellings of one person or company have in common."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Contact
from crm.core.keys import compute_keys, key_of
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "entered",
    [
        "bob@example.com",
        "Bob@Example.COM",
        "bob+crm@example.com",
        "Bob+a+b@Example.com",
        "bob@example.com.",
        " bob@example.com\t",
        "\u00a0bob@example.com",  # a no-break space, as pages paste it
        "ｂｏｂ@example.com",
        "bob@ｅｘａｍｐｌｅ.com",
    ],
)
def test_email_key_is_the_same_for_every_spelling_of_an_address(entered: str) -> None:
    assert compute_keys("email_key", [entered]) == ["bob@example.com"]


def test_email_key_tells_people_apart() -> None:
    keys = compute_keys("email_key", ["bob@example.com", "rob@example.com", "bob@example.org", "b.ob@example.com"])
    assert len(set(keys)) == 4


def test_email_key_folds_the_case_of_every_letter_and_composes_it() -> None:
    assert compute_keys("email_key", ["JÜRGEN@example.com", "ju\u0308rgen@example.com"]) == ["jürgen@example.com"] * 2


def test_email_key_keeps_a_tag_that_is_the_whole_name() -> None:
    assert compute_keys("email_key", ["+tag@example.com"]) == ["+tag@example.com"]


@pytest.mark.parametrize(
    "entered",
    [
        "https://www.linkedin.com/in/jane-doe",
        "http://linkedin.com/in/jane-doe/",
        "linkedin.com/in/jane-doe",
        "www.linkedin.com/in/Jane-Doe",
        "https://de.linkedin.com/in/jane-doe",
        "https://uk.linkedin.com/in/jane-doe?trk=people",
        "https://m.linkedin.com/in/jane-doe/de#about",
        "https://www.linkedin.com./in/jane-doe//",
        "HTTPS://WWW.LINKEDIN.COM/IN/JANE-DOE",
        "in/jane-doe",
    ],
)
def test_linkedin_key_is_the_same_for_every_spelling_of_a_profile(entered: str) -> None:
    assert compute_keys("linkedin_key", [entered]) == ["in/jane-doe"]


@pytest.mark.parametrize(
    ("entered", "key"),
    [
        ("https://www.linkedin.com/company/acme/about/", "company/acme"),
        ("https://www.linkedin.com/sales/lead/ACwAAB,NAME_SEARCH,x", "sales/lead/acwaab"),
        ("https://www.linkedin.com/pub/jane-doe/1/2/3", "pub/jane-doe"),
        ("https://xing.com/profile/Jane_Doe/", "xing.com/profile/jane_doe"),
        ("jane-doe", "jane-doe"),
        ("", ""),
    ],
)
def test_linkedin_key_of_companies_old_profiles_and_what_is_not_linkedin(entered: str, key: str) -> None:
    assert compute_keys("linkedin_key", [entered]) == [key]


@pytest.mark.parametrize(
    "entered",
    [
        "https://www.linkedin.com",
        "https://www.linkedin.com/",
        "linkedin.com/in/",
        "https://www.linkedin.com/feed/",
        "https://www.linkedin.com/?trk=nav",
    ],
)
def test_linkedin_key_is_empty_for_an_address_that_names_nobody(entered: str) -> None:
    assert compute_keys("linkedin_key", [entered]) == [""]


@pytest.mark.parametrize(
    "entered",
    [
        "https://www.acme.example/about?x=1#top",
        "http://acme.example",
        "ACME.example.",
        "acme.example:8080",
        "www.acme.example/",
        "//acme.example",
        "https://bob:secret@acme.example/",
        "mailto:bob@acme.example",
        "acme.example?from=bob@other.example",
        "ａｃｍｅ.example",
        " acme.example ",
    ],
)
def test_domain_key_is_the_same_for_every_spelling_of_a_site(entered: str) -> None:
    assert compute_keys("domain_key", [entered]) == ["acme.example"]


def test_domain_key_keeps_subdomains_apart() -> None:
    assert compute_keys("domain_key", ["shop.acme.example"]) == ["shop.acme.example"]


def test_name_key_folds_case_width_and_blanks() -> None:
    assert compute_keys("name_key", ["  Acme \t Inc\n", "ACME inc", "Ａｃｍｅ Inc"]) == ["acme inc"] * 3


def test_no_text_gives_no_keys() -> None:
    assert compute_keys("email_key", []) == []


def test_keys_are_in_the_order_of_their_texts() -> None:
    assert compute_keys("email_key", ["c@x.example", "a@x.example"]) == ["c@x.example", "a@x.example"]


def test_a_record_is_found_by_any_spelling() -> None:
    contact = make_contact(email="Bob+crm@Example.com")
    assert Contact.objects.get(email_key=key_of("email_key", "bob@example.com.")) == contact
    assert contact.email == "Bob+crm@Example.com"


def test_a_key_follows_its_text_on_every_way_of_writing() -> None:
    contact = make_contact(email="one@example.com")
    contact.email = "Two@example.com"
    contact.save()
    assert contact.email_key == "two@example.com"
    Contact.objects.update(email="Three@example.com")
    assert Contact.objects.filter(email_key="three@example.com").exists()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_contact SET email = 'Four@example.com'")
    contact.refresh_from_db()
    assert contact.email_key == "four@example.com"


def test_likely_the_same_person_is_found_by_key() -> None:
    lead = make_lead(email="Bob+a@example.com", linkedin_url="https://www.linkedin.com/in/bob")
    by_email = make_lead(email="bob@example.com")
    by_linkedin = make_lead(email="", linkedin_url="https://de.linkedin.com/in/Bob/")
    make_lead(email="", linkedin_url="https://www.linkedin.com/in/rob")
    assert set(type(lead).objects.like(lead)) == {by_email, by_linkedin}
