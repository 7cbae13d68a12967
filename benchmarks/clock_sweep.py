"""The sweep of 1,000 due clocks, of 10,000 and of many open ones, beside one UPDATE of the same rows.

`.venv/bin/python benchmarks/clock_sweep.py [--rows 1000000] [--rounds 9]`. Each due clock is of a lead's enquiry and
has one step to take: its event, the owner's notification, and when it is looked at next are written. Budget: at most 25
times as long as `UPDATE clocks_clock SET next_at = ...` of 1,000 rows of that table, and at most 1.2 times as long as
with 10,000 open clocks.
"""

from __future__ import annotations

import statistics
import sys
from datetime import timedelta
from typing import Any

from _measure import (
    alternate,
    arguments,
    conclude,
    empty_columns,
    print_table,
    scratch_database,
    seconds,
    use_database,
)
from django.db import connection

from crm import handbook
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.sweeping import database_now, sweep
from crm.clocks.terms import terms_of
from crm.clocks.versions import version_in_force
from crm.enquiries.models import Enquiry
from crm.notifications.models import Notification
from crm.people.models import Team, User
from leads.models import Lead

FEW, DUE, OWNERS = 10_000, 1_000, 12
BUDGET, GROWTH = 25.0, 1.2
CHANNEL, STEP = "contact_form", "warn_90"
SEED = (
    "INSERT INTO leads_lead (id, {leads}) SELECT n, {lead_values} FROM generate_series(1, %(rows)s) n",
    """
    INSERT INTO clocks_clock (id, {clocks})
    SELECT n, {clock_values} FROM generate_series(1, %(rows)s) n
    CROSS JOIN LATERAL (SELECT %(now)s::timestamptz + (n %% 30000) * '1 minute'::interval AS at) r
    """,
    """
    INSERT INTO enquiries_enquiry (id, {enquiries})
    SELECT n, {enquiry_values} FROM generate_series(1, %(rows)s) n
    CROSS JOIN LATERAL (SELECT %(now)s::timestamptz + (n %% 30000) * '1 minute'::interval AS at) r
    """,
    """
    INSERT INTO enquiries_timeleft (lead_id, limit_at, warned, held_up)
    SELECT e.lead_id, c.limit_at, false, false FROM enquiries_enquiry e JOIN clocks_clock c ON c.id = e.clock_id
    """,
)
LEAD = {
    "first_name": "'Nia'",
    "last_name": "'Prospect ' || n",
    "company": "'Company ' || n / 10",
    "email": "'p' || n || '@bench.example'",
    "owner_id": "(%(owners)s::bigint[])[1 + n %% %(many)s]",
}
CLOCK = {
    "policy": "'enquiry'",
    "handbook_id": "%(book)s",
    "channel": f"'{CHANNEL}'",
    "segment": "'prospect'",
    "started_at": "r.at",
    "target_at": "r.at + '1 day'::interval",
    "in_hours": "true",
    "limit_at": "r.at + '2 days'::interval",
    "next_at": "r.at + '1 day'::interval",
}
ENQUIRY = {
    "channel": f"'{CHANNEL}'",
    "received_at": "r.at",
    "text": "repeat('Do you support Windows? ', 8)",
    "came_by": "'api'",
    "lead_id": "n",
    "clock_id": "n",
}
# The ids from one number on become due: received so long ago that the warning at nine tenths is, and no other step.
FALL_DUE = """
    WITH due AS (
        UPDATE clocks_clock SET started_at = %(started)s, target_at = %(target)s, limit_at = %(limit)s, next_at = now()
        WHERE id >= %(first)s AND id < %(first)s + %(due)s RETURNING id
    )
    INSERT INTO clocks_clockevent (clock_id, kind, step, round, at, reason, facts)
    SELECT id, 'warned', taken.step, 0, %(target)s, '', '{}'
    FROM due CROSS JOIN unnest(%(taken)s::text[]) AS taken (step)
"""
LIMIT = "UPDATE clocks_clock SET next_at = next_at + '1 second'::interval WHERE id > %s - %s"


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=9)
    with scratch_database() as few:
        seed(FEW)
        with scratch_database() as many:
            seed(asked.rows)
            return compare(few, many, asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Open clocks, each of an enquiry of a lead of its own, of a dozen owners in a team; none is due."""
    manager = User.objects.create_user("manager@bench.example", role="manager")
    team = Team.objects.create(name="North", manager=manager)
    owners = [User.objects.create_user(f"owner{n}@bench.example", role="sdr", team=team) for n in range(OWNERS)]
    words: dict[str, str] = {}
    kinds: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
        ("leads", "lead_values", Lead, LEAD),
        ("clocks", "clock_values", Clock, CLOCK),
        ("enquiries", "enquiry_values", Enquiry, ENQUIRY),
    )
    for names, values, kind, given in kinds:
        columns = empty_columns(kind) | given
        words[names], words[values] = ", ".join(columns), ", ".join(columns.values())
    with connection.cursor() as cursor:
        facts: dict[str, Any] = {"rows": rows, "now": database_now(), "book": version_in_force().pk}
        facts |= {"owners": [one.pk for one in owners], "many": OWNERS}
        cursor.execute("SET session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(**words), facts)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def fall_due(first: int) -> None:
    """Make a thousand clocks due."""
    book = handbook.current()
    policy = book.policy_for(CHANNEL)
    started = database_now() - timedelta(days=2) * 0.91
    terms = terms_of(policy, book.calendar(policy), book.zone, started)
    times = {"started": started, "target": terms.target, "limit": terms.limit}
    taken = [step.name for step in terms.steps if step.name != STEP and step.at < terms.limit]
    with connection.cursor() as cursor:
        cursor.execute(FALL_DUE, {**times, "first": first, "due": DUE, "taken": taken})


def compare(few: str, many: str, rows: int, rounds: int) -> bool:
    """Measure both databases in turn, each time other clocks; every one has to be told of."""
    next_ids = dict.fromkeys((few, many), 1)

    def ours(name: str) -> float:
        use_database(name)
        fall_due(next_ids[name])
        next_ids[name] += DUE
        before = Notification.objects.count(), ClockEvent.objects.count()
        taken = seconds(lambda: sweep(seconds=600))
        told, events = Notification.objects.count() - before[0], ClockEvent.objects.count() - before[1]
        assert events == DUE <= told, f"{told} of {DUE} were told, {events} events written"
        return taken

    def limit(name: str, size: int) -> float:
        use_database(name)
        with connection.cursor() as cursor:
            return seconds(lambda: cursor.execute(LIMIT, [size, DUE]))

    contenders = {
        "few": lambda: ours(few),
        "many": lambda: ours(many),
        "few, one UPDATE": lambda: limit(few, FEW),
        "many, one UPDATE": lambda: limit(many, rows),
    }
    alternate(1, **contenders)
    taken = alternate(rounds, **contenders)
    figures = {name: statistics.median(all_) for name, all_ in taken.items()}
    best = {name: min(all_) for name, all_ in taken.items()}
    print_table(
        ("", f"{FEW:,} open clocks (ms)", f"{rows:,} open clocks (ms)", "ratio"),
        [
            (f"{label}, {which}", *(f"{one[name] * 1000:.0f}" for name in pair), f"{one[pair[1]] / one[pair[0]]:.2f}")
            for label, pair in (
                (f"sweep of {DUE:,} due", ("few", "many")),
                (f"UPDATE of {DUE:,} rows", ("few, one UPDATE", "many, one UPDATE")),
            )
            for which, one in (("median", figures), ("best", best))
        ],
    )
    return conclude(
        work=f"sweep of {DUE:,} due of {rows:,} open clocks; {figures['many'] / figures['few']:.2f} of that of {FEW:,}",
        ours=figures["many"],
        limit=figures["many, one UPDATE"],
        unit="s",
        at_most=BUDGET,
        also=figures["many"] <= GROWTH * figures["few"],
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
