"""CSV imports for tests: a file sent by the page's own services, and its jobs worked in place."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import uuid4

from crm.imports import runs as every_run
from crm.imports.csv import runs
from crm.imports.csv.results import result_file
from crm.imports.models import ImportRun
from crm.jobs.work import work_here
from crm.people.models import User
from tests.imports.export import NOW
from tests.imports.uploading import sent


def work(run: ImportRun) -> ImportRun:
    """Work the run's present job to its end."""
    assert run.job is not None
    work_here(run.job, via="task" if run.job.kind == every_run.UNDO else "import", clock=lambda: NOW)
    return ImportRun.objects.select_related("job", "import_job").get(pk=run.pk)


def upload(content: str | bytes, object: str, user: User, *, name: str = "list.csv", template: str = "") -> ImportRun:
    """Upload a file, and look through it."""
    body = content.encode() if isinstance(content, str) else content
    run = runs.upload_csv(sent(body, name), object=object, ticket=uuid4(), actor=user, at=NOW, template=template)
    return work(run)


def plan(run: ImportRun, user: User, **changes: Any) -> ImportRun:
    """Keep what was chosen."""
    return runs.keep_plan(run, changes, actor=user, at=NOW)


def tried(run: ImportRun, user: User) -> ImportRun:
    """Try everything."""
    return work(runs.try_csv(run, actor=user, at=NOW))


def stored(run: ImportRun, user: User) -> ImportRun:
    """Import everything."""
    return work(runs.start_csv(run, actor=user, at=NOW))


def bring(content: str | bytes, object: str, user: User, **changes: Any) -> ImportRun:
    """Upload, choose, import."""
    run = upload(content, object, user)
    assert "error" not in run.found, run.found["error"]
    return stored(plan(run, user, **changes) if changes else run, user)


def counts(run: ImportRun) -> dict[str, int]:
    """The counts that are not zero, without the rows read."""
    (found,) = (run.trial if run.import_job is None else run.report)["files"].values()
    return {name: n for name, n in found.items() if n and name != "read"}


def problems(run: ImportRun) -> list[tuple[int, str]]:
    """Line and code of every problem."""
    report = run.trial if run.import_job is None else run.report
    return [(one["line"], one["code"]) for one in report["problems"]]


def results(run: ImportRun) -> list[list[str]]:
    """The lines of the result file, without its header."""
    text = b"".join(result_file(run)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))[1:]
