"""L1: a lead has an email or a LinkedIn profile URL; any other address reaches nobody."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from leads.models import Lead

pytestmark = pytest.mark.django_db
PROFILES = (
    "https://www.linkedin.com/in/lea",
    "http://de.linkedin.com/in/lea/?trk=x",
    "linkedin.com/pub/lea/1/2/3",
    "https://www.linkedin.com/sales/lead/abc,NAME",
)
OTHERS = (
    "",
    "https://example.com/foo",
    "https://evil.example/linkedin.",
    "https://www.linkedin.com/",
    "https://www.linkedin.com/company/globex",
    "https://www.linkedin.com/feed/",
    "javascript:alert(1)//linkedin.com/in/lea",
)


@pytest.mark.parametrize("url", PROFILES)
def test_a_profile_on_linkedin_is_enough(url: str) -> None:
    Lead.objects.create(linkedin_url=url)


@pytest.mark.parametrize("url", OTHERS)
def test_any_other_address_is_not(url: str) -> None:
    lead = Lead(last_name="Haddad", linkedin_url=url)
    with pytest.raises(ValidationError) as refused:
        lead.validate_constraints()
    assert "A lead has an email or a LinkedIn profile URL." in refused.value.messages
    with pytest.raises(IntegrityError), transaction.atomic():
        lead.save()


@pytest.mark.parametrize("url", OTHERS)
def test_with_an_email_it_does_not_matter(url: str) -> None:
    Lead.objects.create(email="lea@globex.example", linkedin_url=url)


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://www.linkedin.com/in/lea", "https://www.linkedin.com/in/lea"),
        ("linkedin.com/in/lea", "https://linkedin.com/in/lea"),
        ("javascript://linkedin.com/%0aalert(1)", ""),
        ("", ""),
    ],
)
def test_only_a_web_address_becomes_a_link(url: str, link: str) -> None:
    assert Lead(linkedin_url=url).linkedin_link == link
