"""Each list, filter, order and kind of search uses the index that is named for it, as the application's own role."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models

from crm.people.models import User
from leads.models import Lead
from tests.factories import make_user

pytestmark = pytest.mark.django_db
# Enough that no planner goes through all of them for a page.
MANY = 20_000


@pytest.fixture
def owner() -> User:
    """Many leads, a few of each kind that is looked for; statistics as autovacuum would leave them."""
    found = make_user("owner", role="sdr")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE leads_lead DISABLE TRIGGER USER")
        cursor.execute(
            """
            INSERT INTO leads_lead (version, first_name, last_name, company, title, email, second_email, phone,
                phone_key, mobile, mobile_key, linkedin_url, website, industry, street, city, state, postal_code,
                country, lead_source, rating, description, meeting_outcome, budget, budget_note, authority,
                authority_note, need, need_note, timing, timing_note, nurture_reason, came_from, kept, status,
                meeting_at, come_back_on, owner_id)
            SELECT 1, chr(97 + (n %% 20)) || md5(n::text), 'b' || md5((n + 1)::text), 'c' || md5((n + 2)::text), '',
                'd' || n || '@d' || (n / 5) || '.example', '', '',
                CASE WHEN n %% 9 = 0 THEN '+1415' || (5550000 + n) ELSE '' END,
                '', '', 'linkedin.com/in/p' || n, 'https://w' || (n / 7) || '.example', '', '', '', '', '', '',
                CASE WHEN n %% 400 = 0 THEN 'event' ELSE 'web' END, CASE WHEN n %% 500 = 0 THEN 'hot' ELSE '' END,
                '', '', 'unknown', '', 'unknown', '', 'unknown', '', 'unknown', '', '', '', '{}',
                CASE WHEN n %% 300 = 0 THEN 'meeting_scheduled' WHEN n %% 310 = 0 THEN 'closed_nurture'
                     WHEN n %% 400 = 1 THEN 'engaged' ELSE 'new' END,
                CASE WHEN n %% 300 = 0 THEN now() + n * interval '1 minute' END,
                CASE WHEN n %% 310 = 0 THEN CURRENT_DATE + n END,
                CASE WHEN n %% 250 = 0 THEN %s END
            FROM generate_series(1, %s) n
            """,
            [found.pk, MANY],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE leads_lead ENABLE TRIGGER USER")
        # As autovacuum does: what waits to be put into an index makes the planner shy of it.
        for name in ("leads_lead_search", "leads_lead_by_suppression_terms"):
            cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [name])
        cursor.execute("ANALYZE leads_lead")
    return found


def indexes(rows: models.QuerySet[Any]) -> set[str]:
    """The indexes that the plan of a page of these rows reads."""
    with connection.cursor() as cursor:
        sql, values = rows.query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        answer = cursor.fetchone()[0]
    plan = json.loads(answer) if isinstance(answer, str) else answer
    return set(_names(plan[0]["Plan"]))


def _names(node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", ()):
        yield from _names(child)


PAGES: list[tuple[str, Callable[[User], Any]]] = [
    ("leads_lead_pkey", lambda owner: Lead.objects.order_by("-pk")),
    ("leads_lead_by_status", lambda owner: Lead.objects.filter(status="engaged").order_by("-pk")),
    ("leads_lead_by_owner", lambda owner: Lead.objects.filter(owner=owner).order_by("-pk")),
    ("leads_lead_by_owner_status", lambda owner: Lead.objects.filter(owner=owner, status="engaged").order_by("-pk")),
    ("leads_lead_by_source", lambda owner: Lead.objects.filter(lead_source="event").order_by("-pk")),
    ("leads_lead_by_rating", lambda owner: Lead.objects.filter(rating="hot").order_by("-pk")),
    ("leads_lead_by_linkedin", lambda owner: Lead.objects.filter(linkedin_key="in/p7").order_by("-pk")),
    (
        "leads_lead_by_meeting",
        lambda owner: Lead.objects.filter(status="meeting_scheduled", meeting_at__lt="2020-01-01T00:00Z"),
    ),
    ("leads_lead_by_come_back", lambda owner: Lead.objects.come_backs(today="2020-01-01")),
]


SEARCHES: list[tuple[str, set[str]]] = [
    ("z", {f"leads_lead_{part}_begins" for part in ("first_name", "last_name", "company", "email")}),
    ("zz", {f"leads_lead_{part}_begins" for part in ("first_name", "last_name", "company", "email")}),
    ("d1999@d", {"leads_lead_search"}),
    ("w123.exa", {"leads_lead_search"}),
    ("d7@d1.example", {"leads_lead_by_suppression_terms"}),
    ("w100.example", {"leads_lead_by_suppression_terms"}),
    ("linkedin.com/in/p7", {"leads_lead_by_suppression_terms"}),
    ("+14155559999", {"leads_lead_by_suppression_terms"}),
]


def test_each_page_and_search_reads_the_index_that_serves_it(owner: User) -> None:
    # All in one test: storing so many rows takes longer than looking at all the plans.
    read = {index: indexes(rows(owner)[:50]) for index, rows in PAGES}
    assert {index: found for index, found in read.items() if index not in found} == {}
    for term, wanted in SEARCHES:
        # The list counts first, without an order, up to its limit: what is found there is all it reads.
        assert wanted <= indexes(Lead.objects.search(term).order_by().values("pk")[:10_001]), term
