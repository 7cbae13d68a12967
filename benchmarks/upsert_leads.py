"""Upserting leads by the id they have in another system, with history, beside the fastest plain way to do it.

Ours is `crm.sync.store.upsert`: ids found or drawn, versions, change log, moves, an answer for each row. The limit
is COPY into a staging table and INSERT .. ON CONFLICT DO UPDATE into a copy of the table with the same columns, checks
and indexes and the external id unique in it, without triggers. Half of the rows are there already; each says
something new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from _fake import FIRST_DAY, fake_leads
from _measure import alternate, arguments, conclude, copy_rows, print_figures, scratch_database, seconds
from django.db import connection, models, transaction

from crm.core.acting import acting
from crm.core.phones import e164
from crm.people.models import User
from crm.sync.store import upsert
from leads.models import Lead

SYSTEM = "benchmark"
TRACKED = "leads_lead, history_move, history_change, history_transaction, sync_externalid"
PLAIN = """first_name last_name company title email phone mobile linkedin_url website industry employees
    street city state postal_code country lead_source rating description""".split()
COLUMNS = [*PLAIN, "phone_key", "mobile_key", "status", "status_since"]


def rows(count: int, *, seed: int) -> list[list[Any]]:
    """Leads with their external ids; another seed is the same leads, changed."""
    return [
        [
            f"lead-{number}",
            *(lead[column] for column in PLAIN),
            *(e164(lead[name]) for name in ("phone", "mobile")),
            lead["status"],
            lead["since"],
        ]
        for number, lead in enumerate(fake_leads(count, seed=seed), 1)
    ]


class Plain:
    """The untracked copy."""

    def __init__(self, cursor: Any) -> None:
        cursor.execute("CREATE TABLE untracked (LIKE leads_lead INCLUDING ALL, external_id text UNIQUE)")
        cursor.execute("ALTER TABLE untracked ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now()")
        given = {"id", "created_at", "updated_at", *COLUMNS}
        for field in Lead._meta.concrete_fields:
            if field.column in given or field.null or isinstance(field, models.GeneratedField):
                continue
            default = field.get_db_prep_save(field.get_default(), connection)
            cursor.execute(f'ALTER TABLE untracked ALTER "{field.column}" SET DEFAULT %s', [default])
        types = {f.column: f.cast_db_type(connection) for f in Lead._meta.concrete_fields}
        self.types = ", ".join(f'"{column}" {types[column]}' for column in COLUMNS)
        self.columns = ", ".join(f'"{column}"' for column in COLUMNS)

    def upsert(self, batch: list[list[Any]]) -> None:
        """COPY, then one statement; which of them were there is answered too, as it costs nothing here."""
        sets = ", ".join(f'"{column}" = excluded."{column}"' for column in COLUMNS)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE staged (external_id text, {self.types}) ON COMMIT DROP")
            copy_rows(cursor, f"staged (external_id, {self.columns})", batch)
            cursor.execute(
                f"INSERT INTO untracked (external_id, {self.columns}) SELECT external_id, {self.columns} FROM staged"
                f" ON CONFLICT (external_id) DO UPDATE SET {sets} RETURNING id, (xmax = 0)"
            )
            assert len(cursor.fetchall()) == len(batch)


def main() -> None:
    """Measure in turn, each time from the same half; the best round of each counts."""
    asked = arguments(__doc__ or "", rows=100_000)
    stored, batch = rows(asked.rows // 2, seed=1), rows(asked.rows, seed=2)
    with scratch_database():
        with connection.cursor() as cursor:
            plain = Plain(cursor)

        def ours() -> float:
            _empty(TRACKED)
            _ours(stored)
            answers: list[str] = []
            taken = seconds(lambda: answers.extend(_ours(batch)))
            assert answers.count("created") == asked.rows - len(stored), "the answers are wrong"
            assert answers.count("updated") == len(stored), "the answers are wrong"
            return taken

        def limit() -> float:
            _empty("untracked")
            plain.upsert(stored)
            return seconds(lambda: plain.upsert(batch))

        figures = alternate(asked.rounds, ours=ours, limit=limit)
    print(f"Upsert of {asked.rows:,} leads by external id, half of them new")
    print_figures(figures)
    rates = {name: asked.rows / min(taken) for name, taken in figures.items()}
    conclude(work=f"upsert {asked.rows} leads by external id", unit="rows/s", at_least=0.4, **rates)


def _ours(batch: list[list[Any]]) -> Iterator[str]:
    with acting(actor=User.objects.system(), via="benchmark", at=FIRST_DAY):
        answers = upsert(Lead, system=SYSTEM, columns=COLUMNS, rows=batch)
    return (answer.outcome for answer in answers)


def _empty(tables: str) -> None:
    """From the same start each time: no rows, and the planner knows it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('crm.upkeep', 'on', false)")
        cursor.execute(f"TRUNCATE {tables} CASCADE")
        cursor.execute(f"ANALYZE {tables}")


if __name__ == "__main__":
    main()
