"""Exporting all leads over the API as NDJSON, uncompressed, beside PostgreSQL writing the same table as JSON.

`.venv/bin/python benchmarks/export_leads.py [--rows 1000000] [--rounds 3]`. Ours is one request to gunicorn over real
HTTP, read to its last line; the limit is `COPY (SELECT row_to_json(r) FROM leads_lead r) TO '/dev/null'`, which sends
nothing anywhere. Budget: at least 0.5 of its speed, and the server's process below 200 MB.
"""

from __future__ import annotations

import json
import statistics
import sys

from _api import Caller, make_key, served
from _measure import alternate, arguments, conclude, print_figures, scratch_database, seconds, seed_leads
from django.db import connection

BUDGET, MEGABYTES = 0.5, 200
ADDRESS = "/api/v1/leads/export/"
BLOCK = 1024 * 1024
LIMIT = "COPY (SELECT row_to_json(r) FROM leads_lead r) TO '/dev/null'"


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=3)
    with scratch_database():
        seed_leads(asked.rows)
        key = make_key()
        with served(key) as caller:
            idle = peak(caller)
            figures = alternate(
                asked.rounds,
                export=lambda: seconds(lambda: export(caller, asked.rows)),
                row_to_json=lambda: seconds(write_json),
            )
            used = peak(caller)
    print_figures(figures)
    print(f"the server's process at most: {used:.0f} MB, of which before the first export: {idle:.0f} MB")
    speeds = {name: asked.rows / statistics.median(times) for name, times in figures.items()}
    return conclude(
        work=f"export of {asked.rows:,} leads as NDJSON over HTTP; {used:.0f} MB",
        ours=speeds["export"],
        limit=speeds["row_to_json"],
        unit="records/s",
        at_least=BUDGET,
        also=used < MEGABYTES,
    )


def export(caller: Caller, rows: int) -> None:
    """Read it to its end, keep nothing but that, and believe only what it says of itself."""
    # The server has closed one that nobody asked by for a while.
    caller.connection.close()
    caller.connection.request("GET", ADDRESS, headers=caller.headers)
    answer = caller.connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read()[:1000])
    end = b""
    while block := answer.read(BLOCK):
        end = (end + block)[-2000:]
    said = json.loads(end.splitlines()[-1])
    assert (said["_end"], said["count"]) == (True, rows), said


def write_json() -> None:
    """What PostgreSQL needs for the same rows, alone."""
    with connection.cursor() as cursor:
        cursor.execute(LIMIT)


def peak(caller: Caller) -> float:
    """The most that the server's process ever had in memory, in megabytes."""
    caller.connection.close()
    return int(caller.ask("GET", "/memory/")) / 1024 / 1024


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
