"""A job asked for in a web process is worked by a worker at once, and by beat's next message if that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from crm.jobs.models import Job
from crm.jobs.schedule import SCHEDULE
from crm.jobs.wake import TASK
from crm.notifications.models import Notification
from crm.people.models import User
from tests.children import run, running, wait_for
from tests.conftest import NOW
from tests.factories import make_account, make_lead

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = ("-m", "celery", "-A", "crm", "worker", "--concurrency", "1", "--include", "tests.jobs.kinds_of_tests")
START = """
import django; django.setup()
import tests.jobs.kinds_of_tests as kinds
from datetime import UTC, datetime
from accounts.models import Account
from crm.jobs.services import start_job
from crm.people.models import User
alice = User.objects.get(email="alice@example.com")
start_job(kinds.RENAME.name, title="Mark", by=alice, at=datetime.now(UTC), input={},
          slices=[{"ids": list(Account.objects.values_list("pk", flat=True))}])
"""


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    purge()
    yield
    purge()


def purge() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue('celery')")


def test_asking_wakes_a_worker_without_beat(alice: User, tmp_path: Path) -> None:
    account = make_account(name="Globex", owner=alice)
    asked = run("-c", START, DJANGO_SETTINGS_MODULE="crm.settings")
    assert asked.returncode == 0, asked.stderr
    assert "no_wake" not in asked.stdout + asked.stderr
    with running(*WORKER, log=tmp_path / "log"):
        wait_for(lambda: Job.objects.filter(state=Job.State.DONE).exists())
    account.refresh_from_db()
    assert account.name == "Globex!"
    assert Job.objects.get().asked_at > NOW


VIOLATE = """
import django; django.setup()
from datetime import UTC, datetime
from crm.activities.suppressing import suppress
from crm.people.models import User
from leads.models import Lead
from leads.working import log_touch
alice, lead, at = User.objects.get(email="alice@example.com"), Lead.objects.get(), datetime.now(UTC)
suppress(actor=alice, at=at, via="test", reason="asked_us", emails=[lead.email])
log_touch(lead, actor=alice, at=at, via="test", kind="email", outcome="sent", happened_at=at)
"""


@pytest.mark.soak
def test_an_outreach_that_should_not_have_been_made_wakes_a_worker_too(alice: User, mona: User, tmp_path: Path) -> None:
    make_lead()
    asked = run("-c", VIOLATE, DJANGO_SETTINGS_MODULE="crm.settings")
    assert asked.returncode == 0, asked.stderr
    assert "no_wake" not in asked.stdout + asked.stderr
    with running(*WORKER, log=tmp_path / "log"):
        wait_for(lambda: Notification.objects.filter(to=mona).exists())


def test_beat_sends_the_same_so_that_a_lost_message_costs_seconds() -> None:
    assert SCHEDULE["work jobs"]["task"] == TASK
    assert SCHEDULE["work jobs"]["schedule"] <= 10
