"""Whose account the database server runs in.

PostgreSQL refuses to run as root. An ordinary user runs it as himself; root hands it to `postgres` or `nobody`. What
lies in that account's folders is then written by that account only: root following a symbolic link somebody put there
would write anywhere.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm.local.errors import PostgresError


@dataclass(frozen=True)
class Owner:
    """The account of the server; `drops` when we are root and have to become it."""

    uid: int
    gid: int
    name: str
    drops: bool

    def run(self, command: list[str], *, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in this account, in `/`, without the caller's PG* variables.

        Raises OSError when the account cannot execute it and PostgresError when it takes more than `timeout` seconds.
        """
        if self.drops:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        options |= {"cwd": "/", "env": server_environment(), "timeout": timeout}
        try:
            return subprocess.run(command, check=False, text=True, capture_output=True, **options)
        except subprocess.TimeoutExpired:
            raise PostgresError(f"{command[0]} did not finish within {timeout:.0f} seconds: try again.") from None

    def reaches(self, folder: Path) -> bool:
        """Whether this account may walk to `folder`, judged by owner, group and mode of every folder on the way."""
        if not self.drops:
            return True
        return all(self._may_enter(os.stat(step)) for step in (folder, *folder.parents))

    def _may_enter(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_environment() -> dict[str, str]:
    """Our environment without PG* (PGPORT, PGOPTIONS ... would change the server) and with messages in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def server_owner() -> Owner:
    """The account a server of this process runs in. Raises PostgresError when root finds none to hand it to."""
    if os.geteuid() != 0:
        uid = os.geteuid()
        return Owner(uid, os.getegid(), account_name(uid), drops=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(entry.pw_uid, entry.pw_gid, name, drops=True)
    raise PostgresError(
        "PostgreSQL does not run as root, and this machine has neither an account 'postgres' nor 'nobody':"
        " run Plumb as an ordinary user, or set DATABASE_URL."
    )


def account_name(uid: int) -> str:
    """The name of an account, or its number when it has none (a container started with a bare user id)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
