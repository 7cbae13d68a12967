"""Global search at many leads, beside itself at ten thousand: each kind of term, as the palette asks it.

`.venv/bin/python benchmarks/search.py [--rows 1000000] [--rounds 15]`. For every hundred leads there are a contact and
an account. Budget: an address, a name that twenty people have and the beginning of one at most 1.5 times as long as
among 10,000 leads, and at most 12 queries a request, the session's and the reader's among them. Words and names that
thousands of records have are shown beside it: reading the index of a hundred times as many is a part of that.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import Any

from _measure import (
    FIRST_DAY,
    alternate,
    arguments,
    conclude,
    print_table,
    scratch_database,
    seed_leads,
    use_database,
)
from _pages import answer_here, count_queries, log_in, timer
from django.db import connection
from django.test import Client

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.core.acting import acting
from crm.core.door import create
from crm.people.models import User
from leads.models import Lead

FEW = 10_000
SHARE = 100
OPPORTUNITIES = 500
MOST_QUERIES = 12
BUDGET = 1.5
PALETTE = "/admin/search/palette/"
# The name of every 250th of the first leads, however many there are.
RARE, AMONG, EVERY = {"first_name": "Ottilie", "last_name": "Quennell"}, 5000, 250


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=15)
    answer_here()
    with scratch_database() as few:
        seed(FEW)
        with scratch_database() as many:
            seed(asked.rows)
            return compare(few, many, asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Leads, a hundredth of them as contacts in as many accounts, and a few opportunities of these."""
    owner = User.objects.create_user("owner@bench.example", role="sdr")
    seed_leads(rows, owners=[owner], but=rarely)
    named = Lead.objects.order_by("pk").values_list("first_name", "last_name", "company", "email")
    people = list(named[: rows // SHARE])
    with acting(actor=owner, via="benchmark", at=FIRST_DAY):
        accounts = Account.objects.bulk_create(
            [
                Account(name=company or f"Company {n}", website=f"https://c{n}.bench.example", owner=owner)
                for n, (_, _, company, _) in enumerate(people)
            ],
            batch_size=1000,
        )
        Contact.objects.bulk_create(
            [
                Contact(first_name=name, last_name=last or f"Person {n}", email=email, account=accounts[n])
                for n, (name, last, _, email) in enumerate(people)
            ],
            batch_size=1000,
        )
        deals = [
            Opportunity(
                name=f"{account.name[:200]} 2026", account=account, stage=next(iter(Opportunity.entry_states()))
            )
            for account in accounts
        ]
        for deal in deals[:OPPORTUNITIES]:
            create(deal, actor=owner, at=FIRST_DAY, via="benchmark")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def rarely(number: int, lead: dict[str, Any]) -> dict[str, Any]:
    """Twenty leads under a name of their own: the made-up ones share a few hundred."""
    return {**lead, **RARE} if number <= AMONG and number % EVERY == 0 else lead


def terms() -> dict[str, str]:
    """What is searched: by each index once."""
    somebody = Lead.objects.exclude(email="").exclude(website="").exclude(last_name="").order_by("pk")[5000]
    return {
        "an email": somebody.email,
        "a domain": somebody.website.split("/")[2],
        "a full name": " ".join(RARE.values()),
        "the beginning of a name": somebody.last_name[:2],
        "without a hit": "zzqxv",
        "common: a full name": somebody.name,
        "common: a first name": somebody.first_name,
        "common: three letters": somebody.last_name[:3],
        "common: a word of all": "example",
    }


def compare(few: str, many: str, rows: int, rounds: int) -> bool:
    """Ask for each term in both databases in turn; the table, and the verdict on the worst that is in the budget."""
    clients = {name: log_in(name) for name in (few, many)}
    asked = {}
    for name in (few, many):
        use_database(name)
        asked[name] = terms()
    worst, table, most_queries = ("", 0.0, 1.0), [], 0
    for said in asked[many]:
        asks = {name: partial(get, term=asked[name][said]) for name in (few, many)}
        queries = count_queries(clients[many], many, asks[many])
        figures = alternate(rounds, **{name: timer(clients[name], name, asks[name]) for name in (few, many)})
        limit, ours = (statistics.median(figures[name]) for name in (few, many))
        most_queries = max(most_queries, queries)
        if not said.startswith("common") and ours / limit > worst[1] / worst[2]:
            worst = (said, ours, limit)
        table.append((said, f"{limit * 1000:.0f}", f"{ours * 1000:.0f}", f"{ours / limit:.2f}", queries))
    print_table(("", f"{FEW:,} leads (ms)", f"{rows:,} leads (ms)", "ratio", "queries"), table)
    return conclude(
        work=f"global search, {rows:,} leads, worst term: {worst[0]}; at most {most_queries} queries",
        ours=worst[1],
        limit=worst[2],
        unit="s",
        at_most=BUDGET,
        also=most_queries <= MOST_QUERIES,
    )


def get(client: Client, term: str) -> Any:
    """What the palette shows. An error page would be quick, and so would an answer without what is there."""
    response = client.get(PALETTE, {"q": term})
    assert response.status_code == 200
    assert (b'data-group="lead"' in response.content) == (term != "zzqxv"), term
    return response


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
