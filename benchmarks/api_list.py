"""Listing 100 leads over the API, all fields, with a key, beside the same rows by psycopg and orjson for anybody.

`.venv/bin/python benchmarks/api_list.py [--rows 100000] [--rounds 9]`. Both are asked over real HTTP of one gunicorn.
Budget: at least 0.5 of the plain view's speed, at most 4 queries, and at least three times a ModelSerializer's speed.
"""

from __future__ import annotations

import statistics
import sys

from _api import Caller, make_key, served
from _measure import alternate, arguments, conclude, print_table, scratch_database, seconds, seed_leads
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

ASKED = 50
MOST_QUERIES = 4
BUDGET, TIMES_FASTER = 0.5, 3.0
OURS, PLAIN, USUAL = "/api/v1/leads/?limit=100", "/plain/", "/model-serializer/"


def main() -> bool:
    asked = arguments(__doc__ or "", rows=100_000, rounds=9)
    with scratch_database():
        seed_leads(asked.rows)
        key = make_key()
        queries = count_queries(key)
        with served(key) as caller:
            addresses = {"API": OURS, "plain view": PLAIN, "ModelSerializer": USUAL}
            sizes = {name: len(caller.ask("GET", address)) for name, address in addresses.items()}
            timers = {name: (lambda address=address: rate(caller, address)) for name, address in addresses.items()}
            figures = {name: statistics.median(rates) for name, rates in alternate(asked.rounds, **timers).items()}
    print_table(("", "requests/s", "bytes"), ((name, f"{figures[name]:.1f}", sizes[name]) for name in addresses))
    faster = figures["API"] / figures["ModelSerializer"]
    print(f"{faster:.2f} times a ModelSerializer's list; {queries} queries")
    return conclude(
        work=f"API list of 100 of {asked.rows:,} leads; {queries} queries, {faster:.2f} times a ModelSerializer",
        ours=figures["API"],
        limit=figures["plain view"],
        unit="requests/s",
        at_least=BUDGET,
        also=queries <= MOST_QUERIES and faster >= TIMES_FASTER,
    )


def rate(caller: Caller, address: str) -> float:
    """Requests a second, one after the other."""
    return ASKED / seconds(lambda: [caller.ask("GET", address) for _ in range(ASKED)])


def count_queries(key: str) -> int:
    """How many statements a warm list asks."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False
    client = Client(headers={"authorization": f"Bearer {key}"})
    assert client.get(OURS).status_code == 200
    with CaptureQueriesContext(connection) as found:
        client.get(OURS)
    return len(found)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
