"""Whom a suppression covers: the records that one of its addresses names, found by the index on their terms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from crm.activities.models import Suppression

LEAD_TERMS = (
    "suppression_terms(ARRAY[r.email_key, r.second_email_key], r.linkedin_key,"
    " ARRAY[r.phone_key::text, r.mobile_key::text], ARRAY[r.website::text])"
)
CONTACT_TERMS = LEAD_TERMS.replace("second_email_key", "personal_email_key")
# As the indexes of migration 0004 have them, to the letter: or they would not serve. The planner takes a term to name
# one row in a hundred and would walk the table in the order that is asked for: OFFSET 0 keeps the order out of it.
LEADS = f"SELECT r.id FROM leads_lead r WHERE {LEAD_TERMS} && %s::text[] OFFSET 0"
CONTACTS = f"SELECT r.id FROM accounts_contact r WHERE {CONTACT_TERMS} && %s::text[] OFFSET 0"
OF_ACCOUNTS = (
    "SELECT r.id FROM accounts_contact r JOIN accounts_account a ON a.id = r.account_id"
    " WHERE suppression_terms('{}', '', '{}', ARRAY[a.website::text]) && %s::text[]"
)
OF_DOMAINS = (
    "SELECT r.id FROM accounts_contact r JOIN accounts_accountdomain d ON d.account_id = r.account_id"
    " WHERE suppression_terms('{}', '', '{}', ARRAY[d.domain::text]) && %s::text[]"
)


def terms_of(suppression: Suppression) -> list[str]:
    """What it names, as the index has it; the hash of an erased person finds nobody by itself."""
    return [f"{one.kind}:{one.key}" for one in suppression.keys.all()]


def leads_covered(terms: Iterable[str], *, most: int) -> list[int]:
    """The ids of leads that these terms name, the newest first."""
    return _ids(f"SELECT l.id FROM ({LEADS}) l ORDER BY l.id DESC LIMIT %s", [list(terms), most])


def contacts_covered(terms: Iterable[str], *, most: int) -> list[int]:
    """The ids of contacts that these terms name, by their own addresses or a domain of their account."""
    wanted = list(terms)
    everybody = f"({CONTACTS}) UNION ({OF_ACCOUNTS}) UNION ({OF_DOMAINS}) ORDER BY 1 DESC LIMIT %s"
    return _ids(everybody, [wanted, wanted, wanted, most])


def covers_another(suppression: Suppression, lead_id: int) -> bool:
    """Whether it covers anybody besides this lead."""
    terms = terms_of(suppression)
    return bool(set(leads_covered(terms, most=2)) - {lead_id} or contacts_covered(terms, most=1))


def _ids(sql: str, values: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
