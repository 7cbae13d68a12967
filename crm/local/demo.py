"""`make demo`: Plumb with demo data, as its real processes, until Ctrl-C.

Web (gunicorn), worker and beat (Celery) are supervised together. The database is started if need be, and stopped at
the end only if this started it.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from crm.local import postgres, server
from crm.local.errors import LocalError
from crm.local.processes import STOP_SIGNALS, Command, StopRequests, describe, say, supervise

HOST = "127.0.0.1"
PROJECT = Path(__file__).resolve().parent.parent.parent


class DemoError(LocalError):
    """The demo cannot start."""


def chosen_port(environ: Mapping[str, str]) -> int:
    """PORT, 8000 when unset. Raises DemoError when it is no port or cannot be listened on."""
    text = environ.get("PORT", "").strip() or "8000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise DemoError(f"PORT is '{text}', but has to be a number from 1 to 65535.")
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn: old connections do not count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise DemoError(
                    f"Port {port} is taken by another program: choose another one, as in `make demo PORT=8001`."
                ) from None
            raise DemoError(f"Port {port} cannot be used ({error.strerror}): choose one above 1023.") from None
    return port


@contextmanager
def only_demo(project: Path) -> Iterator[int]:
    """Be the only demo of this project: a second beat would send everything twice. Raises DemoError.

    Yields the lock's descriptor: who holds it open is part of the demo.
    """
    path = project / ".data" / "demo.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                "This project's demo is running or still ending: stop it with Ctrl-C or `make stop`."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock.fileno()


def stop_demo(project: Path, *, patience: float = 30) -> bool:
    """Stop the demo that runs in another terminal; False when none does. Raises DemoError when it does not end."""
    try:
        lock = (project / ".data" / "demo.lock").open("r+")
    except FileNotFoundError:
        return False
    with lock:
        deadline, asked = time.monotonic() + patience, False
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return asked
            except BlockingIOError:
                lock.seek(0)
                if not asked and (number := lock.read().strip()):
                    # One that was killed is gone; its guard holds the lock until the rest has ended.
                    with suppress(ProcessLookupError):
                        os.kill(int(number), signal.SIGTERM)
                    asked = True
                time.sleep(0.1)
    raise DemoError(f"The demo does not stop within {patience:.0f} seconds: end it by hand.")


def run(project: Path, environ: Mapping[str, str]) -> int:
    """Prepare the database, run everything, and clean up; returns the exit code. Raises LocalError."""
    port = chosen_port(environ)
    with only_demo(project) as lock:
        # A signal while it starts is kept for afterwards: then we know whether there is something to stop.
        with StopRequests().counting() as requests:
            cluster = None if "DATABASE_URL" in environ else postgres.ensure(project)
        try:
            if requests.count:
                return 130
            logins = _prepare(project)
            address = f"http://{HOST}:{port}"
            started = server.running_pid(cluster.place) if cluster and cluster.started else None
            return supervise(
                commands(port),
                folder=project,
                is_ready=lambda: answers(f"{address}/healthz"),
                when_ready=lambda: say(f"\nPlumb is running at {address}/\n\n{logins}Ctrl-C stops it.\n"),
                servers=[started] if started else [],
                locks=[lock],
            )
        finally:
            # A second Ctrl-C would leave the database running; its shutdown takes a moment only.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            if cluster and cluster.started:
                cluster.stop()
            say("Everything is stopped.")


def _prepare(project: Path) -> str:
    """Migrate and load the demo data; what the loading prints are the logins, shown once the site answers."""
    say("Preparing the database ...")
    _manage(project, "migrate", "--verbosity", "0")
    if not any((project / "crm").glob("*/management/commands/load_demo.py")):
        return ""
    logins = _manage(project, "load_demo").strip()
    return f"{logins}\n\n" if logins else ""


def _manage(project: Path, *words: str) -> str:
    """Run a management command and return what it printed; its errors and progress go to the terminal."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=project, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoError(f"`manage.py {' '.join(words)}` failed ({describe(done.returncode)}): the demo does not start.")
    return done.stdout


def commands(port: int) -> list[Command]:
    """The processes of the site. `python -m` and not the scripts beside it: those break when the project is moved."""
    python = sys.executable
    web = ["gunicorn", "-c", "crm/gunicorn_config.py", "crm.wsgi:application", "--bind", f"{HOST}:{port}"]
    web += ["--graceful-timeout", "5"]
    celery = ["celery", "--quiet", "-A", "crm"]
    # Celery warns of running as root; in a container there often is nobody else.
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    return [
        Command("web", [python, "-m", *web]),
        Command("worker", [python, "-m", *celery, "worker", "--concurrency", "2"], quiet),
        Command("beat", [python, "-m", *celery, "beat", "--pidfile="]),
    ]


def answers(url: str) -> bool:
    """Whether the address answers with success. Proxies of the environment are not asked: it is this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except (OSError, urllib.error.HTTPError):
        return False


def _stop_request(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m crm.local.demo", description=__doc__)
    parser.add_argument("--check-port", action="store_true", help="only say whether PORT can be used")
    parser.add_argument("--stop", action="store_true", help="stop the demo that runs in another terminal")
    asked = parser.parse_args(arguments)
    for number in STOP_SIGNALS:
        signal.signal(number, _stop_request)
    try:
        if asked.stop:
            stop_demo(PROJECT)
        elif asked.check_port:
            chosen_port(os.environ)
        else:
            if "DATABASE_URL" in os.environ:
                # A server named there makes settings think of production, which answers only over HTTPS.
                os.environ.setdefault("DEBUG", "1")
            return run(PROJECT, os.environ)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
