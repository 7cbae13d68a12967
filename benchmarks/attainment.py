"""How promises were kept, at 1,000,000 enquiries: the page's figures beside one indexed aggregate of the same weeks.

`.venv/bin/python benchmarks/attainment.py [--rows 1000000] [--rounds 5]`. Two years of enquiries by every channel, of
leads and of accounts, of forty owners in five teams: answered, late, open, voided, barred, and without a promise.
Budget: everything that the page of 4, 13 and 52 weeks shows (counts, medians and 90th percentiles, in total and by
channel, owner, team and week, and who voided) takes at most 3 times as long as the limit.

The limit is one aggregate of the same enquiries and their clocks, read by the same indexes: by channel how many there
were, were met and were breached, their median and 90th percentile. It asks nobody whose an enquiry is, and groups once.
Both work in one process of the database: how many it has to spare is the machine's business.
"""

from __future__ import annotations

import statistics
import sys
from datetime import datetime, timedelta
from typing import Any

from _measure import alternate, arguments, conclude, empty_columns, print_table, scratch_database, seconds
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from crm import handbook
from crm.clocks.models import Clock
from crm.clocks.versions import version_in_force
from crm.enquiries.attainment import attainment
from crm.enquiries.attainment_asked import Asked
from crm.enquiries.models import Enquiry
from crm.people.models import Team, User
from leads.models import Lead

BUDGET = 3.0
WEEKS = (4, 13, 52)
YEARS = 2
OWNERS, TEAMS = 40, 5
LIMIT = """
    SELECT e.channel COLLATE "C", count(*),
           count(*) FILTER (WHERE clock_verdict(limit_at, paused_at, stopped_at, c.voided_at, %(at)s) = 'met'),
           count(*) FILTER (WHERE clock_verdict(limit_at, paused_at, stopped_at, c.voided_at, %(at)s) = 'breached'),
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY worked_seconds)
    FROM enquiries_enquiry e LEFT JOIN clocks_clock c ON c.id = e.clock_id
    WHERE e.received_at >= %(since)s AND e.received_at < %(before)s GROUP BY 1
"""
# Of a hundred: three are voided, two were promised nothing, one is barred; of the others most are answered in time.
SEED = (
    "INSERT INTO accounts_account ({accounts}) SELECT {account_values} FROM generate_series(1, %(people)s) n",
    "INSERT INTO leads_lead ({leads}) SELECT {lead_values} FROM generate_series(1, %(people)s) n",
    """
    INSERT INTO clocks_clock (id, {clocks})
    SELECT n, {clock_values} FROM generate_series(1, %(rows)s) n
    CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + n * %(step)s::interval AS at) r
    CROSS JOIN LATERAL (SELECT r.at + (hashint8(n) & 262143) * '1 second'::interval AS at) s
    CROSS JOIN LATERAL (SELECT n %% 50 > 0 AND s.at < %(at)s AS yes) answered
    WHERE n %% 100 > 2
    """,
    """
    INSERT INTO enquiries_enquiry (id, {enquiries})
    SELECT n, {enquiry_values} FROM generate_series(1, %(rows)s) n
    CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + n * %(step)s::interval AS at) r
    """,
)
CHANNEL = "(%(channels)s::text[])[1 + n %% %(many)s]"
VOIDED = "CASE WHEN n %% 100 IN (3, 4, 5) THEN r.at + '1 hour'::interval END"
JUDGED = "answered.yes OR r.at + '2 days'::interval < %(at)s"
OWNER = "(%(owners)s::bigint[])[1 + n %% %(people)s %% 40]"
VALUES: dict[str, dict[str, str]] = {
    "account": {"name": "'Company ' || n", "owner_id": OWNER},
    "lead": {"last_name": "'Prospect ' || n", "email": "'p' || n || '@bench.example'", "owner_id": OWNER},
    "clock": {
        "policy": "'enquiry'",
        "handbook_id": "%(book)s",
        "channel": CHANNEL,
        "segment": "'prospect'",
        "started_at": "r.at",
        "in_hours": "true",
        "target_at": "r.at + '1 day'::interval",
        "limit_at": "r.at + '2 days'::interval",
        "stopped_at": "CASE WHEN answered.yes THEN s.at END",
        "stopped_by": "CASE WHEN answered.yes THEN 'response' ELSE '' END",
        "voided_at": VOIDED,
        "verdict_owner_id": f"CASE WHEN {JUDGED} THEN {OWNER} END",
        "verdict_team_id": f"CASE WHEN {JUDGED} THEN (%(teams)s::bigint[])[1 + n %% %(people)s %% 40 %% 5] END",
        "worked_seconds": "CASE WHEN answered.yes THEN extract(epoch FROM s.at - r.at)::int / 3 END",
    },
    "enquiry": {
        "channel": CHANNEL,
        "received_at": "r.at",
        "text": "repeat('Do you support Windows? ', 8)",
        "name": "'Prospect ' || n",
        "came_by": "'api'",
        "lead_id": "CASE WHEN n %% 3 > 0 THEN (%(lead)s + n %% %(people)s) END",
        "account_id": "CASE WHEN n %% 3 = 0 THEN (%(account)s + n %% %(people)s) END",
        "clock_id": "CASE WHEN n %% 100 > 2 THEN n END",
        "barred": "n %% 100 = 0",
        "voided_at": VOIDED,
        "voided_by_id": "CASE WHEN n %% 100 IN (3, 4, 5) THEN (%(owners)s::bigint[])[1 + n / 100 %% 40] END",
        "void_reason": "CASE WHEN n %% 100 IN (3, 4, 5) THEN 'spam' ELSE '' END",
    },
}


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=5)
    at = timezone.now()
    with scratch_database():
        seed(asked.rows, at)
        return compare(asked.rows, asked.rounds, at)


