"""What a LinkedIn address leads to: a company's page, a person's profile, or a page of the sales navigator.

Rules about addresses that somebody types. What is stored already, or comes with an import, is kept as it is.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

COMPANY, PERSON, SALES = "company", "person", "sales"
# The first parts of a path, and what they lead to. A sales navigator's page of a person names them as a profile does.
PATHS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    (re.compile(r"/(company|school|showcase)/+[^/]"), frozenset((COMPANY,))),
    (re.compile(r"/(in|pub)/+[^/]"), frozenset((PERSON,))),
    (re.compile(r"/sales/(lead|people)/+[^/,]"), frozenset((PERSON, SALES))),
    (re.compile(r"/sales/\w"), frozenset((SALES,))),
)


def leads_to(address: str) -> frozenset[str]:
    """What an address leads to (`company`, `person`, `sales`); nothing for one of another site or of nobody."""
    entered = address.strip()
    try:
        parts = urlsplit(entered if "://" in entered else f"https://{entered}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return frozenset()
    if host != "linkedin.com" and not host.endswith(".linkedin.com"):
        return frozenset()
    path = re.sub(r"^/+", "/", parts.path.lower())
    return next((found for shape, found in PATHS if shape.match(path)), frozenset())


def company_page(address: str) -> None:
    """Refuse what is no company's page."""
    _ask(address, COMPANY, "a company's LinkedIn page, as https://www.linkedin.com/company/initech")


def person_profile(address: str) -> None:
    """Refuse what is no person's profile."""
    _ask(address, PERSON, "a person's LinkedIn profile, as https://www.linkedin.com/in/cora-lane")


def sales_page(address: str) -> None:
    """Refuse what is no page of the sales navigator."""
    _ask(address, SALES, "a page of the LinkedIn sales navigator, as https://www.linkedin.com/sales/company/1234")


def _ask(address: str, wanted: str, words: str) -> None:
    if address and wanted not in leads_to(address):
        raise ValidationError(f"Give {words}.", code="linkedin_kind")
