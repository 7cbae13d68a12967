"""What became of each row, a page at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.urls import NoReverseMatch, reverse

from crm.jobs.models import Job
from crm.jobs.words import tone_of, word_of
from crm.site import site

PAGE = 50
PLACE = re.compile(r"^(\d{1,9})\.(\d{1,9})$")
# The place of a row is its slice and its place in that slice: the next page begins behind it, however deep.
ROWS = """
    SELECT s.number, r.place, r.entry
    FROM jobs_jobslice s CROSS JOIN LATERAL jsonb_array_elements(s.output) WITH ORDINALITY AS r (entry, place)
    WHERE s.job_id = %s AND s.output IS NOT NULL AND s.number >= %s AND (s.number, r.place) > (%s, %s)
      AND (%s = '' OR r.entry ->> 'outcome' = %s)
    ORDER BY s.number, r.place LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One row: what it is about, where its page is, what became of it and why."""

    label: str
    url: str
    word: str
    tone: str
    message: str


@dataclass(frozen=True, slots=True)
class Results:
    """A page of rows; `after` is where the next begins, empty on the last."""

    rows: list[Result]
    outcome: str
    after: str
    first: bool


def read_results(job: Job, asked: Mapping[str, str]) -> Results:
    """The page that the address asks for (`after`, `outcome`); a place that is none is the first."""
    given = PLACE.match(asked.get("after", ""))
    number, place = (int(given[1]), int(given[2])) if given else (0, 0)
    outcome = asked.get("outcome", "")[:50]
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [job.pk, number, number, place, outcome, outcome, PAGE + 1])
        found = [(row[0], row[1], _loaded(row[2])) for row in cursor.fetchall()]
    rows = [result_of(entry, str(job.input.get("object", ""))) for _, _, entry in found[:PAGE]]
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Results(rows, outcome, f"{last[0]}.{last[1]}" if last else "", given is None)


def _loaded(entry: object) -> dict[str, object]:
    loaded = json.loads(entry) if isinstance(entry, str) else entry
    return loaded if isinstance(loaded, dict) else {}


def result_of(entry: Mapping[str, object], kind: str) -> Result:
    """One row of a slice's output as the page shows it."""
    outcome = str(entry.get("outcome", ""))
    number = entry.get("count")
    label = str(entry.get("label") or entry.get("id") or "")
    if number is not None and number != 1:
        label = f"{number:,} rows" if isinstance(number, int) else label
    url = "" if outcome in ("deleted", "gone") else address_of(str(entry.get("object") or kind), entry.get("id"))
    return Result(label, url, word_of(outcome), tone_of(outcome), str(entry.get("message", "")))


def address_of(kind: str, pk: object) -> str:
    """Where a record's page is, by the name its kind has in the change log; nothing for what has no page."""
    name = pages().get(kind)
    if name is None or not isinstance(pk, int):
        return ""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


@cache
def pages() -> dict[str, str]:
    """The name of the page of each kind of record that has one."""
    return {
        str(kind._meta.model_name): f"admin:{kind._meta.app_label}_{kind._meta.model_name}_change"
        for kind in site._registry
    }
