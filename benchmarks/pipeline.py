"""The pages of the pipeline with 10,000 open opportunities beside themselves with 100; every one of them is counted.

`.venv/bin/python benchmarks/pipeline.py [--rows 10000] [--rounds 9]`. Opportunities of fifty owners in five teams, in
every open stage, that close in eighteen months; some in euros, in a currency without a rate, or without an amount; each
with the change log and the moves of a life of weeks. As many are closed. Budget: the page takes at most 2 times as long
as with 100, with at most 15 queries, and its numbers come to all of them. What changed in the last seven days, which
reads the whole history, is shown beside it, and held to the same queries.
"""

from __future__ import annotations

import re
import statistics
import sys
from typing import Any

from _measure import alternate, arguments, conclude, empty_columns, print_table, scratch_database, use_database
from _pages import answer_here, count_queries, log_in, timer
from django.db import connection
from django.test import Client

from accounts.models import Account
from contracts.models import Opportunity
from contracts.stages import stage_keys
from crm.people.models import Team, User

FEW = 100
BUDGET, MOST_QUERIES = 2.0, 15
OWNERS, TEAMS = 50, 5
PAGE, CHANGES = "/admin/reviews/pipeline/", "/admin/reviews/pipeline/changes/"
# As many again are closed; each was made weeks ago, moved on two stages and was changed three times, the last of them
# within the last days.
SEED = (
    "INSERT INTO accounts_account ({accounts}) SELECT {account_values} FROM generate_series(1, %(accounts)s) n",
    "INSERT INTO contracts_opportunity (id, {opportunities}) SELECT n, {opportunity_values}"
    " FROM generate_series(1, %(rows)s * 2) n",
    "INSERT INTO history_transaction (actor_name, via, request, reason, token)"
    " VALUES ('Benchmark', 'import', '', '', gen_random_uuid())",
    """
    INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)
    SELECT (SELECT max(id) FROM history_transaction), 'opportunity', o.id, v, CASE WHEN v = 1 THEN 'I' ELSE 'U' END,
           now() - (60 - v * 14) * '1 day'::interval - o.id %% 13 * '1 hour'::interval,
           CASE WHEN v > 1 THEN jsonb_build_object('amount', jsonb_build_array(o.amount * v, o.amount * (v + 1)),
                                                   'next_step', jsonb_build_array('Call', 'Write')) END
    FROM contracts_opportunity o CROSS JOIN generate_series(1, 4) v
    """,
    """
    INSERT INTO history_move (transaction_id, object, record_id, version, from_state, to_state, verb, actor_id,
                              actor_name, at, via, reason, facts)
    SELECT (SELECT max(id) FROM history_transaction), 'opportunity', o.id, v,
           CASE WHEN v = 1 THEN '' ELSE 'meeting_set' END, CASE WHEN v = 1 THEN 'meeting_set' ELSE o.stage END,
           CASE WHEN v = 1 THEN 'create' ELSE 'advance' END, 1, '', now() - (60 - v * 14) * '1 day'::interval,
           'admin', '', '{{}}'
    FROM contracts_opportunity o CROSS JOIN generate_series(1, 2) v
    """,
)
VALUES: dict[str, dict[str, str]] = {
    "accounts_account": {"name": "'Company ' || n"},
    "contracts_opportunity": {
        "name": "'Company ' || n || ' 2026'",
        "account_id": "1 + n %% %(accounts)s",
        "owner_id": "CASE WHEN n %% 40 > 0 THEN (%(owners)s::bigint[])[1 + n %% 50] END",
        "stage": "CASE WHEN n > %(rows)s THEN (%(closed)s::text[])[1 + n %% 2]"
        " ELSE (%(open)s::text[])[1 + n %% %(stages)s] END",
        "stage_since": "now() - n %% 60 * '1 day'::interval",
        "created_at": "now() - 60 * '1 day'::interval",
        "amount": "CASE WHEN n %% 20 > 0 THEN 1000 + n %% 9000 END",
        "currency": "CASE WHEN n %% 11 = 0 THEN 'EUR' WHEN n %% 97 = 0 THEN 'JPY' ELSE 'USD' END",
        "close_on": "CASE WHEN n %% 30 > 0 THEN CURRENT_DATE - 60 + n %% 540 END",
    },
}


