"""The beginning and the end of `make demo`; its processes are tested in test_processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from crm.local import demo

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "80.5", "8000 8001", "８０００"])
def test_it_refuses_a_port_that_is_none(port: str) -> None:
    with pytest.raises(demo.DemoError, match=f"PORT is '{port}', but has to be a number from 1 to 65535"):
        demo.chosen_port({"PORT": port})


def test_it_refuses_a_taken_port_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind((demo.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "crm.local.demo"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"Port {port} is taken by another program: choose another one, as in `make demo PORT=8001`.\n"
    )


def test_it_takes_the_port_it_is_given_and_8000_without() -> None:
    with socket.socket() as free:
        free.bind((demo.HOST, 0))
        port = free.getsockname()[1]
    assert demo.chosen_port({"PORT": f" {port} "}) == port
    assert "127.0.0.1:8123" in demo.commands(8123)[0].words


def test_it_refuses_to_run_twice_in_one_project(tmp_path: Path) -> None:
    with demo.only_demo(tmp_path), pytest.raises(demo.DemoError, match="running or still ending: stop it"):  # noqa: SIM117
        with demo.only_demo(tmp_path):
            pass
    with demo.only_demo(tmp_path):
        pass


def test_it_is_stopped_from_another_terminal(tmp_path: Path) -> None:
    assert not demo.stop_demo(tmp_path)
    code = (
        "import sys, time; from pathlib import Path; from crm.local.demo import only_demo\n"
        "with only_demo(Path(sys.argv[1])): print('up', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "up\n"
    assert demo.stop_demo(tmp_path)
    assert other.wait() == -signal.SIGTERM
    assert not demo.stop_demo(tmp_path)


def test_it_stays_locked_until_what_a_killed_one_left_has_ended(tmp_path: Path) -> None:
    """A new demo would otherwise find the database running, and lose it a moment later."""
    code = (
        "import sys; from pathlib import Path; from crm.local.demo import only_demo\n"
        "from crm.local.processes import Command, supervise\n"
        "script = 'import signal, time; signal.signal(signal.SIGTERM, lambda *a: (time.sleep(2), sys.exit()));'\n"
        "script = 'import sys;' + script + 'print(7, flush=True); time.sleep(60)'\n"
        "with only_demo(Path(sys.argv[1])) as lock:\n"
        "    supervise([Command('slow', [sys.executable, '-c', script])], folder=Path('/'), locks=[lock])"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "slow | 7\n"
    other.kill()
    other.wait()
    with pytest.raises(demo.DemoError, match="running or still ending"), demo.only_demo(tmp_path):
        pass
    assert demo.stop_demo(tmp_path)
    with demo.only_demo(tmp_path):
        pass


def test_it_knows_whether_the_site_answers() -> None:
    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer((demo.HOST, 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        address = f"http://{demo.HOST}:{site.server_port}"
        assert demo.answers(f"{address}/healthz")
        assert not demo.answers(f"{address}/broken")
        site.shutdown()
    assert not demo.answers(f"{address}/healthz")
