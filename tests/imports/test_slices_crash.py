"""A worker that is killed in the middle of an import loses nothing: another one goes on, and no row comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone

from crm.history.models import Change, Move
from crm.imports import runs
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job, JobSlice
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.export import NOW, lead, write
from tests.imports.test_crash import database_url, wait_for
from tests.imports.uploading import run_through, upload, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
ROWS, A_PART = (6_000, 1_000) if os.environ.get("CRM_SOAK") else (1_800, 600)
WORKER = """
import django
django.setup()
from datetime import timedelta
from django.utils import timezone
from crm.jobs.work import work_jobs
work_jobs(until=timezone.now() + timedelta(minutes=5))
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Many leads, some of which nobody could reach."""
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder, "Lead", *(lead(n, Email="" if n % 100 == 0 else f"p{n}@globex.example") for n in range(1, ROWS + 1)))
    return folder


def start_worker(media: Path) -> subprocess.Popen[bytes]:
    """A worker of its own, on the test's database and its uploads."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "DEBUG": "true", "MEDIA_ROOT": str(media)}
    environment["DJANGO_SETTINGS_MODULE"] = "crm.settings"
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=project.BASE_DIR, env=environment)


@pytest.mark.parametrize(
    "moment", [pytest.param("COPY import_staged", marks=pytest.mark.soak), "INSERT INTO leads_lead"]
)
def test_another_worker_goes_on_and_no_row_comes_twice(
    moment: str, export: Path, root: User, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    from crm.imports import looking

    monkeypatch.setattr(looking.look_at, "__kwdefaults__", {"rows_a_part": A_PART})
    run = runs.start_run(upload(export, root), actor=root, at=NOW)
    assert run.job is not None
    worker = start_worker(tmp_path / "media")
    # In a slice, but not in the first: something is stored by then.
    while not JobSlice.objects.filter(job=run.job).exclude(output=None).exists():
        assert worker.poll() is None
    wait_for(moment, 1)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    wait_for("", 0)
    done = JobSlice.objects.filter(job=run.job).exclude(output=None)
    stored = ExternalId.objects.filter(object="lead").count()
    assert 0 < stored < ROWS
    assert stored == sum(part.input["result"]["counts"]["created"] for part in done)
    # Its lease runs out.
    Job.objects.filter(pk=run.job.pk).update(leased_until=timezone.now())
    run = work(ImportRun.objects.select_related("job").get(pk=run.pk))
    assert run.stage == ImportRun.Stage.DONE
    held = ROWS // 100
    counts = run.report["files"]["Lead.csv"]
    assert (counts["read"], counts["created"], counts["rejected"]) == (ROWS, ROWS - held, held)
    assert Lead.objects.count() == ExternalId.objects.filter(object="lead").count() == ROWS - held
    assert HeldRow.objects.waiting().count() == held
    assert Change.objects.filter(object="lead", op="I").count() == ROWS - held
    assert not Move.objects.filter(object="lead").exclude(verb="place").exists()


def test_a_slice_has_a_part_of_the_rows(
    export: Path, root: User, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    run = run_through(export, root, rows=A_PART, patch=monkeypatch)
    assert run.import_job is not None
    parts = JobSlice.objects.filter(job=run.import_job, input__do="store")
    assert [part.input["rows"] for part in parts] == [A_PART] * (ROWS // A_PART)