def seed(rows: int, at: datetime) -> None:
    """People, leads and accounts, and their enquiries with clocks, by statements of the database alone."""
    teams = [Team.objects.create(name=f"Team {n}") for n in range(TEAMS)]
    owners = [
        User.objects.create_user(f"owner{n}@bench.example", role="sdr", team=teams[n % TEAMS]) for n in range(OWNERS)
    ]
    names: dict[str, Any] = {"account": Account, "lead": Lead, "clock": Clock, "enquiry": Enquiry}
    plurals = {"account": "accounts", "lead": "leads", "clock": "clocks", "enquiry": "enquiries"}
    words: dict[str, str] = {}
    for name, kind in names.items():
        columns = empty_columns(kind) | VALUES[name]
        words[plurals[name]], words[f"{name}_values"] = ", ".join(columns), ", ".join(columns.values())
    channels = [key for key, _ in handbook.current().choices("enquiry.channels")]
    first = at - timedelta(days=365 * YEARS)
    facts: dict[str, Any] = {
        "rows": rows,
        "people": max(100, rows // 10),
        "at": at,
        "first": first,
        "step": (at - first) / rows,
        "channels": channels,
        "many": len(channels),
        "owners": [one.pk for one in owners],
        "teams": [one.pk for one in teams],
        "book": version_in_force().pk,
        "lead": 1,
        "account": 1,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(**words), facts)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def compare(rows: int, rounds: int, at: datetime) -> bool:
    """Measure the figures of each period beside their limit; the worst is held."""
    results = []
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    for weeks in WEEKS:
        period = Asked.weeks(weeks, at)
        bounds = {"at": at, **dict(zip(("since", "before"), period.bounds, strict=True))}
        with connection.cursor() as cursor:
            cursor.execute(LIMIT, bounds)
            counted = sum(row[1] for row in cursor.fetchall())
        assert counted > rows * weeks / (53 * YEARS) * 0.9, "the weeks are not full"

        def ours(period: Asked = period) -> float:
            return seconds(lambda: attainment(period, at=at))

        def limit(bounds: dict[str, Any] = bounds) -> float:
            with connection.cursor() as cursor:
                return seconds(lambda: (cursor.execute(LIMIT, bounds), cursor.fetchall()))

        ours(), limit()
        figures = alternate(rounds, ours=ours, limit=limit)
        results.append((weeks, counted, statistics.median(figures["ours"]), statistics.median(figures["limit"])))
    print_table(
        ("weeks", "enquiries", "the page's figures (ms)", "one aggregate (ms)", "ratio"),
        [
            (weeks, f"{counted:,}", f"{mine * 1000:.0f}", f"{beside * 1000:.0f}", f"{mine / beside:.2f}")
            for weeks, counted, mine, beside in results
        ],
    )
    weeks, _, mine, beside = max(results, key=lambda row: row[2] / row[3])
    return conclude(
        work=f"figures of {weeks} weeks at {rows:,} enquiries", ours=mine, limit=beside, unit="s", at_most=BUDGET
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
