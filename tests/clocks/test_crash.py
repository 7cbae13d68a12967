"""Real workers that are killed with kill -9 while clocks fall due: each step is taken exactly once.

The long form (`make soak`) has more clocks, more time and more kills, and workers are killed on both brokers.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now

from crm.clocks.models import ClockEvent
from crm.jobs.models import Heartbeat
from crm.notifications.models import Delivery, Notification
from crm.people.models import Team, User
from tests.children import kill_group, run, running, wait_for
from tests.clocks.falling_due import Waiting, fall_due
from tests.notifications.servers import Mailbox, Room, chat_server, mail_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
LONG = bool(os.environ.get("CRM_SOAK"))
CLOCKS, SECONDS, GROUPS = (5000, 120, 12) if LONG else (400, 3, 1)
MESSAGES, KILLS = (300, 40) if LONG else (9, 1)
BROKERS = ["pgmq", "redis"] if LONG else ["pgmq"]
WORKER = ("-m", "celery", "-A", "crm", "worker", "--concurrency", "1", "--loglevel", "WARNING")
# As beat does, only oftener: it wakes, and a broker that is away costs a message.
WAKE = """
import time
from crm.celery import app
while True:
    try:
        app.send_task("crm.clocks.tasks.sweep", retry=False, expires=5)
        app.send_task("crm.notifications.tasks.deliver", retry=False, expires=5)
    except Exception as error:
        print("not sent", type(error).__name__, flush=True)
    time.sleep(0.2)
"""
# Statements of the sweep after which a batch is not finished.
SWEEPING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_xid IS NOT NULL AND (query ILIKE '%%clocks_%%' OR query ILIKE '%%notifications_%%')
"""


@pytest.fixture
def owner(alice: User, mona: User, root: User) -> User:
    """Whose the clocks are: her team has a manager, and there is an administrator."""
    assert alice.team is not None
    Team.objects.filter(pk=alice.team.pk).update(manager=mona)
    return alice


class Redis:
    """A server of our own on a free port, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*words, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self) -> bool:
        """Whether somebody listens."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What a child needs to know to use this broker."""
    if request.param == "redis":
        yield {"CELERY_BROKER_URL": request.getfixturevalue("redis").url, "VISIBILITY_TIMEOUT": "3"}
        return
    purge()
    yield {"VISIBILITY_TIMEOUT": "3"}
    purge()


def purge() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue('celery')")


@contextmanager
def working(log: Path, **values: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker that has forked the process which does its tasks."""
    with running(*WORKER, log=log, **values) as worker:
        wait_for(lambda: pool_of(worker.pid))
        yield worker


def pool_of(master: int) -> list[int]:
    """The processes that a worker's master has forked."""
    with suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
    return []


def is_sweeping() -> bool:
    """Whether some process is inside a batch that it has written something of."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEPING)
        return bool(cursor.fetchone()[0])


def kill_while_it_sweeps(worker: subprocess.Popen[bytes], waiting: Waiting, draw: random.Random, until: float) -> int:
    """Kill the worker's process at random moments, most of them inside a batch; how many of those there were."""
    met = 0
    while time.monotonic() < until and not waiting.is_over():
        deadline = time.monotonic() + draw.uniform(0.1, 1.5)
        while not is_sweeping() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.01))
        met += is_sweeping()
        kill_pool(worker)
        time.sleep(draw.uniform(0.2, 0.6))
    return met


