"""Who is suppressed, and whom a suppression names, is found by indexes: also among a million leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.activities.covering import CONTACTS, LEADS, contacts_covered, leads_covered
from crm.activities.models import SuppressedKey, Suppression
from crm.people.models import User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def plan(sql: str, values: list[Any]) -> str:
    """The plan where reading a whole table is the last resort: small tables are read whole otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(f"EXPLAIN {sql}", values)
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (LEADS, "leads_lead_by_suppression_terms"),
        (CONTACTS, "accounts_contact_by_suppression_terms"),
    ],
)
def test_whom_a_suppression_names_is_found_by_their_terms(sql: str, index: str) -> None:
    assert index in plan(sql, [["domain:globex.example"]])


def test_who_is_suppressed_is_found_by_the_records_ids_and_the_keys_index(alice: User) -> None:
    # Among a few keys any index will do, and which one is taken depends on when the table was last looked at.
    one = Suppression.objects.create(reason="asked_us", scope="person", since=NOW, by=alice)
    SuppressedKey.objects.bulk_create(
        SuppressedKey(suppression=one, kind="email", value=key, key=key)
        for key in (f"n{n}@x.example" for n in range(2000))
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE activities_suppressedkey, activities_suppression")
    found = plan("SELECT * FROM suppressed('lead', %s::bigint[], NULL)", [[1, 2, 3]])
    assert "Index Cond: (id = ANY ('{1,2,3}'::bigint[]))" in found
    assert "activities_suppressed_by_key" in found or "activities_suppressed_key_once" in found
    assert "(key)::text = " in found.replace("(key = ", "((key)::text = ")
    assert "Seq Scan" not in found


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (leads_covered, "leads_lead_by_suppression_terms"),
        (contacts_covered, "accounts_contact_by_suppression_terms"),
    ],
)
def test_the_newest_of_them_are_found_so_too(read: Callable[..., list[int]], index: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        read(["email:lea@globex.example"], most=2)
    (sql,) = [query["sql"] for query in asked]
    with connection.cursor() as cursor:
        # As among very many: whatever gives the order without sorting would be taken.
        cursor.execute("SET LOCAL enable_sort = off")
    assert index in plan(sql.replace("%", "%%"), [])
    assert "lead_pkey" not in plan(sql.replace("%", "%%"), [])
