"""Processes that live and die together, tried on small ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm.local.alive import is_alive

ROOT = Path(__file__).resolve().parent.parent.parent
STAYS = "import os, time; print('pid', os.getpid()); time.sleep(60)"
IGNORES = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"
HAS_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STAYS!r}]); {STAYS}"
FAILS_AFTER = "import sys, time; time.sleep(1); print('last words'); sys.exit(3)"


class Supervisor:
    """A supervisor in a process of its own, as `make demo` is one."""

    def __init__(self, *scripts: str, grace: float = 5, ready: bool = True, patience: float = 20) -> None:
        code = (
            "import sys; from pathlib import Path; from crm.local.processes import Command, supervise\n"
            "commands = [Command(f'p{n}', [sys.executable, '-c', script]) for n, script in enumerate(sys.argv[1:])]\n"
            f"sys.exit(supervise(commands, folder=Path('/'), grace={grace}, is_ready=lambda: {ready},\n"
            f"    patience={patience}, when_ready=lambda: print('ready', flush=True)))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *scripts],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pids: list[int] = []
        self.said: list[str] = []

    def wait_for_pids(self, count: int) -> None:
        for line in self.process.stdout or ():
            self.said.append(line.strip())
            if " | pid " in line:
                self.pids.append(int(line.split()[-1]))
            if len(self.pids) == count:
                return
        raise AssertionError(f"ended early: {self.said}")

    def end(self, timeout: float = 20) -> int:
        rest, _ = self.process.communicate(timeout=timeout)
        self.said += rest.splitlines()
        return self.process.returncode


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Iterator[list[Supervisor]]:
    """Supervisors of this test; what is left of them is killed."""
    supervisors: list[Supervisor] = []
    yield supervisors
    for supervisor in supervisors:
        for pid in (supervisor.process.pid, *supervisor.pids):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        supervisor.process.wait()


def all_gone(pids: list[int], within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_them(running: list[Supervisor], number: signal.Signals) -> None:
    running.append(supervisor := Supervisor(STAYS, HAS_CHILD))
    supervisor.wait_for_pids(3)
    supervisor.process.send_signal(number)
    assert supervisor.end() == 0
    assert all_gone(supervisor.pids)


def test_all_end_when_one_dies(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS, FAILS_AFTER, STAYS))
    supervisor.wait_for_pids(2)
    assert supervisor.end() == 1
    assert all_gone(supervisor.pids)
    assert supervisor.said[-2:] == [
        "p1 | last words",
        "p1 ended (exit code 3), so everything else is stopped.",
    ]


def test_it_says_which_signal_ended_one(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS))
    supervisor.wait_for_pids(1)
    os.kill(supervisor.pids[0], signal.SIGKILL)
    assert supervisor.end() == 1
    assert supervisor.said[-1] == "p0 ended (killed by SIGKILL), so everything else is stopped."


def test_one_that_ignores_the_request_is_killed(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(IGNORES, STAYS, grace=0.5))
    supervisor.wait_for_pids(2)
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.end(timeout=10) == 0
    assert all_gone(supervisor.pids)


def test_a_second_signal_does_not_wait(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(IGNORES, grace=60))
    supervisor.wait_for_pids(1)
    supervisor.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.end(timeout=10) == 0
    assert all_gone(supervisor.pids)


def test_none_is_left_when_the_supervisor_is_killed(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS, HAS_CHILD))
    supervisor.wait_for_pids(3)
    supervisor.process.kill()
    assert all_gone(supervisor.pids, within=15)


def test_it_gives_up_when_nothing_answers(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS, ready=False, patience=1))
    supervisor.wait_for_pids(1)
    assert supervisor.end() == 1
    assert supervisor.said[-1] == "Nothing answered within 1 seconds, so everything is stopped."
    assert "ready" not in supervisor.said
    assert all_gone(supervisor.pids)


def test_it_announces_once_that_it_is_ready(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS))
    supervisor.wait_for_pids(1)
    time.sleep(0.5)
    supervisor.process.send_signal(signal.SIGINT)
    supervisor.end()
    assert supervisor.said.count("ready") == 1


def test_it_ends_all_when_the_terminal_has_gone_away(running: list[Supervisor]) -> None:
    running.append(supervisor := Supervisor(STAYS))
    supervisor.wait_for_pids(1)
    assert supervisor.process.stdout
    supervisor.process.stdout.close()
    supervisor.process.send_signal(signal.SIGHUP)
    assert supervisor.process.wait(timeout=20) == 0
    assert all_gone(supervisor.pids)


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    from crm.local.errors import LocalError
    from crm.local.processes import Command, supervise

    with pytest.raises(LocalError, match="web cannot be started"):
        supervise([Command("web", [str(tmp_path / "missing")])], folder=tmp_path)
