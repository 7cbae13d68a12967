"""A whole checkup at 1,000,000 leads, 100,000 accounts and 1,000 users, beside the rules' own SQL and the pages.

`.venv/bin/python benchmarks/checkups.py [--rows 1000000] [--accounts 100000] [--users 1000] [--rounds 2]`. Part of the
records is not as it should be, so that rules find far more than is kept. The limit is what a run cannot do without: the
time that the statements of every rule take in the database, and that the pages of every group of users take to be
rendered, measured in the same process. Budget: the run, everything stored, takes at most three times as long, and what
the process needs of memory does not grow with the records: at most 64 MB more than with a hundredth of them.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from _measure import alternate, conclude, empty_columns, print_table, scratch_database, seconds, use_database
from _pages import answer_here
from django.db import connection
from django.utils import timezone

from accounts.models import Account, Contact
from contracts.models import Contract, Invoice, Opportunity
from crm import handbook
from crm.activities.models import NextTouch
from crm.checkups.looking import look_at
from crm.checkups.models import Finding, Result, Run
from crm.checkups.presentation import look_at_group, showing, slices
from crm.checkups.presentation.rendering import show
from crm.checkups.rules import Look, all_rules
from crm.checkups.running import start_run
from crm.core.acting import acting
from crm.history.models import Move
from crm.jobs.models import JobSlice
from crm.jobs.work import work_here
from crm.people.models import Team, User
from leads.models import Lead

BUDGET, MEGABYTES, LONGEST = 3.0, 64, 30.0
SHARE = 100  # the small database has a hundredth
ROLES = ("sdr", "sdr", "sdr", "ae", "ae", "manager")
TEAMS = 30
# Every table in turn: where n comes from, and its columns. One lead in fifty is nobody's, a third stay too long.
VALUES: tuple[tuple[Any, str, dict[str, str]], ...] = (
    (
        Account,
        "generate_series(1, %(accounts)s) n",
        {
            "name": "'Company ' || n",
            "owner_id": "%(people)s[1 + n %% %(many)s]",
            "type": "CASE WHEN n %% 50 = 0 THEN 'partner' ELSE 'prospect' END",
            "linkedin_url": "CASE WHEN n %% 20 = 0 THEN 'https://www.linkedin.com/in/x' || n ELSE '' END",
            "employees": "CASE WHEN n %% 3 = 0 THEN n %% 9000 END",
        },
    ),
    (
        Contact,
        "accounts_account a CROSS JOIN LATERAL (SELECT a.id AS n) s",
        {
            "first_name": "'Cora'",
            "last_name": "'Contact ' || n",
            "email": "'c' || n || '@bench.example'",
            "owner_id": "%(people)s[1 + n %% %(many)s]",
            "account_id": "CASE WHEN n %% 30 > 0 THEN n END",
        },
    ),
    (
        Opportunity,
        "accounts_account a CROSS JOIN generate_series(0, 1) y CROSS JOIN LATERAL (SELECT a.id AS n) s",
        {
            "name": "'Company ' || n || CASE WHEN n %% 10 > 0 THEN ' 2026' ELSE '' END",
            "account_id": "n",
            "owner_id": "%(people)s[1 + n %% %(many)s]",
            "stage": "CASE WHEN y = 0 THEN 'closed_won' ELSE 'discovery' END",
            "close_on": "CURRENT_DATE - 1100 + (n %% 1300)::int",
            "currency": "'USD'",
            "amount": "1000 + n %% 5000",
        },
    ),
    (
        Contract,
        "contracts_opportunity o CROSS JOIN LATERAL (SELECT o.id AS n) s WHERE o.stage = 'closed_won'",
        {
            "name": "'Agreement ' || n",
            "account_id": "o.account_id",
            "opportunity_id": "CASE WHEN n %% 7 > 0 THEN o.id END",
            "status": "CASE WHEN n %% 3 = 0 THEN 'active' ELSE 'expired' END",
            "effective_date": "CURRENT_DATE - CASE WHEN n %% 3 = 0 THEN 100 ELSE 500 END",
            "close_date": "CURRENT_DATE - 520",
            "end_date": "CURRENT_DATE + CASE WHEN n %% 3 = 0 THEN 265 ELSE -135 END",
            "amount": "1000 + n %% 5000",
            "currency": "CASE WHEN n %% 97 = 0 THEN 'JPY' ELSE 'USD' END",
        },
    ),
    (
        Invoice,
        "contracts_contract c CROSS JOIN LATERAL (SELECT c.id AS n) s WHERE c.id %% 4 > 0",
        {
            "contract_id": "n",
            "number": "'I' || n",
            "sent_on": "c.effective_date",
            "amount": "c.amount",
            "currency": "c.currency",
        },
    ),
    (
        Lead,
        "generate_series(1, %(rows)s) n",
        {
            "first_name": "'Nia'",
            "last_name": "'Prospect ' || n",
            "company": "'Company ' || n / 10",
            "email": "'p' || n || '@bench.example'",
            "linkedin_url": "CASE WHEN n %% 40 = 0 THEN 'https://www.linkedin.com/company/x' || n ELSE '' END",
            "phone": "CASE WHEN n %% 60 = 0 THEN 'call me' ELSE '' END",
            "owner_id": "CASE WHEN n %% 50 > 0 THEN %(people)s[1 + n %% %(many)s] END",
            "status": "(ARRAY['new', 'new_enriched', 'new_mql', 'working_to_engage', 'engaged', 'closed_nurture'])"
            "[1 + n %% 6]",
            "status_since": "%(now)s::timestamptz - (n %% 90) * '1 day'::interval",
            "created_at": "%(now)s::timestamptz - (90 + n %% 300) * '1 day'::interval",
            "updated_at": "%(now)s::timestamptz - (n %% 90) * '1 day'::interval",
        },
    ),
    (
        NextTouch,
        "leads_lead l CROSS JOIN LATERAL (SELECT l.id AS n) s WHERE l.id %% 4 > 0 AND l.owner_id IS NOT NULL",
        {"lead_id": "n", "due_on": "CURRENT_DATE - 30 + (n %% 60)::int", "kind": "'call'"},
    ),
    (
        Move,
        "leads_lead l CROSS JOIN LATERAL (SELECT l.id AS n) s",
        {
            "object": "'lead'",
            "record_id": "n",
            "version": "1",
            "to_state": "l.status",
            "verb": "'place'",
            "actor_id": "%(system)s",
            "at": "l.status_since",
            "via": "'import'",
            "transaction_id": "%(transaction)s",
        },
    ),
)


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rows", 1_000_000), ("accounts", 100_000), ("users", 1000), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    answer_here()
    with scratch_database() as few:
        seed(max(100, asked.rows // SHARE), max(100, asked.accounts // SHARE), asked.users)
        with scratch_database() as many:
            seed(asked.rows, asked.accounts, asked.users)
            return compare(few, many, asked)


def seed(rows: int, accounts: int, users: int) -> None:
    """Users in teams, and everything that the rules look at, by statements of the database alone."""
    system = User.objects.system()
    teams = Team.objects.bulk_create(Team(name=f"Team {n}") for n in range(TEAMS))
    User.objects.bulk_create(
        User(
            email=f"user{n}@bench.example",
            first_name="User",
            last_name=str(n),
            role=ROLES[n % len(ROLES)],
            team=teams[n % TEAMS] if n % 5 else None,
        )
        for n in range(users)
    )
    people = list(User.objects.active_people().values_list("pk", flat=True))
    facts: dict[str, Any] = {"rows": rows, "accounts": accounts, "people": people, "many": len(people)}
    facts |= {"now": timezone.now(), "system": system.pk}
    with acting(actor=system, via="benchmark", at=timezone.now()), connection.cursor() as cursor:
        cursor.execute("SELECT history_transaction()")
        facts["transaction"] = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for kind, source, given in VALUES:
            columns = empty_columns(kind) | given
            names, values = (
                ", ".join(columns),
                ", ".join(columns.values()).replace("%(people)s[", "(%(people)s::bigint[])["),
            )
            cursor.execute(f"INSERT INTO {kind._meta.db_table} ({names}) SELECT {values} FROM {source}", facts)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def compare(few: str, many: str, asked: argparse.Namespace) -> bool:
    """The limit and whole runs in turn, after one run each, which stores what is found for the first time."""
    whole(few)
    before = peak()
    first = whole(many)
    grown = peak() - before
    figures = alternate(asked.rounds, ours=lambda: whole(many), limit=lambda: sum(limit(many).values()))
    parts = limit(many)
    ours, least = (statistics.median(figures[name]) for name in ("ours", "limit"))
    slowest = slowest_slices()
    groups = JobSlice.objects.filter(job__checkup_run=Run.objects.latest("pk"), input__has_key="group").count()
    print_table(
        ("", "seconds"),
        [
            (f"statements of {len(all_rules())} rules", f"{parts['sql']:.1f}"),
            (f"pages of {groups} groups of {asked.users:,} users", f"{parts['pages']:.1f}"),
            ("a run, everything new", f"{first:.1f}"),
            ("a run, everything known", f"{ours:.1f}"),
            *((f"  {name}", f"{taken:.1f}") for name, taken in slowest),
        ],
    )
    results = Result.objects.filter(run=Run.objects.latest("pk"))
    crashed = list(results.filter(state=Result.State.CRASHED).values_list("rule", flat=True))
    total, kept = sum(one.total for one in results), Finding.objects.open().count()
    print(f"{total:,} findings, {kept:,} of them kept; memory grew by {grown:.0f} MB from a hundredth to all")
    if crashed:
        print(f"Crashed: {', '.join(crashed)}")
    return conclude(
        work=f"checkup of {asked.rows:,} leads, {asked.accounts:,} accounts, {asked.users:,} users; "
        f"new {first / least:.2f}, memory +{grown:.0f} MB, longest rule {slowest[0][1]:.1f} s",
        ours=ours,
        limit=least,
        unit="s",
        at_most=BUDGET,
        also=grown <= MEGABYTES and first <= BUDGET * least and not crashed and slowest[0][1] <= LONGEST,
    )


def whole(name: str) -> float:
    """A whole run, to its end."""
    use_database(name)
    connection.ensure_connection()

    def run() -> None:
        begun = start_run(why=Run.Why.COMMAND, by=User.objects.system(), at=timezone.now(), woken=False)
        job = work_here(begun.job, via="command")  # type: ignore[arg-type]
        assert job.state == "done", job.message

    return seconds(run)


def limit(name: str) -> dict[str, float]:
    """What a run cannot do without: the rules' statements in the database, and the pages of every group."""
    use_database(name)
    connection.ensure_connection()
    look = Look(timezone.now(), handbook.current())
    taken = {"sql": 0.0, "pages": 0.0}

    def timed(execute: Callable[..., Any], *words: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*words)
        finally:
            taken["sql"] += time.perf_counter() - began

    with connection.execute_wrapper(timed):
        for rule in all_rules():
            if not rule.is_presentation:
                look_at(rule, look)
    with rendering(taken):
        for part in slices([rule for rule in all_rules() if rule.is_presentation]):
            look_at_group(part, look)
    return taken


@contextmanager
def rendering(taken: dict[str, float]) -> Iterator[None]:
    """Add up how long pages take to be rendered."""

    def timed(*words: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return show(*words, **named)
        finally:
            taken["pages"] += time.perf_counter() - began

    with mock.patch.object(showing, "show", timed):
        yield


def slowest_slices() -> list[tuple[str, float]]:
    """The rules that took longest in the last run; none may take longer than a slice of a job."""
    # Of those about pages each group has a slice of its own.
    stored = [rule.id for rule in all_rules() if not rule.is_presentation]
    results = Result.objects.filter(run=Run.objects.latest("pk"), rule__in=stored).order_by("-milliseconds")
    return [(one.rule, one.milliseconds / 1000) for one in results[:8]]


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
