"""The admin's list of leads at many rows, beside itself at ten thousand: first page, filtered and deep pages, searches.

`.venv/bin/python benchmarks/admin_list.py [--rows 1000000] [--rounds 15]`. Budget: at most 1.3 times as long as the
same page of 10,000 leads, and at most 15 queries a page. Searches are shown beside it: they answer in tens of
milliseconds, and reading the index of a hundred times as many words is a part of that. So is a filter with which one
page of a small list is nearly all there is.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import Any
from urllib.parse import urlencode

from _measure import (
    FIRST_DAY,
    alternate,
    arguments,
    conclude,
    copy_rows,
    print_table,
    scratch_database,
    seed_leads,
    use_database,
)
from _pages import answer_here, count_queries, log_in, timer
from django.db import connection
from django.test import Client

from crm.activities.models import Activity, NextTouch
from crm.core.acting import acting
from crm.people.models import User
from leads.models import Lead

FEW = 10_000
MOST_QUERIES = 15
BUDGET = 1.3
OWNERS = 12
LIST = "/admin/leads/lead/"
NOBODY = "zzqxv"


def main() -> bool:
    asked = arguments(__doc__ or "", rows=1_000_000, rounds=15)
    answer_here()
    with scratch_database() as few:
        seed(FEW)
        with scratch_database() as many:
            seed(asked.rows)
            return compare(few, many, asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Leads of a dozen owners, every fourth with a touch, every tenth with a next one."""
    owners = [User.objects.create_user(f"owner{n}@bench.example", role="sdr") for n in range(OWNERS)]
    seed_leads(rows, owners=owners)
    with acting(actor=owners[0], via="benchmark", at=FIRST_DAY), connection.cursor() as cursor:
        cursor.execute("SELECT min(id) FROM leads_lead")
        first = cursor.fetchone()[0]
        copy_rows(
            cursor,
            f"{Activity._meta.db_table} (version, created_at, updated_at, kind, direction, outcome, happened_at, text,"
            " title, notes_url, kept, by_id, lead_id)",
            (
                (1, FIRST_DAY, FIRST_DAY, "call", "out", "voicemail", FIRST_DAY, "", "", "", "{}", owners[0].pk, pk)
                for pk in range(first, first + rows, 4)
            ),
        )
        copy_rows(
            cursor,
            f"{NextTouch._meta.db_table} (version, created_at, updated_at, due_on, kind, text, lead_id)",
            ((1, FIRST_DAY, FIRST_DAY, FIRST_DAY.date(), "email", "", pk) for pk in range(first, first + rows, 10)),
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def pages() -> dict[str, str]:
    """The measured pages: all, one owner's in one status, all in two statuses, a deep one, and each kind of search."""
    owner = User.objects.get(email="owner3@bench.example").pk
    somebody = Lead.objects.exclude(email="").exclude(website="").order_by("pk")[5000]
    domain = somebody.website.split("/")[2]
    return {
        "first page": LIST,
        "status and owner": f"{LIST}?{urlencode({'status': 'working_to_engage', 'owner': owner})}",
        "two statuses": f"{LIST}?{urlencode({'status': ['engaged', 'working_to_convert']}, doseq=True)}",
        "deepest page": f"{LIST}?{urlencode({'p': 200})}",
        "search an address": f"{LIST}?{urlencode({'q': somebody.email})}",
        "search a domain": f"{LIST}?{urlencode({'q': domain})}",
        "search a company": f"{LIST}?{urlencode({'q': domain.removesuffix('.example')})}",
        "search a name": f"{LIST}?{urlencode({'q': somebody.name})}",
        "search one letter": f"{LIST}?{urlencode({'q': 'm'})}",
        "search two letters": f"{LIST}?{urlencode({'q': somebody.last_name[:2]})}",
        "search two rare letters": f"{LIST}?{urlencode({'q': 'qu'})}",
        "search three letters": f"{LIST}?{urlencode({'q': 'son'})}",
        "search three rare letters": f"{LIST}?{urlencode({'q': somebody.email[:3]})}",
        "search a word of all": f"{LIST}?{urlencode({'q': 'example'})}",
        "search in a status": f"{LIST}?{urlencode({'q': somebody.last_name, 'status': somebody.status})}",
        "search without a hit": f"{LIST}?{urlencode({'q': NOBODY})}",
    }


def compare(few: str, many: str, rows: int, rounds: int) -> bool:
    """Ask for each page in both databases in turn; print the table and the verdict on the worst page."""
    clients = {name: log_in(name) for name in (few, many)}
    worst, table, most_queries = ("", 0.0, 1.0), [], 0
    addresses = {}
    for name in (few, many):
        use_database(name)
        addresses[name] = pages()
    for page in addresses[many]:
        asks = {name: partial(get, address=addresses[name][page]) for name in (few, many)}
        queries = count_queries(clients[many], many, asks[many])
        figures = alternate(rounds, **{name: timer(clients[name], name, asks[name]) for name in (few, many)})
        limit, ours = (statistics.median(figures[name]) for name in (few, many))
        most_queries = max(most_queries, queries)
        if not page.startswith("search") and ours / limit > worst[1] / worst[2]:
            worst = (page, ours, limit)
        table.append((page, f"{limit * 1000:.0f}", f"{ours * 1000:.0f}", f"{ours / limit:.2f}", queries))
    print_table(("", f"{FEW:,} leads (ms)", f"{rows:,} leads (ms)", "ratio", "queries"), table)
    return conclude(
        work=f"admin lead list, {rows:,} leads, worst page: {worst[0]}; at most {most_queries} queries",
        ours=worst[1],
        limit=worst[2],
        unit="s",
        at_most=BUDGET,
        also=most_queries <= MOST_QUERIES,
    )


def get(client: Client, address: str) -> Any:
    """A page, whole. An error page would be quick, and so would an empty list where rows are wanted."""
    response = client.get(address)
    content = response.content
    assert response.status_code == 200
    rows = content.count(b'name="_selected_action"')
    assert rows >= 1 or "q=" in address, "the list is empty"
    return response


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
