"""The embedded PostgreSQL: a server of this project's own, started when somebody needs it.

    cluster = ensure(Path("."))         # found running, or started; then host, port and user say where it is
    python -m crm.local.postgres psql   # the same for a person: start, stop, status, psql, remove

It listens on a socket in a folder closed to other accounts and nowhere else, so it asks for no password. It keeps
running when the process that started it ends: `make stop` stops it, `make clean` deletes it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm.local import binaries, place, server, wire
from crm.local.errors import PostgresError
from crm.local.owner import server_owner
from crm.local.place import PORT, Place

DATABASE = "plumb"
PROJECT = Path(__file__).resolve().parent.parent.parent
__all__ = ["Cluster", "PostgresError", "database", "ensure", "remove", "stop"]


@dataclass(frozen=True)
class Cluster:
    """A running server: connect to `host` (the socket's folder) and `port` as `user`; no password."""

    place: Place
    started: bool  # by this call, as opposed to found running
    source: str  # "system" or "wheel"
    port: int = PORT
    user: str = server.USER

    @property
    def host(self) -> str:
        return str(self.place.host)

    @property
    def data(self) -> Path:
        return self.place.data

    def create_database(self, name: str) -> None:
        """Create a database unless it exists; several processes may ask at once. Raises PostgresError."""
        if server.state(self.place, name) != wire.MISSING_DATABASE:
            return
        with place.locked(self.place.project, self.place.name):
            if server.state(self.place, name) != wire.MISSING_DATABASE:
                return
            statement = f'CREATE DATABASE "{name}"'
            answer = wire.ask(self.place.socket, user=self.user, database="postgres", statement=statement, timeout=60)
        if answer != wire.UP:
            raise PostgresError(
                f"The database '{name}' could not be created (error {answer}): look at {self.place.log}."
            )

    def stop(self) -> bool:
        return stop(self.place.project, name=self.place.name)

    def remove(self) -> None:
        remove(self.place.project, name=self.place.name)


def ensure(project: Path, *, name: str = "postgres", durable: bool = True, source: str | None = None) -> Cluster:
    """Return the project's cluster `name`, running; make and start it if need be.

    `durable=False` is for tests: fast, and lost in a crash. `source` ("system" or "wheel", else the environment's
    CRM_POSTGRES_SOURCE) forces where a new cluster's programs come from. Raises PostgresError with one sentence.
    """
    owner = server_owner()
    found = place.find_place(project, name, owner)
    if _is_up(found):
        return Cluster(found, started=False, source=server.source_of(found))
    with place.locked(found.project, name):
        # Making .data may have decided the question whether the account can reach it.
        found = place.find_place(project, name, owner)
        place.claim(found)
        if _is_up(found) or _comes_up(found):
            return Cluster(found, started=False, source=server.source_of(found))
        major = server.version_of(found)
        programs = binaries.choose(
            owner, source=source or os.environ.get("CRM_POSTGRES_SOURCE") or None, home=found.home, major=major
        )
        if major is None:
            if found.outside:
                server.say(
                    f"The account '{owner.name}' cannot reach {found.project}, so the database lies in {found.home};"
                    " `make clean` removes it."
                )
            server.create(found, programs)
        server.start(found, programs, durable=durable)
    return Cluster(found, started=True, source=programs.source)


def _is_up(found: Place) -> bool:
    """Whether the server answers; a socket that is not in the account's own closed folder is not asked."""
    if not found.host.exists():
        return False
    place.refuse_strangers(found.host, found.owner)
    return server.state(found) not in (wire.CLOSED, wire.NOT_NOW)


def _comes_up(found: Place, *, patience: float = 10) -> bool:
    """Wait for a server that runs but takes no commands yet, or is just stopping; False once it is not running.

    One that runs without a socket for `patience` seconds (something cleaned up the folder) is stopped: nobody could
    ever reach it again.
    """
    deadline = time.monotonic() + patience
    while server.running_pid(found) is not None:
        answer = server.state(found)
        if answer == wire.CLOSED and time.monotonic() > deadline:
            return not server.stop(found)
        if answer not in (wire.CLOSED, wire.NOT_NOW):
            return True
        time.sleep(0.02)
    return False


def stop(project: Path, *, name: str = "postgres") -> bool:
    """Stop the cluster; False when it was not running. Raises PostgresError when it does not stop."""
    found = place.find_place(project, name, server_owner())
    if not found.data.exists():
        return False
    with place.locked(found.project, name):
        return server.stop(found)


def remove(project: Path, *, name: str = "postgres") -> None:
    """Stop the cluster and delete all of it, also what lies outside the project folder."""
    stop(project, name=name)
    place.delete(place.find_place(project, name, server_owner()))


def database(
    project: Path, environ: Mapping[str, str] = os.environ, *, name: str | None = None, durable: bool | None = None
) -> dict[str, Any]:
    """Django's settings for the database "plumb" of the embedded server, which runs when this returns.

    `name` is the cluster's, else CRM_POSTGRES_CLUSTER, else "postgres"; one named "test" is not durable unless told.
    When the server runs already this costs one connection, a few milliseconds. Settings are read before anything
    could print an error of ours, so SystemExit carries the sentence to the terminal.
    """
    name = name or environ.get("CRM_POSTGRES_CLUSTER") or "postgres"
    durable = name != "test" if durable is None else durable
    try:
        cluster = ensure(project, name=name, durable=durable, source=environ.get("CRM_POSTGRES_SOURCE") or None)
        cluster.create_database(DATABASE)
    except PostgresError as error:
        raise SystemExit(str(error)) from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": DATABASE,
        "USER": cluster.user,
        "PASSWORD": "",
        "HOST": cluster.host,
        "PORT": str(cluster.port),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m crm.local.postgres", description="The project's own PostgreSQL.")
    parser.add_argument("action", choices=["start", "stop", "status", "remove", "psql"])
    parser.add_argument("--name", default="postgres", help="the cluster: postgres (default) or test")
    parser.add_argument("--all", action="store_true", help="stop, remove: every cluster of this project")
    parser.add_argument("--source", choices=binaries.SOURCES, help="force where a new cluster's programs come from")
    parser.epilog = "psql takes its own options after ours."
    asked, words = parser.parse_known_args(arguments)
    if words and asked.action != "psql":
        parser.error(f"unknown: {' '.join(words)}")
    try:
        return _act(PROJECT, asked, words)
    except PostgresError as error:
        print(error, file=sys.stderr)
        return 1


def _act(project: Path, asked: argparse.Namespace, words: list[str]) -> int:
    owner = server_owner()
    found = place.find_place(project, asked.name, owner)
    names = place.known_names(project) if asked.all else [asked.name]
    if asked.action == "stop":
        stopped = [name for name in names if stop(project, name=name)]
        print(f"stopped: {', '.join(stopped)}" if stopped else "it was not running")
    elif asked.action == "remove":
        for name in names:
            remove(project, name=name)
    elif asked.action == "status":
        if not found.host.exists() or not _is_up(found):
            print("not running")
            return 3
        print(f"running: host={found.host} port={PORT} user={server.USER} source={server.source_of(found)}")
    else:
        cluster = ensure(project, name=asked.name, durable=asked.name != "test", source=asked.source)
        if asked.action == "start":
            print(f"{'started' if cluster.started else 'running'}: {cluster.host} ({cluster.source})")
            return 0
        cluster.create_database(DATABASE)
        programs = binaries.choose(owner, source=asked.source, home=found.home, major=server.version_of(cluster.place))
        where = ["-h", cluster.host, "-p", str(cluster.port), "-U", cluster.user, "-d", DATABASE]
        return subprocess.call([str(programs.folder / "psql"), *where, *words])
    return 0


if __name__ == "__main__":
    sys.exit(main())