def kill_pool(worker: subprocess.Popen[bytes]) -> None:
    """`kill -9` of the process that does the tasks; the worker's master makes another."""
    for pid in pool_of(worker.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("broker", BROKERS, indirect=True)
def test_each_step_is_taken_once_however_often_the_worker_is_killed(
    broker: dict[str, str], owner: User, tmp_path: Path
) -> None:
    draw, log, met = random.Random(5), tmp_path / "log", 0
    with running("-c", WAKE, log=log, **broker), ExitStack() as workers:
        worker = workers.enter_context(working(log, **broker))
        wait_for(lambda: Heartbeat.objects.filter(part="sweep").exists())
        waiting = fall_due(CLOCKS, owner=owner, within=timedelta(seconds=SECONDS))
        for _ in range(GROUPS):
            met += kill_while_it_sweeps(worker, waiting, draw, time.monotonic() + SECONDS / GROUPS)
            kill_group(worker)
            # Another one takes over, as a supervisor's would.
            worker = workers.enter_context(working(log, **broker))
        wait_for(waiting.is_over, seconds=60)
    waiting.check(owner)
    assert met, "the worker was never killed inside a batch: this proves nothing"


@pytest.mark.parametrize("broker", BROKERS, indirect=True)
def test_every_message_arrives_under_one_id_however_often_the_worker_is_killed(
    broker: dict[str, str], owner: User, tmp_path: Path
) -> None:
    """At a real mail server and a real chat server; what was sent twice says so by its id."""
    draw, log = random.Random(7), tmp_path / "log"
    with mail_server() as box, chat_server() as room, running("-c", WAKE, log=log, **broker):
        values = broker | {
            "EMAIL_URL": f"smtp://127.0.0.1:{box.port}",
            "DEFAULT_FROM_EMAIL": "Plumb <plumb@crm.example.com>",
            "CHAT_WEBHOOKS": f"response_times={room.address}",
            "OUTBOUND_PRIVATE_HOSTS": "127.0.0.1",
        }
        with working(log, **values) as worker:
            wait_for(lambda: Heartbeat.objects.filter(part="sweep").exists())
            waiting = fall_due(MESSAGES, owner=owner, within=timedelta(seconds=2))
            for _ in range(KILLS):
                # Killed soon after some message has left, at no time in particular.
                wait_for(partial(more_has_left, box, room, len(box.got) + len(room.got), waiting))
                time.sleep(draw.uniform(0, 0.2))
                kill_pool(worker)
            kill_group(worker)
        # As when the leases of what was being sent are over, which takes minutes.
        Delivery.objects.filter(state="waiting").update(next_at=Now())
        with working(log, **values):
            wait_for(lambda: all_sent(waiting), seconds=60)
    waiting.check(owner)
    made = {(one.to_id, one.key): one for one in Delivery.objects.filter(medium="email")}
    assert set(made) == set(Notification.objects.values_list("to_id", "key")), "an email for each notification"
    assert len(made) == Delivery.objects.filter(medium="email").count()
    got = [(message["Message-ID"].strip("<>").split("@")[0], message["To"]) for message in box.got]
    assert set(got) == {(str(one.message_id), people_by_id()[one.to_id]) for one in made.values()}
    posts = Delivery.objects.filter(medium="chat")
    assert set(room.ids) == {str(one.message_id) for one in posts}
    assert posts.count() == posts.values("key").distinct().count() > 0


def more_has_left(box: Mailbox, room: Room, before: int, waiting: Waiting) -> bool:
    """Whether the servers got more than before, or all there is."""
    return len(box.got) + len(room.got) > before or all_sent(waiting)


def all_sent(waiting: Waiting) -> bool:
    """Whether every step is taken and every message has left."""
    return waiting.is_over() and not Delivery.objects.exclude(state="sent").exists()


def people_by_id() -> dict[int | None, str]:
    """Everybody's address."""
    return dict(User.objects.values_list("pk", "email"))


@pytest.mark.soak
def test_a_broker_that_was_down_is_caught_up_with_and_it_says_how_late_it_was(
    redis: Redis, owner: User, tmp_path: Path
) -> None:
    broker, log = {"CELERY_BROKER_URL": redis.url, "VISIBILITY_TIMEOUT": "3"}, tmp_path / "log"
    with running("-c", WAKE, log=log, **broker), working(log, **broker):
        wait_for(lambda: Heartbeat.objects.filter(part="sweep").exists())
        redis.kill()
        waiting = fall_due(60, owner=owner, within=timedelta(seconds=0.2))
        before = waiting.written()
        time.sleep(2.5)
        assert waiting.written() == before, "nobody woke the worker"
        redis.start()
        wait_for(waiting.is_over, seconds=60)
    waiting.check(owner)
    late = [event.recorded_at - event.at for event in ClockEvent.objects.filter(at__gte=waiting.first).exclude(step="")]
    assert min(late) > timedelta(seconds=1.5), "each event says how late it was written"


# Kills itself before its n-th statement, for every n (or every so many) until a batch gets through; after each kill
# all is as before.
BETWEEN = """
import os, signal, sys
import django; django.setup()
from django.db import connection
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.sweeping import sweep_batch
from crm.notifications.models import Notification

class Killer:
    def __init__(self, number):
        self.left = number
    def __call__(self, execute, sql, params, many, context):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

def seen():
    counts = (ClockEvent.objects.exclude(step="").count(), Notification.objects.count(),
              Clock.objects.filter(next_at__isnull=True).count())
    connection.close()
    return counts

start, kills = seen(), 0
for number in range(0, 200, int(sys.argv[1])):
    connection.close()
    pid = os.fork()
    if pid == 0:
        with connection.execute_wrapper(Killer(number)):
            sweep_batch()
        connection.close()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        break
    kills += 1
    assert seen() == start, ("half a batch", number, start, seen())
print("kills", kills)
"""


def test_a_kill_between_any_two_statements_leaves_all_or_nothing(owner: User) -> None:
    waiting = fall_due(6, owner=owner, within=timedelta(seconds=0.1))
    time.sleep(0.7)
    done = run("-c", BETWEEN, str(1 if LONG else 3), DJANGO_SETTINGS_MODULE="crm.settings")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= (8 if LONG else 3), done.stdout
    waiting.check(owner)
