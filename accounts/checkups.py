"""What checkups look at among accounts and contacts (K4); what customers need is in `contracts.checkups_accounts`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, AccountDomain, Contact
from crm.checkups.data import linkedin_rows, phone_rows
from crm.checkups.rules import Look, Rows, checkup
from crm.core.linkedin import COMPANY, PERSON, SALES


@checkup(
    "data.contact_without_account",
    title="Contacts have an account",
    row="K4",
    severity="warning",
    why="A person of no company is missing on its page, in its timeline and among those who are written to.",
)
def contact_without_account(look: Look) -> Iterator[Rows]:
    """Every contact is of some company."""
    yield Rows(
        among=Contact.objects.all(),
        wrong=Q(account=None),
        expected="An account",
        found="No account",
        applies=lambda contact: True,
        means=lambda contact: contact.account_id is None,
    )


@checkup(
    "data.contact_linkedin",
    title="A contact's LinkedIn URL leads to a person's profile",
    row="K4",
    severity="warning",
    why="It is what a person is known by when an email changes; a company's page is the same for all who work there.",
)
def contact_linkedin(look: Look) -> Iterator[Rows]:
    """A person's profile (C13)."""
    yield linkedin_rows(Contact.objects.all(), "linkedin_url", PERSON)


@checkup(
    "data.account_linkedin",
    title="An account's LinkedIn links lead to its company page and its sales navigator page",
    row="K4",
    severity="warning",
    why="“Make sure the LinkedIn links work”: one that leads to a person or to another site does not.",
)
def account_linkedin(look: Look) -> Iterator[Rows]:
    """The company's page and its page of the sales navigator (C5)."""
    yield linkedin_rows(Account.objects.all(), "linkedin_url", COMPANY)
    yield linkedin_rows(Account.objects.all(), "sales_navigator_url", SALES)


@checkup(
    "data.contact_phone",
    title="A contact's phone numbers can be called",
    row="K4",
    severity="note",
    why="What cannot be read as a number is neither dialled nor recognised when they call.",
)
def contact_phone(look: Look) -> Iterator[Rows]:
    """Phone and mobile."""
    yield phone_rows(Contact.objects.all(), "phone")
    yield phone_rows(Contact.objects.all(), "mobile")


@checkup(
    "data.account_phone",
    title="An account's phone number can be called",
    row="K4",
    severity="note",
    why="What cannot be read as a number is neither dialled nor recognised when they call.",
)
def account_phone(look: Look) -> Iterator[Rows]:
    """The company's number."""
    yield phone_rows(Account.objects.all(), "phone")


@checkup(
    "data.account_domain",
    title="No account has the domain of a free mail provider",
    row="K4",
    severity="error",
    why="Whoever writes from there would be taken for somebody of that company.",
)
def account_domain(look: Look) -> Iterator[Rows]:
    """Neither as its website nor among its other domains (the handbook's `company.free_mail`)."""
    free = sorted(look.book.company.free_mail)
    expected = "A domain of its own"
    yield Rows(
        among=Account.objects.exclude(website=""),
        wrong=Q(domain_key__in=free),
        expected=expected,
        found="Its website is that of a free mail provider",
        detail="website",
        applies=lambda account: bool(account.website),
        means=lambda account: domain_of(account.website) in free,
    )
    yield Rows(
        among=Account.objects.exclude(domains=""),
        wrong=Q(Exists(AccountDomain.objects.filter(account=OuterRef("pk"), key__in=free))),
        expected=expected,
        found="One of its other domains is that of a free mail provider",
        detail="domains",
        applies=lambda account: bool(account.domains),
        means=lambda account: any(row.key in free for row in account.domain_rows.all()),
    )


def domain_of(website: str) -> str:
    """As the database's `domain_key`, for an account that is not stored."""
    entered = unicodedata.normalize("NFKC", website).strip(" \t\r\n").lower()
    rest = re.sub(r"^(([a-z][a-z0-9+.-]*:)?//)?([^/@?#]*@)?(www\.)?", "", entered)
    return re.sub(r"[:/?#].*$", "", rest).rstrip(".")
