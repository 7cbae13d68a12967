"""Which accounts and contacts a person or company may already be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.contrib.postgres.search import TrigramSimilarity
from django.db import models
from django.db.models import Q

from accounts.matching import name_stem
from accounts.models import Account, Contact
from crm.core.keys import key_of

# pg_trgm's own default for "similar" is 0.3; names that share only a word are left out above this.
SIMILAR = 0.45
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[M]):
    """A record that may be meant. `exact` matches may be used without asking; others are only shown."""

    record: M
    why: str
    exact: bool


def account_candidates(*, domain: str, name: str, most: int = 5) -> list[Candidate[Account]]:
    """Accounts by domain, then by exact name, then by similar name; each account once, the oldest first."""
    found: dict[int, Candidate[Account]] = {}
    if domain:
        for account in Account.objects.at_domain(domain)[:most]:
            found.setdefault(account.pk, Candidate(account, "same domain", exact=True))
    if name.strip():
        for account in Account.objects.filter(name_key=key_of("name_key", name)).order_by("pk")[:most]:
            found.setdefault(account.pk, Candidate(account, "same name", exact=True))
        wanted: Any = key_of("name_key", name)
        similar = (
            Account.objects.filter(name_key__trigram_similar=wanted)
            .annotate(likeness=TrigramSimilarity("name_key", wanted))
            .order_by("-likeness", "pk")[:most]
        )
        for account in similar:
            if account.likeness >= SIMILAR or name_stem(account.name) == name_stem(name):  # type: ignore[attr-defined]
                found.setdefault(account.pk, Candidate(account, "similar name", exact=False))
    return list(found.values())


def contact_candidates(*, emails: list[str], linkedin_url: str, most: int = 5) -> list[Candidate[Contact]]:
    """Contacts that share an email (either of theirs) or the LinkedIn URL; the oldest first."""
    same = Q()
    for email in filter(str.strip, emails):
        key = key_of("email_key", email)
        same |= Q(email_key=key) | Q(personal_email_key=key)
    # An address without a profile in it has no key: it names nobody.
    by_linkedin = Q(linkedin_key=key_of("linkedin_key", linkedin_url)) & ~Q(linkedin_key="") if linkedin_url else Q()
    if not same and not by_linkedin:
        return []
    found: dict[int, Candidate[Contact]] = {}
    if same:
        for contact in Contact.objects.filter(same).select_related("account").order_by("pk")[:most]:
            found.setdefault(contact.pk, Candidate(contact, "same email", exact=True))
    if by_linkedin:
        for contact in Contact.objects.filter(by_linkedin).select_related("account").order_by("pk")[:most]:
            found.setdefault(contact.pk, Candidate(contact, "same LinkedIn URL", exact=True))
    return list(found.values())
