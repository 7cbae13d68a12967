"""Bulk jobs in tests: opened, uploaded, started and worked as a program and a worker would."""

from __future__ import annotations

import json
from typing import Any

from crm.jobs.models import Job
from crm.jobs.work import work_here
from crm.sync.models import BulkJob
from tests.keys import Program


def answer(response: Any, status: int = 200) -> dict[str, Any]:
    """The body of an answer with this status."""
    assert response.status_code == status, response.content[:2000]
    found: dict[str, Any] = json.loads(response.content)
    return found


def opened(ask: Program, *parts: bytes, resource: str = "leads", **body: Any) -> str:
    """The address of a job with these parts."""
    job = answer(ask("POST", f"{resource}/jobs/", {"operation": "upsert", "system": "erp", **body}), 201)
    where = f"{resource}/jobs/{job['id']}/"
    for number, part in enumerate(parts, 1):
        answer(ask("PUT", f"{where}parts/{number}/", part), 201)
    return where


def worked(ask: Program, where: str) -> dict[str, Any]:
    """The job after it was started and worked by whoever works here."""
    answer(ask("POST", f"{where}start/"))
    return work(ask, where)


def work(ask: Program, where: str) -> dict[str, Any]:
    """The job after a worker did what it could."""
    bulk = BulkJob.objects.select_related("job").get(pk=where.split("/")[2])
    assert isinstance(bulk.job, Job)
    work_here(bulk.job, via="api")
    return answer(ask("GET", where))


def results(ask: Program, where: str, query: str = "") -> list[dict[str, Any]]:
    """Each row's result, after seeing that the file is whole."""
    response = ask("GET", f"{where}results/{query}")
    assert response.status_code == 200, response.content
    *rows, end = [json.loads(line) for line in response.getvalue().splitlines()]
    assert (end["_end"], end["count"]) == (True, len(rows))
    return rows


def outcomes(rows: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    """Index, outcome and code of each row."""
    return [(row["index"], row["outcome"], row["code"]) for row in rows]


def lines(*rows: Any) -> bytes:
    """Rows as NDJSON."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def lead(number: int, **fields: Any) -> dict[str, Any]:
    """A row that makes a lead."""
    return {
        "external_id": f"L{number}",
        "first_name": "Lea",
        "last_name": f"Prospect {number}",
        "email": f"l{number}@globex.example",
        "company": "Globex",
    } | fields
