"""Workers that are killed with kill -9 in the middle of a bulk job: another goes on, and no row is done twice.

The long form kills many of them, at random moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone

from crm.history.models import Change
from crm.jobs.models import Job, JobSlice
from crm.people.models import User
from crm.sync.models import BulkJob, ExternalId
from leads.models import Lead
from tests.children import environment, wait_for
from tests.keys import program
from tests.sync.bulk_jobs import answer, lead, lines, opened, results, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
LONG = bool(os.environ.get("CRM_SOAK"))
ROWS, A_SLICE, KILLS = (6_000, 120, 25) if LONG else (240, 60, 1)
WORKER = f"""
import django
django.setup()
from datetime import timedelta
from django.utils import timezone
from crm.jobs.work import work_jobs
from crm.sync.jobs import work
work.ROWS, work.BATCH = {A_SLICE}, {A_SLICE // 3}
work_jobs(until=timezone.now() + timedelta(minutes=5))
"""


def start_worker(media: Path) -> subprocess.Popen[bytes]:
    """A worker of its own, on the test's database and its files."""
    given = environment(DEBUG="true", MEDIA_ROOT=str(media), DJANGO_SETTINGS_MODULE="crm.settings")
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=project.BASE_DIR, env=given)


def kill_in_a_slice(worker: subprocess.Popen[bytes], bulk: int, wait: float) -> int:
    """`kill -9` of the worker a little after it has ended a slice; at which row the job is by then."""
    before = BulkJob.objects.get(pk=bulk).row
    wait_for(lambda: worker.poll() is not None or BulkJob.objects.get(pk=bulk).row > before, seconds=90)
    time.sleep(wait)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    return BulkJob.objects.get(pk=bulk).row


def test_another_worker_goes_on_and_no_row_is_done_twice(root: User, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    ask, chance = program(root), random.Random(ROWS)
    rows = [lead(n, email="no address") if n % 50 == 49 else lead(n if n % 40 else 0) for n in range(ROWS)]
    text = lines(*rows)
    cuts = sorted(chance.sample(range(len(text)), 3))
    where = opened(ask, *(text[one:other] for one, other in zip([0, *cuts], [*cuts, len(text)], strict=True)))
    answer(ask("POST", f"{where}start/"))
    pk, stopped = int(where.split("/")[2]), []
    for _ in range(KILLS):
        worker = start_worker(tmp_path / "media")
        at = kill_in_a_slice(worker, pk, chance.random() * 0.25)
        # What is stored is what the slices that ended say, and nothing else.
        done = JobSlice.objects.filter(job__bulk=pk).exclude(output=None)
        told = Counter[str]()
        for part in done:
            told.update({row["outcome"]: row["count"] for row in part.output or ()})
        assert ExternalId.objects.filter(object="lead").count() == Lead.objects.count() == told["created"]
        stopped.append(at)
        # Its lease runs out.
        Job.objects.filter(bulk=pk).update(leased_until=timezone.now())
    assert 0 < stopped[0] < ROWS, "it was killed before the end"
    work(ask, where)
    found = results(ask, where)
    assert [row["index"] for row in found] == list(range(ROWS))
    rejected = {n for n in range(ROWS) if n % 50 == 49 or (n % 40 == 0 and n)}
    assert {row["index"] for row in found if row["outcome"] == "rejected"} == rejected
    assert Counter(row["outcome"] for row in found) == {"created": ROWS - len(rejected), "rejected": len(rejected)}
    assert Lead.objects.count() == ROWS - len(rejected)
    assert {row["id"] for row in found if row["outcome"] == "created"} == set(Lead.objects.values_list("pk", flat=True))
    assert Change.objects.filter(object="lead", op="I").count() == ROWS - len(rejected)
    job = answer(ask("GET", where))
    assert (job["rows_done"], job["bytes_done"]) == (ROWS, len(text))
