"""Uploads for tests: a folder of files sent by the page, and its jobs worked in place."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm.imports import looking, runs
from crm.imports.models import ImportRun
from crm.jobs.work import work_here
from crm.people.models import User
from tests.imports.export import NOW


def zipped(folder: Path, *, within: str = "") -> bytes:
    """The files of a folder in a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, f"{within}{path.name}")
    return out.getvalue()


def sent(content: bytes, name: str = "export.zip") -> SimpleUploadedFile:
    """What a browser sends."""
    return SimpleUploadedFile(name, content, content_type="application/octet-stream")


def work(run: ImportRun) -> ImportRun:
    """Work the run's present job to its end."""
    assert run.job is not None
    work_here(run.job, via="task" if run.job.kind == runs.UNDO else "import", clock=lambda: NOW)
    return ImportRun.objects.select_related("job", "import_job").get(pk=run.pk)


def upload(folder: Path, root: User, *, at: datetime = NOW) -> ImportRun:
    """Upload a folder as a zip, and look through it."""
    return work(runs.upload_export([sent(zipped(folder))], ticket=uuid4(), actor=root, at=at))


def run_through(folder: Path, root: User, *, rows: int = 0, patch: pytest.MonkeyPatch | None = None) -> ImportRun:
    """Upload, and import in slices of so many rows."""
    if rows and patch:
        patch.setattr(looking.look_at, "__kwdefaults__", {"rows_a_part": rows})
    return work(runs.start_run(upload(folder, root), actor=root, at=NOW))


def files_of(run: ImportRun) -> dict[str, dict[str, int]]:
    """The counts of each file that are not zero."""
    return {name: {key: n for key, n in counts.items() if n} for name, counts in run.report["files"].items()}


def problems_of(run: ImportRun) -> list[tuple[str, int, str]]:
    """File, line and code of every problem, sorted."""
    return sorted((one["file"], one["line"], one["code"]) for one in run.report["problems"])
