"""Creating and changing one lead over the API, beside a bare INSERT and UPDATE of the same values.

`.venv/bin/python benchmarks/api_write.py [--rows 100000] [--rounds 9]`. Ours is a request over real HTTP: the key, the
checks, the change log and the commit included. The limit is the statement alone, one commit each, on an untracked copy
of the table. There is no budget for it: the figures show what a request costs.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable

from _api import Caller, make_key, served
from _measure import alternate, arguments, conclude, print_table, scratch_database, seconds, seed_leads
from django.db import connection

from leads.models import Lead

ASKED = 50
_numbers = itertools.count(1)


def main() -> bool:
    asked = arguments(__doc__ or "", rows=100_000, rounds=9)
    with scratch_database():
        seed_leads(asked.rows)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE untracked (LIKE leads_lead INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS"
                " INCLUDING INDEXES INCLUDING IDENTITY)"
            )
        key = make_key()
        with served(key) as caller:
            ids = list(Lead.objects.order_by("id").values_list("pk", flat=True)[:1000])
            figures = alternate(
                asked.rounds,
                create=lambda: seconds(lambda: repeat(lambda: create(caller))) / ASKED,
                insert=lambda: seconds(lambda: repeat(lambda: insert())) / ASKED,
                change=lambda: seconds(lambda: repeat(lambda: change(caller, ids))) / ASKED,
                update=lambda: seconds(lambda: repeat(lambda: update())) / ASKED,
            )
    medians = {name: statistics.median(all_) * 1000 for name, all_ in figures.items()}
    print_table(
        ("", "over the API (ms)", "bare statement (ms)", "ratio"),
        (
            (ours, f"{medians[ours]:.2f}", f"{medians[bare]:.2f}", f"{medians[ours] / medians[bare]:.1f}")
            for ours, bare in (("create", "insert"), ("change", "update"))
        ),
    )
    return conclude(
        work="API create of one lead, beside its INSERT", ours=medians["create"], limit=medians["insert"], unit="ms"
    )


def repeat(call: Callable[[], None]) -> None:
    """As often as is measured at once."""
    for _ in range(ASKED):
        call()


def person() -> dict[str, str]:
    """Somebody new."""
    number = next(_numbers)
    return {"first_name": "Bench", "last_name": f"Mark {number}", "email": f"bench{number}@load.example"}


def create(caller: Caller) -> None:
    """POST a lead."""
    caller.ask(
        "POST", "/api/v1/leads/", {**person(), "company": "Load Incorporated", "lead_source": "website"}, expected=201
    )


def change(caller: Caller, ids: list[int]) -> None:
    """PATCH a lead with a value it does not have."""
    number = next(_numbers)
    caller.ask("PATCH", f"/api/v1/leads/{ids[number % len(ids)]}/", {"job_title": f"Title {number}"})


def insert() -> None:
    """The same values, as one statement: the columns without a default in the database are spelled out."""
    values = {**person(), "company": "Load Incorporated", "lead_source": "website"}
    lead = Lead(**values)
    fields = [f for f in Lead._meta.concrete_fields if not f.generated and not f.primary_key and not f.has_db_default()]
    with connection.cursor() as cursor:
        listed = ", ".join(f'"{field.column}"' for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        cursor.execute(
            f"INSERT INTO untracked ({listed}) VALUES ({marks})",
            [field.get_db_prep_save(getattr(lead, field.attname), connection) for field in fields],
        )


def update() -> None:
    """One column of one row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE untracked SET title = %s, version = version + 1 WHERE id = (SELECT max(id) FROM untracked)",
            [f"Title {next(_numbers)}"],
        )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
