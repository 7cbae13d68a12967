"""What a suppression may name somebody by: addresses as they were entered, read into the keys they are matched by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from crm import handbook
from crm.activities.models import SuppressedKey
from crm.core import phones
from crm.core.errors import Missing
from crm.core.keys import compute_keys
from crm.core.text import tidy

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
PROFILE = re.compile(r"(in|pub|sales/(lead|people))/.+")
DOMAIN = re.compile(r"[^@\s.:/]+(\.[^@\s.:/]+)+")
LONGEST = 500
Kind = SuppressedKey.Kind


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that names somebody: its kind, as it was entered, and the key it is matched by."""

    kind: str
    value: str
    key: str

    @property
    def term(self) -> str:
        """Kind and key in one text, as the database's `suppression_terms` has them."""
        return f"{self.kind}:{self.key}"


def read_named(
    *,
    emails: Iterable[str] = (),
    linkedin_urls: Iterable[str] = (),
    phone_numbers: Iterable[str] = (),
    domains: Iterable[str] = (),
) -> tuple[list[Named], list[Missing]]:
    """Each thing once, with its key; and for each that will not do, why not. Empty ones are let be."""
    found: dict[str, Named] = {}
    wrong: list[Missing] = []
    for kind, entered in (
        (Kind.EMAIL, emails),
        (Kind.LINKEDIN, linkedin_urls),
        (Kind.PHONE, phone_numbers),
        (Kind.DOMAIN, domains),
    ):
        texts = [text for text in map(tidy, entered) if text]
        short = [text for text in texts if len(text) <= LONGEST]
        wrong += [_wrong(kind, f"“{text[:40]}…” is too long.") for text in texts if len(text) > LONGEST]
        for text, key in zip(short, _keys(kind, short), strict=True):
            if said := _refuse(kind, text, key):
                wrong.append(_wrong(kind, said))
            else:
                named = Named(kind, text, key)
                found.setdefault(named.term, named)
    return list(found.values()), wrong


def name_any(text: str) -> list[str]:
    """The terms that an entered text could mean, for a search: any form of an email, LinkedIn URL, phone or domain."""
    return list(dict.fromkeys(term for kind in Kind.values for term in named_like(kind, text)))


def named_like(kind: str, text: str) -> list[str]:
    """The terms that would cover an address of this kind: its own, and every domain that it is at or below."""
    if kind in (Kind.LINKEDIN, Kind.PHONE):
        key = _keys(kind, [text[:LONGEST]])[0] if tidy(text) else ""
        return [f"{kind}:{key}"] if key and not _refuse(kind, text, key) else []
    (key,) = _keys(kind, [text[:LONGEST]])
    if _refuse(kind, text, key) and kind == Kind.EMAIL:
        return []
    parts = key.rpartition("@")[2].split(".")
    above = [f"{Kind.DOMAIN}:{'.'.join(parts[start:])}" for start in range(len(parts) - 1)]
    return [f"{kind}:{key}", *above] if kind == Kind.EMAIL else above


def named_in(terms: Iterable[str]) -> models.QuerySet[SuppressedKey, Any]:
    """The suppressions that hold on to one of these, as a subquery; by its keyed hash too, where a person is erased."""
    same = models.Q(pk__in=[])
    for kind, _, key in (term.partition(":") for term in terms):
        hashed = models.Func(
            models.Value(kind), models.Value(key), function="suppressed_hash", output_field=models.TextField()
        )
        same |= models.Q(kind=kind, key=key) | models.Q(kind=kind, key=hashed)
    return SuppressedKey.objects.filter(same).values("suppression")


def _keys(kind: str, texts: Sequence[str]) -> list[str]:
    if kind == Kind.PHONE:
        return [phones.e164(text, phones.default_region()) for text in texts]
    function = {Kind.EMAIL: "email_key", Kind.LINKEDIN: "linkedin_key", Kind.DOMAIN: "domain_key"}[Kind(kind)]
    return compute_keys(function, list(texts))


def _refuse(kind: str, text: str, key: str) -> str:
    """Why this cannot name anybody; empty when it can."""
    if kind == Kind.EMAIL:
        return "" if EMAIL.fullmatch(key) else f"“{text}” is not an email address."
    if kind == Kind.LINKEDIN:
        return "" if PROFILE.fullmatch(key) else f"“{text}” is not the address of a person's LinkedIn profile."
    if kind == Kind.PHONE:
        return "" if key else f"“{text}” is not a phone number."
    if not DOMAIN.fullmatch(key):
        return f"“{text}” is not a domain: write it as example.com."
    if key in handbook.current().company.free_mail:
        return f"At {key} everybody can have an address: name the person's own."
    return ""


def _wrong(kind: str, said: str) -> Missing:
    field = {Kind.LINKEDIN: "linkedin_url"}.get(Kind(kind), kind)
    return Missing(f"invalid_{field}", said, field)
