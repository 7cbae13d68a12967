"""The list of accounts with figures at 100,000 accounts, and what the figures of one page cost beside their own SQL.

`.venv/bin/python benchmarks/account_list.py [--rows 100000] [--rounds 15]`. Three contracts and two invoices for each
account. Budget: the figures of a page's fifty accounts, as its columns ask for them, take at most 1.5 times as long as
their one statement (their types, another statement, are shown beside it); and the default view (Customers, filtered by
the type that contracts say) at most 1.3 times as long as with a hundredth of the accounts, with at most 15 queries.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
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
from _pages import answer_here, count_queries, log_in, timer
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from contracts.figures import KEPT, figures_of
from contracts.models import Contract, Invoice, Opportunity
from contracts.standing import is_type, types_of
from crm.workspace.fields import find

PAGE = 50
MOST_QUERIES = 15
BUDGET, GROWTH = 1.5, 1.3
LIST = "/admin/accounts/account/"
FIGURES = """invoice_sent payment_received subscription_end total_opportunities deals_won first_close
    cumulative_revenue contracted_hosts""".split()
# Rows as years of business leave them: of three contracts one runs for a third of the accounts, some are in euros or in
# a currency without a rate, some were terminated. History is not part of the question, and left out.
SEED = (
    """
    INSERT INTO accounts_account ({accounts}) SELECT {account_values} FROM generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO contracts_contract ({contracts})
    SELECT {contract_values} FROM accounts_account a CROSS JOIN generate_series(0, 2) y
    CROSS JOIN LATERAL (SELECT CASE WHEN y = 2 AND a.id %% 3 = 0 THEN 'active' WHEN y = 1 AND a.id %% 17 = 0
                               THEN 'terminated' ELSE 'expired' END AS status,
                               CURRENT_DATE - 1100 + (a.id %% 300)::int + y * 365
                               - CASE WHEN a.id %% 3 = 0 THEN 0 ELSE 366 END AS starts) d
    """,
    """
    INSERT INTO contracts_invoice ({invoices})
    SELECT {invoice_values} FROM contracts_contract c WHERE c.id %% 3 < 2
    """,
    """
    INSERT INTO contracts_opportunity ({opportunities})
    SELECT {opportunity_values} FROM accounts_account a CROSS JOIN generate_series(0, 1) y
    """,
)
VALUES: dict[str, dict[str, str]] = {
    "accounts_account": {"name": "'Company ' || n", "type": "CASE WHEN n %% 50 = 0 THEN 'partner' ELSE 'prospect' END"},
    "contracts_contract": {
        "name": "'Agreement ' || a.id || '/' || y",
        "account_id": "a.id",
        "status": "d.status",
        "effective_date": "d.starts",
        "close_date": "d.starts - 10",
        "end_date": "d.starts + 364",
        "terminated_on": "CASE WHEN d.status = 'terminated' THEN d.starts + 100 END",
        "amount": "1000 + a.id %% 5000",
        "currency": "CASE WHEN a.id %% 11 = 0 THEN 'EUR' WHEN a.id %% 97 = 0 THEN 'JPY' ELSE 'USD' END",
        "hosts": "100 + a.id %% 900",
    },
    "contracts_invoice": {
        "contract_id": "c.id",
        "number": "'I' || c.id",
        "sent_on": "c.effective_date",
        "paid_on": "c.effective_date + 30",
        "amount": "c.amount",
        "currency": "c.currency",
    },
    "contracts_opportunity": {
        "name": "'Company ' || a.id || ' 2026'",
        "account_id": "a.id",
        "stage": "CASE WHEN y = 0 THEN 'closed_won' ELSE 'discovery' END",
        "close_on": "CURRENT_DATE - 1100 + (a.id %% 300)::int",
        "currency": "'USD'",
    },
}


def main() -> bool:
    asked = arguments(__doc__ or "", rows=100_000, rounds=15)
    answer_here()
    with scratch_database() as few:
        seed(max(1000, asked.rows // 100))
        with scratch_database() as many:
            seed(asked.rows)
            return compare(few, many, asked.rows, asked.rounds)


def seed(rows: int) -> None:
    """Accounts, contracts, invoices and opportunities, by statements of the database alone."""
    names: dict[str, Any] = {one._meta.db_table: one for one in (Account, Contract, Invoice, Opportunity)}
    words: dict[str, str] = {}
    for table, one, many in (
        ("accounts_account", "account", "accounts"),
        ("contracts_contract", "contract", "contracts"),
        ("contracts_invoice", "invoice", "invoices"),
        ("contracts_opportunity", "opportunity", "opportunities"),
    ):
        columns = empty_columns(names[table]) | VALUES[table]
        words[many], words[f"{one}_values"] = ", ".join(columns), ", ".join(columns.values())
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in SEED:
            cursor.execute(statement.format(**words), {"rows": rows})
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def compare(few: str, many: str, rows: int, rounds: int) -> bool:
    """Measure the page's figures beside their SQL, then the list beside the small one."""
    clients = {name: log_in(name) for name in (few, many)}
    use_database(many)
    now = timezone.now()
    page = list(Account.objects.filter(is_type(["customer"], now)).order_by("-pk")[:PAGE])
    ids = [account.pk for account in page]
    assert len(ids) == PAGE

    def columns() -> None:
        for account in page:
            account.__dict__.pop(KEPT, None)
        for name in FIGURES:
            field = find(Account, name)
            assert field is not None
            assert field.values is not None
            assert len(field.values(page, now)) == PAGE

    warm = (columns, lambda: figures_of(ids, now))
    types = timed(lambda: types_of(ids, now))
    figures = alternate(rounds * 3, columns=timed(warm[0]), sql=timed(warm[1]), types=types)
    cost, limit, typing = (statistics.median(figures[name]) for name in ("columns", "sql", "types"))
    queries = count_queries(clients[many], many, get)
    pages = alternate(rounds, **{name: timer(clients[name], name, get) for name in (few, many)})
    small, large = (statistics.median(pages[name]) for name in (few, many))
    print_table(
        ("", "ms", "beside it (ms)", "ratio"),
        [
            ("figures of a page, beside their SQL", f"{cost * 1000:.1f}", f"{limit * 1000:.1f}",
             f"{cost / limit:.2f}"),
            ("types of a page, beside it", f"{typing * 1000:.1f}", f"{limit * 1000:.1f}", f"{typing / limit:.2f}"),
            (f"Customers, first page, {rows:,} accounts, {queries} queries", f"{large * 1000:.0f}",
             f"{small * 1000:.0f}", f"{large / small:.2f}"),
        ],
    )  # fmt: skip
    return conclude(
        work=f"figures of a page of accounts at {rows:,} accounts; list {large / small:.2f} times the small one",
        ours=cost,
        limit=limit,
        unit="s",
        at_most=BUDGET,
        also=large / small <= GROWTH and queries <= MOST_QUERIES,
    )


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Measures one warm call."""

    def measure() -> float:
        call()
        return seconds(call)

    return measure


def get(client: Client) -> Any:
    """The page, whole; an empty list would be quick."""
    response = client.get(LIST)
    assert response.status_code == 200
    assert response.content.count(b'name="_selected_action"') == PAGE, "the list is not full"
    return response


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
