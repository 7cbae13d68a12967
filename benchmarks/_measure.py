"""What every benchmark shares: a database of its own, leads that look like leads, timing, and the verdict.

`from _measure import ...` comes before any model is imported: it sets Django up.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from _fake import FIRST_DAY as FIRST_DAY
from _fake import fake_leads

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402

from crm.core.acting import acting  # noqa: E402
from crm.core.door import next_ids  # noqa: E402
from crm.people.models import User  # noqa: E402
from leads.models import Lead  # noqa: E402

BATCH = 20_000
Changed = Callable[[int, dict[str, Any]], dict[str, Any]]
_numbers = itertools.count(1)


def arguments(about: str, *, rows: int, rounds: int = 3) -> argparse.Namespace:
    """The command line of a benchmark: `--rows` and `--rounds`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser.parse_args()


@contextmanager
def scratch_database() -> Iterator[str]:
    """Work in a new migrated database beside the configured one; it is dropped at the end, whatever happens."""
    beside = connection.settings_dict["NAME"]
    name = f"plumb_benchmark_{os.getpid()}_{next(_numbers)}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    use_database(name)
    try:
        call_command("migrate", verbosity=0)
        yield name
    finally:
        use_database(beside)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def use_database(name: str) -> None:
    """Connect to that database from now on."""
    connection.close()
    connection.settings_dict["NAME"] = name


def database_url() -> str:
    """The database in use, for a process of its own."""
    its = connection.settings_dict
    user = quote(str(its["USER"])) + (f":{quote(str(its['PASSWORD']), safe='')}" if its["PASSWORD"] else "")
    port = f":{its['PORT']}" if its["PORT"] else ""
    return f"postgres://{user}@{quote(str(its['HOST']), safe='')}{port}/{its['NAME']}"


def seed_leads(count: int, *, owners: Sequence[User] = (), seed: int = 1, but: Changed | None = None) -> None:
    """Store that many leads by COPY, placed in their statuses, with moves and change log, as an import leaves them.

    `but` makes of each lead and its number another one.
    Indexes but the unique ones are made again afterwards, which for a million rows saves minutes.
    """
    actor = User.objects.system()
    who, rest = str(actor), ("benchmark", "", "{}")
    owner_ids: list[int | None] = [*(owner.pk for owner in owners), None]
    with connection.cursor() as cursor:
        indexes = _drop_indexes(cursor, Lead._meta.db_table)
    for start in range(0, count, BATCH):
        batch = list(fake_leads(min(BATCH, count - start), seed=seed + start, first=start + 1))
        if but is not None:
            batch = [but(number, lead) for number, lead in enumerate(batch, start + 1)]
        ids = next_ids(Lead, len(batch))
        with acting(actor=actor, via="benchmark", at=FIRST_DAY), connection.cursor() as cursor:
            cursor.execute("SELECT history_transaction()")
            (transaction,) = cursor.fetchone()
            copy_rows(
                cursor,
                "history_move (transaction_id, object, record_id, version, from_state, to_state, verb, actor_id,"
                " actor_name, at, via, reason, facts)",
                (
                    (transaction, "lead", pk, 1, "", lead["status"], "place", actor.pk, who, lead["since"], *rest)
                    for pk, lead in zip(ids, batch, strict=True)
                ),
            )
            columns, rows = lead_rows(ids, batch, owner_ids)
            copy_rows(cursor, f"leads_lead ({', '.join(columns)})", rows)
    with connection.cursor() as cursor:
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute("ANALYZE")


def lead_rows(
    ids: Iterable[int], leads: Iterable[dict[str, Any]], owner_ids: Sequence[int | None] = (None,)
) -> tuple[list[str], Iterator[list[Any]]]:
    """Columns and rows for a COPY into the leads' table: every column that is not generated."""
    blank: dict[str, Any] = {}
    for field in Lead._meta.concrete_fields:
        if not isinstance(field, models.GeneratedField):
            empty = "{}" if isinstance(field, models.JSONField) else field.get_default()
            blank[field.attname] = None if field.null else empty
    columns = list(blank)

    def rows() -> Iterator[list[Any]]:
        for pk, lead in zip(ids, leads, strict=True):
            since = lead["since"]
            times = {"created_at": since, "updated_at": since, "status_since": since}
            row = {**blank, **times, **lead, "id": pk, "owner_id": owner_ids[pk % len(owner_ids)]}
            yield [row[column] for column in columns]

    return columns, rows()


def copy_rows(cursor: Any, target: str, rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into `table (columns)`."""
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _drop_indexes(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass AND NOT i.indisunique",
        [table],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def empty_columns(kind: Any) -> dict[str, str]:
    """Every column that has to be given, with what an empty one has."""
    found: dict[str, str] = {}
    for column in kind._meta.concrete_fields:
        if column.null or column.primary_key or column.generated or column.has_db_default():
            continue
        empty = column.get_default()
        plain = "'{}'" if empty == {} else "'[]'" if empty == [] else f"'{empty if empty is not None else ''}'"
        found[column.column] = plain
    return found


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(rounds: int, **contenders: Callable[[], float]) -> dict[str, list[float]]:
    """Measure the contenders in turn, round after round, so that a busy moment of the machine hits all of them."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return figures


def print_table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as what is in them."""
    lines = [[str(cell) for cell in line] for line in (heading, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_figures(figures: dict[str, list[float]], unit: str = "s") -> None:
    """Print best, median and every round of each contender."""
    print_table(
        ("", f"best ({unit})", "median", "rounds"),
        (
            (name, f"{min(all_):.3f}", f"{statistics.median(all_):.3f}", " ".join(f"{one:.3f}" for one in all_))
            for name, all_ in figures.items()
        ),
    )


def conclude(
    *,
    work: str,
    ours: float,
    limit: float,
    unit: str,
    at_least: float = 0.0,
    at_most: float = 0.0,
    also: bool = True,
) -> bool:
    """Print the verdict as the last line, one JSON object, and return whether the budget holds.

    The ratio is ours / limit: rates are held `at_least`, times `at_most`. `also` is whether the budget's other
    conditions (memory, queries) hold.
    """
    ratio = ours / limit
    holds = ratio >= at_least and (not at_most or ratio <= at_most) and also
    verdict = {"work": work, "ours": round(ours, 4), "limit": round(limit, 4), "unit": unit}
    print(json.dumps({**verdict, "ratio": round(ratio, 3), "budget": at_least or at_most, "holds": holds}))
    return holds
