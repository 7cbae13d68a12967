"""Whatever happens to workers, a message is one row and arrives at least once under one id."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from crm.jobs.schedule import SCHEDULE
from crm.notifications.delivering import LEASE, Turn, claim, deliver, settle
from crm.notifications.models import Delivery
from crm.notifications.storing import TASK
from crm.people.models import User
from tests.children import running, wait_for
from tests.notifications.messages import go, later, states, tell
from tests.notifications.servers import Mailbox
from tests.races import in_thread, outcomes

pytestmark = pytest.mark.django_db


def test_what_is_claimed_is_nobody_else_s_until_the_lease_is_over(alice: User, mailbox: Mailbox) -> None:
    tell(alice)
    assert claim(set()) is not None
    go()
    assert (states(), mailbox.got) == (["waiting"], [])
    later(LEASE)
    go()
    assert (states(), len(mailbox.got)) == (["sent"], 1)


def test_a_worker_whose_lease_is_over_does_not_note_a_failure(alice: User, mailbox: Mailbox) -> None:
    mailbox.answers["alice@example.com"] = "550 no"
    tell(alice)
    first = claim(set())
    assert first is not None
    with closing(Turn()) as turn:
        outcome = turn.send(first)
    assert outcome is not None
    # While the first one sent, its lease ended and another claimed.
    later(LEASE)
    claim(set())
    settle(first, outcome)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 2)


def test_beat_wakes_it_and_so_does_a_commit(alice: User, mailbox: Mailbox) -> None:
    assert TASK in {entry["task"] for entry in SCHEDULE.values()}
    tell(alice)
    assert any(getattr(call, "args", None) == (TASK,) for _, call, *_ in connection.run_on_commit)


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_what_waits_and_send_nothing_twice(alice: User, mailbox: Mailbox) -> None:
    for n in range(40):
        tell(alice, key=f"cause {n}")
    with ThreadPoolExecutor(2) as pool:
        found = outcomes([in_thread(pool, lambda: deliver(seconds=60)) for _ in range(2)])
    assert found == [False, False]
    assert set(states()) == {"sent"}
    assert len(mailbox.got) == 40
    assert len({mail["Message-ID"] for mail in mailbox.got}) == 40


KILLED = """
import os, signal
import django
django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
from crm.notifications import delivering
delivering.settle = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
delivering.deliver(seconds=60)
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_before_it_noted_the_success_leaves_one_row_that_is_sent_again(
    alice: User, mailbox: Mailbox, tmp_path: Path
) -> None:
    tell(alice)
    with running(
        "-c",
        KILLED,
        log=tmp_path / "log",
        DJANGO_SETTINGS_MODULE="crm.settings",
        EMAIL_URL=f"smtp://127.0.0.1:{mailbox.port}",
        DEFAULT_FROM_EMAIL="plumb@crm.example.com",
        PUBLIC_URL="https://crm.example.com",
    ) as child:
        wait_for(lambda: child.poll() is not None)
    assert child.returncode == -9, (tmp_path / "log").read_text()
    assert (states(), len(mailbox.got)) == (["waiting"], 1)
    go()
    assert len(mailbox.got) == 1, "its lease is not over"
    later(LEASE)
    go()
    assert states() == ["sent"]
    assert Delivery.objects.count() == 1
    one, other = mailbox.got
    assert one["Message-ID"] == other["Message-ID"]
