"""The lead pipeline review at 1,000,000 leads: the page's figures beside one aggregate of the same leads.

`.venv/bin/python benchmarks/lead_review.py [--rows 1000000] [--rounds 3]`. Three years of leads of forty owners in five
teams, with their moves, touches, next touches and times left; one in three is still open.
Budget: everything that the page of seven days shows (counts, what leads need, by status, owner, team and source; ages;
the flow through every status) takes at most 4 times as long as the limit. The lists that numbers open, and an agenda,
are measured beside it.

The limit is one aggregate of the same leads by status: how many there are, and median and 90th percentile of their age.
It looks at nothing beside them. Both work in one process of the database: how many it has to spare is the machine's
business. At 1,000 and at 100,000 leads the page is measured as well, and asks as many queries.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from _measure import alternate, arguments, conclude, empty_columns, print_table, scratch_database, seconds
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.activities.models import Activity, NextTouch
from crm.people.models import Team, User
from crm.reviews.lead_review.agenda import agenda
from crm.reviews.lead_review.asked import of_last_days
from crm.reviews.lead_review.figures import counted, pipeline
from leads.models import Lead
from leads.statuses import Status

BUDGET = 4.0
OWNERS, TEAMS = 40, 5
LISTS = (("new", "stale"), ("engaged", "no_next"), ("", "over"), ("", "breached"), ("new", "arrived"))
SMALLER = (1_000, 100_000)
LIMIT = """
    SELECT status, count(*), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM status_since))
    FROM leads_lead GROUP BY status