def main() -> bool:
    asked = arguments(__doc__ or "", rows=10_000, rounds=9)
    answer_here()
    with scratch_database() as few:
        seed(FEW)
        with scratch_database() as many:
            seed(asked.rows)
            return compare(few, many, asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Owners, accounts and opportunities with their history, by statements of the database alone."""
    teams = [Team.objects.create(name=f"Team {n}") for n in range(TEAMS)]
    owners = [
        User.objects.create_user(f"owner{n}@bench.example", role="ae", team=teams[n % TEAMS]) for n in range(OWNERS)
    ]
    words: dict[str, str] = {}
    kinds: tuple[tuple[Any, str, str], ...] = (
        (Account, "account", "accounts"),
        (Opportunity, "opportunity", "opportunities"),
    )
    for kind, one, several in kinds:
        columns = empty_columns(kind) | VALUES[kind._meta.db_table]
        words[several], words[f"{one}_values"] = ", ".join(columns), ", ".join(columns.values())
    facts: dict[str, Any] = {
        "rows": rows,
        "accounts": max(20, rows // 5),
        "owners": [one.pk for one in owners],
        "open": stage_keys("open"),
        "stages": len(stage_keys("open")),
        "closed": [*stage_keys("won"), *stage_keys("lost")],
    }
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(**words), facts)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def compare(few: str, many: str, rows: int, rounds: int) -> bool:
    """Measure both pages at both sizes."""
    clients = {name: log_in(name) for name in (few, many)}
    counts = {few: FEW, many: rows}
    lines, held = [], True
    figures: dict[str, tuple[float, float]] = {}
    for label, ask in (("the pipeline", pipeline), ("what changed in 7 days", changes)):
        for name, client in clients.items():
            use_database(name)
            ask(client, counts[name])
        queries = count_queries(clients[many], many, lambda client, ask=ask: ask(client, rows))  # type: ignore[misc]
        times = alternate(
            rounds,
            **{
                name: timer(clients[name], name, lambda client, ask=ask, name=name: ask(client, counts[name]))  # type: ignore[misc]
                for name in (few, many)
            },
        )
        small, large = (statistics.median(times[name]) for name in (few, many))
        figures[label] = (small, large)
        held = held and queries <= MOST_QUERIES
        lines.append((label, f"{small * 1000:.0f}", f"{large * 1000:.0f}", f"{large / small:.2f}", queries))
    print_table(("", f"{FEW} open (ms)", f"{rows:,} open (ms)", "ratio", "queries"), lines)
    small, large = figures["the pipeline"]
    return conclude(
        work=f"pipeline page with {rows:,} open opportunities, beside itself with {FEW}",
        ours=large,
        limit=small,
        unit="s",
        at_most=BUDGET,
        also=held,
    )


def pipeline(client: Client, rows: int) -> None:
    """The page, whole: every table comes to all opportunities."""
    response = client.get(PAGE)
    assert response.status_code == 200
    for table in shown(response)["tables"]:
        counted = sum(int(line.count.said.replace(",", "")) for line in table.lines)
        assert counted == rows, f"{table.heading}: {counted:,} of {rows:,} are counted"


def shown(response: Any) -> dict[str, Any]:
    """What the page was made of."""
    found: dict[str, Any] = response.context_data
    return found


def changes(client: Client, rows: int) -> None:
    """What changed, whole: the closing is all that is open."""
    response = client.get(CHANGES)
    assert response.status_code == 200
    closing = shown(response)["rows"][-1]
    assert closing.count.said == f"{rows:,}", f"{closing.count.said} of {rows:,} are in the closing"
    assert re.search(rb"<svg class=\"pl-chart\"", response.content), "the chart is not there"


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
