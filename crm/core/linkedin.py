"""What a LinkedIn address leads to: a company's page, a person's profile, or a page of the sales navigator.

Rules about addresses that somebody types. What is stored already, or comes with an import, is kept as it is, and found
by checkups: `SHAPES` are regular expressions that PostgreSQL and Python read alike.
"""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

COMPANY, PERSON, SALES = "company", "person", "sales"
# A web address, with or without its scheme, of LinkedIn or one of its countries; one word, to its very end.
HOST = r"\A(https?://+)?([^/?#]*@)?([a-z0-9_-]+\.)*linkedin\.com\.?(:[0-9]*)?/+"
REST = r"[^ \t\r\n]*\Z"
# The first parts of a path. A sales navigator's page of a person names them as a profile does.
PATHS = {
    COMPANY: r"(company|school|showcase)/+[^/?# \t\r\n]",
    PERSON: r"((in|pub)/+[^/?# \t\r\n]|sales/(lead|people)/+[^/,?# \t\r\n])",
    SALES: r"sales/[a-z0-9_]",
}
# To be matched without regard to capitals: `__iregex` in a query.
SHAPES = {kind: f"{HOST}{path}{REST}" for kind, path in PATHS.items()}
_SHAPES = {kind: re.compile(shape, re.IGNORECASE | re.ASCII) for kind, shape in SHAPES.items()}


def leads_to(address: str) -> frozenset[str]:
    """What an address leads to (`company`, `person`, `sales`); nothing for one of another site or of nobody."""
    entered = address.strip()
    return frozenset(kind for kind, shape in _SHAPES.items() if shape.match(entered))


def company_page(address: str) -> None:
    """Refuse what is no company's page."""
    _ask(address, COMPANY)


def person_profile(address: str) -> None:
    """Refuse what is no person's profile."""
    _ask(address, PERSON)


def sales_page(address: str) -> None:
    """Refuse what is no page of the sales navigator."""
    _ask(address, SALES)


WORDS = {
    COMPANY: "a company's LinkedIn page, as https://www.linkedin.com/company/initech",
    PERSON: "a person's LinkedIn profile, as https://www.linkedin.com/in/cora-lane",
    SALES: "a page of the LinkedIn sales navigator, as https://www.linkedin.com/sales/company/1234",
}


def _ask(address: str, wanted: str) -> None:
    if address and wanted not in leads_to(address):
        raise ValidationError(f"Give {WORDS[wanted]}.", code="linkedin_kind")
