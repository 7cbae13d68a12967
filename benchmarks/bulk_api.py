"""Upserting leads as programs send them, beside the fastest plain way to do it.

Ours is what `POST /api/v1/leads/bulk/` does with NDJSON, in batches of ten thousand: lines are read strictly, every
field is judged as in a single request, ids are found, permissions asked, versions, history and an answer for each row
written. The limit is that of `upsert_leads`: the same rows, unjudged, by COPY and INSERT .. ON CONFLICT in one
statement into an untracked copy. Half of the rows are there already; each says something new.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from _fake import FIRST_DAY, fake_leads
from _measure import alternate, arguments, conclude, print_figures, scratch_database, seconds
from django.db import connection
from upsert_leads import PLAIN, SYSTEM, TRACKED, Plain, _empty
from upsert_leads import rows as copied

from crm.core.api.resources import followed
from crm.people.models import Team, User
from crm.sync.bulk.engine import write_rows
from crm.sync.bulk.parsing import read_lines
from crm.sync.scopes import scopes
from tests.factories import make_user

BATCH = 10_000
NAMES = {"company": "company", "title": "job_title"}


def lines(count: int, *, seed: int, owners: list[int]) -> list[bytes]:
    """Leads as a program sends them; another seed is the same leads, changed."""
    return [
        orjson.dumps(
            {
                "external_id": f"lead-{number}",
                "owner_id": owners[number % len(owners)],
                **{NAMES.get(column, column): lead[column] for column in PLAIN},
            }
        )
        for number, lead in enumerate(fake_leads(count, seed=seed), 1)
    ]


def upsert(sent: list[bytes], actor: User) -> Counter[str]:
    """Batch by batch, as requests come; how many of each outcome."""
    view, held, counts = followed()["leads"], scopes(), Counter[str]()
    for start in range(0, len(sent), BATCH):
        results = write_rows(
            view,
            list(read_lines(sent[start : start + BATCH])),
            operation="upsert",
            system=SYSTEM,
            actor=actor,
            scopes=held,
            at=FIRST_DAY,
        )
        counts.update(result.outcome for result in results)
        orjson.dumps([result.as_json() for result in results])
    return counts


def main() -> None:
    """Measure in turn, each time from the same half; the best round of each counts."""
    asked = arguments(__doc__ or "", rows=100_000)
    with scratch_database():
        team = Team.objects.create(name="North")
        owners = [make_user(f"sdr{number}", role="sdr", team=team).pk for number in range(10)]
        robot = make_user("robot", role="service", is_service=True)
        before = lines(asked.rows // 2, seed=1, owners=owners)
        sent = lines(asked.rows, seed=2, owners=owners)
        stored, batch = copied(asked.rows // 2, seed=1), copied(asked.rows, seed=2)
        with connection.cursor() as cursor:
            plain = Plain(cursor)

        def ours() -> float:
            _empty(TRACKED)
            upsert(before, robot)
            counts: Counter[str] = Counter()
            taken = seconds(lambda: counts.update(upsert(sent, robot)))
            assert counts == {"created": asked.rows - len(before), "updated": len(before)}, counts
            return taken

        def limit() -> float:
            _empty("untracked")
            plain.upsert(stored)
            return seconds(lambda: plain.upsert(batch))

        figures: dict[str, Any] = alternate(asked.rounds, ours=ours, limit=limit)
    print(f"Upsert of {asked.rows:,} leads as NDJSON in batches of {BATCH:,}, half of them new")
    print_figures(figures)
    rates = {name: asked.rows / min(taken) for name, taken in figures.items()}
    conclude(work=f"bulk upsert of {asked.rows} leads", unit="rows/s", at_least=0.4, **rates)


if __name__ == "__main__":
    main()
