"""Whether somebody who is not stored yet is suppressed: the gate's question, of the addresses they came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from crm.activities.gate import Bar, hold_terms
from crm.activities.models import Suppression
from crm.activities.naming import named_in
from crm.core import phones

TERMS = (
    "SELECT suppression_terms("
    "ARRAY(SELECT email_key(e) FROM unnest(%s::text[]) e), linkedin_key(%s), %s::text[], %s::text[])"
)
MANY_TERMS = (
    "SELECT n, suppression_terms(ARRAY[email_key(e1), email_key(e2)], linkedin_key(l), ARRAY[p1, p2], ARRAY[w])"
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
    " WITH ORDINALITY u (e1, e2, l, p1, p2, w, n)"
)
BARRED = """
    SELECT DISTINCT t.n FROM unnest(%s::int[], %s::text[], %s::text[]) t (n, kind, key)
    JOIN activities_suppressedkey k ON k.kind = t.kind AND k.key IN (t.key, suppressed_hash(t.kind, t.key))
    WHERE k.suppression_id = ANY(%s)
"""
WHOLE = (Suppression.Scope.PERSON, Suppression.Scope.DOMAIN)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody came with: two emails, two phone numbers and one website at most, each as it was entered."""

    emails: tuple[str, str]
    linkedin_url: str
    phone_numbers: tuple[str, str]
    websites: tuple[str]


def terms_of(people: Sequence[Newcomer]) -> list[list[str]]:
    """What a suppression may name each of them by; one query."""
    region = phones.default_region()
    rows = [
        (*one.emails, one.linkedin_url, *(phones.e164(number, region) for number in one.phone_numbers), *one.websites)
        for one in people
    ]
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            MANY_TERMS, [[text.replace("\x00", "") for text in column] for column in zip(*rows, strict=True)]
        )
        return [terms for _, terms in sorted(cursor.fetchall())]


def barred_newcomers(people: Sequence[Newcomer]) -> set[int]:
    """The places of those whom `bar_newcomer` would bar; the answer stands until the transaction ends."""
    found = terms_of(people)
    hold_terms({term for terms in found for term in terms}, exclusive=False)
    barring = list(Suppression.objects.in_force().filter(scope__in=WHOLE).values_list("pk", flat=True))
    if not barring:
        return set()
    named = [(place, *term.split(":", 1)) for place, terms in enumerate(found) for term in terms]
    if not named:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(BARRED, [*([list(column) for column in zip(*named, strict=True)]), barring])
        return {place for (place,) in cursor.fetchall()}


def bar_newcomer(
    *, emails: Sequence[str], linkedin_url: str, phone_numbers: Sequence[str], websites: Sequence[str]
) -> Bar | None:
    """The oldest suppression in force that bars every contact with whom these name; None when none does.

    The answer stands until the transaction ends: the keys are held, shared, as `gate.hold_for` holds those of records.
    """
    region = phones.default_region()
    numbers = [phones.e164(number, region) for number in phone_numbers]
    with connection.cursor() as cursor:
        cursor.execute(TERMS, [list(emails), linkedin_url, numbers, list(websites)])
        terms: list[str] = cursor.fetchone()[0]
    hold_terms(terms, exclusive=False)
    found = (
        Suppression.objects.in_force()
        .filter(scope__in=WHOLE, pk__in=named_in(terms))
        .select_related("by")
        .order_by("since", "pk")
        .first()
    )
    if found is None:
        return None
    return Bar(found.pk, found.reason, found.scope, found.since, found.note, str(found.by), frozenset())
