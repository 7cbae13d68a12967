"""The embedded server, from either source, in whatever state it is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from crm.local import binaries, postgres, server
from crm.local.alive import is_alive
from crm.local.owner import Owner
from crm.local.postgres import Cluster, PostgresError
from tests.local.conftest import Made, Start

ROOT = Path(__file__).resolve().parent.parent.parent
# What takes several starts is tried with the programs of each source in the long form, and of one otherwise.
OF_EACH = binaries.SOURCES if os.environ.get("CRM_SOAK") else binaries.SOURCES[:1]


def query(cluster: Cluster, statement: str) -> object:
    with psycopg.connect(host=cluster.host, port=cluster.port, user=cluster.user, dbname="plumb") as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def kill(cluster: Cluster) -> int:
    """kill -9 of the server: the pid file stays, its children go a moment later."""
    pid = server.running_pid(cluster.place)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (cluster.data / "postmaster.pid").exists()
    return pid


def test_it_starts_from_nothing_and_is_found_running_afterwards(start: Start, source: str) -> None:
    first = start(source=source)
    first.create_database("plumb")
    again = start()
    assert (first.started, again.started) == (True, False)
    assert first.source == again.source == source
    assert query(again, "SELECT current_user, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1") == (
        "plumb",
        "UTF8",
    )


@pytest.mark.soak
def test_it_knows_capitals_beyond_ascii_where_the_system_lacks_the_locale(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = server.locales(18)
    monkeypatch.setattr(server, "locales", lambda major: [["--locale=xx_XX.UTF-8"], *known[1:]])
    cluster = start(source="wheel")
    cluster.create_database("plumb")
    assert query(cluster, "SELECT lower('ÜBER')") == ("über",)


@pytest.mark.crash
@pytest.mark.parametrize("source", OF_EACH, indirect=True)
def test_it_keeps_what_was_written_when_it_is_stopped_and_through_kill_9(start: Start, made: Made, source: str) -> None:
    made(source)
    cluster = start(source=source, durable=True)
    cluster.create_database("plumb")
    query(cluster, "CREATE TABLE kept AS SELECT 7 AS n")
    assert cluster.stop()
    assert not cluster.stop()
    again = start(durable=True)
    assert again.started
    assert query(again, "SELECT n, current_setting('fsync') FROM kept") == (7, "on")
    query(again, "INSERT INTO kept VALUES (8)")
    kill(again)
    again = start(durable=True)
    assert again.started
    assert query(again, "SELECT sum(n) FROM kept") == (15,)


@pytest.mark.soak
@pytest.mark.parametrize("source", OF_EACH, indirect=True)
def test_it_comes_back_when_the_dead_servers_number_belongs_to_another_process(
    start: Start, made: Made, source: str, owner: Owner
) -> None:
    made(source)
    cluster = start(source=source)
    pid = kill(cluster)
    # In the server's own account, where PostgreSQL cannot tell such a process from a server.
    account = {"user": owner.uid, "group": owner.gid, "extra_groups": []} if owner.drops else {}
    other = subprocess.Popen(["sleep", "60"], **account)  # type: ignore[call-overload]
    try:
        leftover = cluster.data / "postmaster.pid"
        leftover.write_text(leftover.read_text().replace(str(pid), str(other.pid), 1))
        assert start().started
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.soak
@pytest.mark.parametrize("source", OF_EACH, indirect=True)
def test_it_makes_a_new_cluster_beside_a_half_finished_one(project: Path, start: Start, source: str) -> None:
    code = (
        "import sys; from pathlib import Path; from crm.local.postgres import ensure\n"
        "ensure(Path(sys.argv[1]), source=sys.argv[2])"
    )
    starting = subprocess.Popen([sys.executable, "-c", code, str(project), source], cwd=ROOT)
    home = project / ".data" / "postgres"
    deadline = time.monotonic() + 20
    while not list(home.glob("data.new-*/base")) and time.monotonic() < deadline:
        time.sleep(0.002)
    starting.kill()
    starting.wait()
    assert list(home.glob("data.new-*")), "it was killed too late to leave half a cluster"
    assert not (home / "data").exists()
    assert start(source=source).started
    assert not list(home.glob("data.new-*"))


@pytest.mark.soak
@pytest.mark.parametrize("source", OF_EACH, indirect=True)
def test_two_that_start_it_at_once_get_the_same_server(project: Path, source: str) -> None:
    code = (
        "import sys; from pathlib import Path; from crm.local.postgres import ensure\n"
        "sys.stdin.readline(); c = ensure(Path(sys.argv[1]), source=sys.argv[2], durable=False)\n"
        "c.create_database('plumb'); print(c.started, c.host)"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(project), source],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0].split() for racer in racers]
    assert sorted(started for started, _ in answers) == ["False", "False", "False", "True"]
    assert len({host for _, host in answers}) == 1


@pytest.mark.soak
def test_it_opens_an_older_cluster_with_the_version_that_made_it(start: Start, made: Made) -> None:
    """Found through the other source, even when the newer one is forced."""
    version = server.version_of(made("system"))
    again = start(source="wheel")
    assert again.started
    assert again.source == ("system" if version != 18 else "wheel")


@pytest.mark.soak
def test_it_says_what_to_do_about_a_version_that_is_not_here(start: Start, made: Made) -> None:
    cluster = made()
    (cluster.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 14, which is not on this machine: install"):
        start()


def test_it_leaves_an_incomplete_database_alone_and_says_so(start: Start, made: Made) -> None:
    cluster = made()
    (cluster.data / "global" / "pg_control").rename(cluster.data / "global" / "elsewhere")
    with pytest.raises(PostgresError, match="not a complete database"):
        start()
    assert (cluster.data / "base").is_dir()


def test_it_gives_the_logs_reason_when_it_does_not_start(start: Start, made: Made) -> None:
    cluster = made()
    with (cluster.data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = on\n")
    with pytest.raises(PostgresError, match=r"did not start: .*no_such_setting|configuration file .* contains errors"):
        start()


@pytest.mark.soak
def test_it_is_replaced_when_its_socket_was_cleaned_up(
    start: Start, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    cluster = start()
    cluster.place.socket.unlink()
    with monkeypatch.context() as quick:
        quick.setattr(postgres._comes_up, "__kwdefaults__", {"patience": 0.2})
        assert start().started


def test_it_refuses_a_source_it_does_not_know(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_POSTGRES_SOURCE", "moon")
    with pytest.raises(PostgresError, match="CRM_POSTGRES_SOURCE is 'moon', but can only be 'system' or 'wheel'"):
        start()


def test_it_gives_django_its_settings_and_creates_the_database(project: Path, made: Made) -> None:
    made(name="test")
    settings = postgres.database(project, {}, name="test")
    assert (settings["NAME"], settings["USER"], settings["PORT"]) == ("plumb", "plumb", "5432")
    with psycopg.connect(host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"]) as connection:
        row = connection.execute("SELECT current_database(), current_setting('fsync')").fetchone()
    assert row == ("plumb", "off")


def test_it_ends_the_start_of_settings_with_one_sentence(project: Path) -> None:
    with pytest.raises(SystemExit, match="can only be 'system' or 'wheel'"):
        postgres.database(project, {"CRM_POSTGRES_SOURCE": "moon"})


def test_it_leaves_nothing_when_it_is_removed(project: Path, start: Start, made: Made) -> None:
    made()
    cluster = start()
    pid = server.running_pid(cluster.place)
    cluster.remove()
    assert pid is not None
    assert not is_alive(pid)
    assert [path.name for path in (project / ".data").iterdir()] == ["postgres.lock"]


@pytest.mark.soak
def test_its_commands_work_on_every_cluster(
    project: Path, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made()
    made(name="test")
    monkeypatch.setattr(postgres, "PROJECT", project)

    def run(*words: str) -> tuple[int, str]:
        code = postgres.main([*words])
        return code, capsys.readouterr().out.strip()

    assert run("status") == (3, "not running")
    assert run("start", "--name", "test")[1].startswith(f"started: {project}/.data/test (")
    assert run("start")[1].startswith("started: ")
    assert run("start")[1].startswith("running: ")
    assert run("status", "--name", "test")[1].startswith(f"running: host={project}/.data/test port=5432 user=plumb")
    assert run("stop", "--all") == (0, "stopped: postgres, test")
    assert run("stop", "--all") == (0, "it was not running")
    assert run("remove", "--all") == (0, "")
    assert sorted(path.name for path in (project / ".data").iterdir()) == ["postgres.lock", "test.lock"]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.soak
def test_it_works_whatever_the_umask_and_the_variables_for_other_servers(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    with umask(0o000):
        cluster = start()
    assert cluster.started
    assert cluster.place.home.stat().st_mode & 0o777 == 0o700
    assert cluster.place.log.stat().st_mode & 0o077 == 0
