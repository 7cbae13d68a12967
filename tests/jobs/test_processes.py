"""Worker and beat as they really run: on the embedded broker, in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from crm.history.models import Transaction
from crm.jobs.heartbeats import PATIENCE, judge
from crm.jobs.models import Heartbeat
from tests.children import kill_group, run, running, wait_for
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = ("-m", "celery", "-A", "crm", "worker", "--concurrency", "1", "--include", "tests.jobs.slow_tasks")
BEAT = ("-m", "celery", "-A", "crm", "beat", "--pidfile=")
SLOW = "from crm.celery import app; app.send_task('tests.jobs.slow_tasks.hang_once')"


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    purge()
    yield
    purge()


def purge() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue('celery')")


def seen(part: str) -> bool:
    return Heartbeat.objects.filter(part=part).exists()


def test_beat_sends_and_a_worker_runs(tmp_path: Path) -> None:
    make_account()
    schedule = str(tmp_path / "made" / "schedule")
    with running(*BEAT, log=tmp_path / "log", BEAT_SCHEDULE_FILE=schedule):
        wait_for(lambda: seen("beat"))
        before = judge(at=timezone.now())
        assert before == {"beat": "ok", "worker": "never seen"}, "beat alone is told from a worker"
        with running(*WORKER, log=tmp_path / "log"):
            wait_for(lambda: seen("worker"))
            wait_for(lambda: not Transaction.objects.filter(pos=None).exists())
    assert judge(at=timezone.now()) == {"beat": "ok", "worker": "ok"}
    assert "never seen" not in judge(at=timezone.now() + 2 * PATIENCE).values()
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text, text


@pytest.mark.crash
def test_it_runs_the_task_of_a_killed_worker_again(tmp_path: Path) -> None:
    sent = run("-c", SLOW)
    assert sent.returncode == 0, sent.stderr
    with running(*WORKER, log=tmp_path / "log", VISIBILITY_TIMEOUT="3") as killed:
        wait_for(lambda: seen("first run"))
        kill_group(killed)
    assert not seen("second run")
    with running(*WORKER, log=tmp_path / "log", VISIBILITY_TIMEOUT="3"):
        wait_for(lambda: seen("second run"))
        wait_for(queue_is_empty, seconds=10)


def queue_is_empty() -> bool:
    """Acknowledged: nobody will run it a third time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue_length FROM pgmq.metrics('celery')")
        return bool(cursor.fetchone()[0] == 0)