"""
# Of nine leads three are open: one is new, one is worked, one is engaged; the others are closed in one of two ways.
SEED = (
    """
    INSERT INTO leads_lead (id, {leads}) SELECT n, {lead_values} FROM generate_series(1, %(rows)s) n
    CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + n * %(step)s::interval AS at) r
    """,
    """
    INSERT INTO history_move (transaction_id, object, record_id, version, from_state, to_state, verb, actor_id,
                              actor_name, at, via, reason, facts)
    SELECT 1, 'lead', l.id, v, CASE v WHEN 2 THEN 'new' WHEN 3 THEN 'working_to_engage' ELSE 'engaged' END,
           CASE v WHEN 2 THEN 'working_to_engage' WHEN 3 THEN 'engaged' ELSE l.status END, 'work', 1, 'Bench',
           l.created_at + (v - 2) * '4 hours'::interval, 'bench', '', '{{}}'
    FROM leads_lead l CROSS JOIN generate_series(2, 4) v
    WHERE v <= CASE l.status WHEN 'new' THEN 1 WHEN 'working_to_engage' THEN 2 WHEN 'engaged' THEN 3 ELSE 4 END
    """,
    """
    INSERT INTO activities_activity (id, {touches}) SELECT l.id, {touch_values} FROM leads_lead l WHERE l.id %% 2 = 0
    """,
    """
    INSERT INTO activities_nexttouch (id, {planned}) SELECT l.id, {planned_values}
    FROM leads_lead l WHERE l.id %% 9 IN (1, 2) AND l.id %% 5 > 0
    """,
    """
    INSERT INTO enquiries_timeleft (lead_id, limit_at, warned, held_up)
    SELECT l.id, %(at)s::timestamptz + ((l.id %% 7) - 1) * '3 hours'::interval, l.id %% 2 = 0, false
    FROM leads_lead l WHERE l.id %% 90 = 1
    """,
)
VALUES: dict[str, dict[str, str]] = {
    "lead": {
        "last_name": "'Prospect ' || n",
        "email": "'p' || n || '@bench.example'",
        "company": "'Company ' || n %% 5000",
        "description": "repeat('They asked about Windows. ', 8)",
        "lead_source": "CASE n %% 3 WHEN 0 THEN '' WHEN 1 THEN 'website' ELSE 'partner' END",
        "queue_id": "CASE WHEN n %% 11 = 0 THEN (%(teams)s::bigint[])[1 + n %% 5] END",
        "owner_id": "CASE WHEN n %% 11 > 0 THEN (%(owners)s::bigint[])[1 + n %% 40] END",
        "status": "(%(statuses)s::text[])[1 + n %% 9]",
        "status_since": "r.at + '8 hours'::interval",
        "created_at": "r.at",
    },
    "touch": {
        "kind": "'call'",
        "direction": "'out'",
        "happened_at": "l.created_at + '5 hours'::interval",
        "by_id": "(%(owners)s::bigint[])[1]",
        "lead_id": "l.id",
    },
    "planned": {"lead_id": "l.id", "due_on": "%(at)s::date", "kind": "'call'"},
}


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=3)
    at = timezone.now()
    measured = []
    for rows in (*(one for one in SMALLER if one < asked.rows), asked.rows):
        with scratch_database():
            seed(rows, at)
            measured.append((rows, *measure(asked.rounds, at)))
    print_table(
        ("leads", "queries", "the page's figures (ms)", "one aggregate (ms)", "slowest list (ms)", "agenda (ms)"),
        [
            (f"{rows:,}", queries, *(f"{one * 1000:.0f}" for one in (mine, beside, listed, agreed)))
            for rows, queries, mine, beside, listed, agreed in measured
        ],
    )
    rows, _, mine, beside, *_ = measured[-1]
    also = len({queries for _, queries, *_ in measured}) == 1
    return conclude(work=f"figures of {rows:,} leads", ours=mine, limit=beside, unit="s", at_most=BUDGET, also=also)


def seed(rows: int, at: datetime) -> None:
    """Leads and what happened with them, by statements of the database alone."""
    teams = [Team.objects.create(name=f"Team {n}") for n in range(TEAMS)]
    owners = [
        User.objects.create_user(f"owner{n}@bench.example", role="sdr", team=teams[n % TEAMS]) for n in range(OWNERS)
    ]
    names: dict[str, tuple[str, Any]] = {
        "lead": ("leads", Lead),
        "touch": ("touches", Activity),
        "planned": ("planned", NextTouch),
    }
    words: dict[str, str] = {}
    for name, (plural, kind) in names.items():
        columns = empty_columns(kind) | VALUES[name]
        words[plural], words[f"{name}_values"] = ", ".join(columns), ", ".join(columns.values())
    first = at - timedelta(days=3 * 365)
    closed = ["closed_nurture"] * 3 + ["closed_do_not_contact"] * 3
    facts: dict[str, Any] = {
        "rows": rows,
        "at": at,
        "first": first,
        "step": (at - first) / (rows + 1),
        "owners": [one.pk for one in owners],
        "teams": [one.pk for one in teams],
        "statuses": ["new", "working_to_engage", "engaged", *closed],
    }
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(**words), facts)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def measure(rounds: int, at: datetime) -> tuple[int, float, float, float, float]:
    """How many queries the page's figures ask; how long they, their limit, the slowest list and the agenda take."""
    period = of_last_days(7, at)
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    with CaptureQueriesContext(connection) as queries:
        found = pipeline(period, at=at)
    assert all((found.total.over, found.total.stale, found.total.breached, found.flow[Status.ENGAGED].arrived))

    def ours() -> float:
        return seconds(lambda: pipeline(period, at=at))

    def limit() -> float:
        with connection.cursor() as cursor:
            return seconds(lambda: (cursor.execute(LIMIT), cursor.fetchall()))

    def listed(status: str, what: str) -> float:
        rows = Lead.objects.filter(counted(replace(period, status=status, what=what), at=at)).order_by("-pk")
        return seconds(lambda: list(rows[:50]))

    figures = alternate(rounds, ours=ours, limit=limit)
    lists = [listed(status=status, what=what) for status, what in LISTS]
    agreed = seconds(lambda: agenda({"owner": User.objects.order_by("-pk")[0].pk}, at=at))
    mine, beside = statistics.median(figures["ours"]), statistics.median(figures["limit"])
    return len(queries), mine, beside, max(lists), agreed


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
