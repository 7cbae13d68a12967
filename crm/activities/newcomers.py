"""Whether somebody who is not stored yet is suppressed: the gate's question, of the addresses they came with."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from crm.activities.gate import Bar, hold_terms
from crm.activities.models import Suppression
from crm.activities.naming import named_in
from crm.core import phones

TERMS = (
    "SELECT suppression_terms("
    "ARRAY(SELECT email_key(e) FROM unnest(%s::text[]) e), linkedin_key(%s), %s::text[], %s::text[])"
)
WHOLE = (Suppression.Scope.PERSON, Suppression.Scope.DOMAIN)


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
