"""Where a cluster and its socket lie, and whose they are.

Normally PROJECT/.data/NAME. When we are root and the server's account cannot walk to the project (a checkout in
/root), the cluster lies in the system's persistent temporary directory instead: opening somebody's home folder for it
is not ours to do. The socket alone goes there when the project's path is too long for a socket's address.

That directory is everybody's, so a folder found there is used only if it is a real folder, the account's and closed to
others: whoever made it beforehand would own our database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from crm.local.errors import PostgresError
from crm.local.owner import Owner, account_name

PORT = 5432
# Kept across restarts, unlike /tmp.
PERSISTENT_TEMPORARY = Path("/var/tmp")  # noqa: S108 - what is found there is checked
# An address in the file system holds 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET = 100


@dataclass(frozen=True)
class Place:
    """The folder of one cluster (`home`), the folder of its socket, and the lock that whoever changes it takes."""

    project: Path
    name: str
    owner: Owner
    home: Path
    host: Path
    reachable: bool

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def socket(self) -> Path:
        return self.host / f".s.PGSQL.{PORT}"

    @property
    def outside(self) -> bool:
        """Whether the cluster itself lies outside the project folder."""
        return self.home == hashed_folder(self.project, self.name)


def hashed_folder(project: Path, name: str) -> Path:
    """The one folder outside the project that a cluster may use."""
    digest = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    return PERSISTENT_TEMPORARY / (f"plumb-{digest}" if name == "postgres" else f"plumb-{digest}-{name}")


def known_names(project: Path) -> list[str]:
    """The clusters this project has ever had: each leaves its lock, and some a folder outside."""
    base = hashed_folder(project, "postgres").name
    locks = {lock.stem for lock in (project / ".data").glob("*.lock")} - {"demo"}
    outside = {found.name.removeprefix(base).lstrip("-") for found in PERSISTENT_TEMPORARY.glob(f"{base}*")}
    return sorted(({"postgres", "test"} | locks | outside) - {""})


def find_place(project: Path, name: str, owner: Owner) -> Place:
    """Where the cluster `name` of a project lies or would lie; creates nothing."""
    project = project.resolve()
    inside, outside = project / ".data" / name, hashed_folder(project, name)
    reachable = owner.reaches(inside.parent if inside.parent.is_dir() else project)
    # A cluster that is there stays where it is, also after the folder's permissions changed.
    use_outside = _is_ours(outside / "data", owner) if reachable else not (inside / "data").exists()
    home = outside if use_outside else inside
    too_long = len(os.fsencode(home / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET
    return Place(project, name, owner, home, outside if too_long else home, reachable or use_outside)


def _is_ours(folder: Path, owner: Owner) -> bool:
    try:
        return owner.drops and folder.lstat().st_uid == owner.uid
    except OSError:
        return False


def claim(place: Place) -> None:
    """Create the place's folders, 0700 and the account's, or check those that are there. Raises PostgresError."""
    if not place.reachable:
        raise PostgresError(
            f"The database in {place.home} can no longer be reached by the account '{place.owner.name}' that runs it:"
            f" let it enter {place.project} again, or delete the database with `make clean`."
        )
    try:
        place.home.parent.mkdir(parents=True, exist_ok=True)
        for folder in {place.home, place.host}:
            _claim_folder(folder, place.owner)
    except OSError as error:
        raise PostgresError(
            f"The folder for the database cannot be made ({error.strerror}: {error.filename}):"
            " make it writable, or set DATABASE_URL to a server you have."
        ) from None


def _claim_folder(folder: Path, owner: Owner) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    refuse_strangers(folder, owner)
    # By descriptor: between a look at the path and a change of it somebody could put a link there.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != owner.uid:
            os.fchown(descriptor, owner.uid, owner.gid)
    finally:
        os.close(descriptor)


def refuse_strangers(folder: Path, owner: Owner) -> None:
    """Raise PostgresError unless `folder` is a real folder, closed to others, and the account's (or still root's)."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise PostgresError(f"{folder} should be the folder of a database but is something else: remove it.")
    if status.st_uid != owner.uid and not (owner.drops and status.st_uid == 0):
        raise PostgresError(
            f"{folder} belongs to '{account_name(status.st_uid)}', not to '{owner.name}' who would run the database:"
            " use the account that made it, or remove the folder."
        )
    if status.st_mode & 0o077:
        raise PostgresError(
            f"{folder} is open to other accounts ({stat.filemode(status.st_mode)}), which a database's folder must not"
            " be: remove it, or close it with chmod 700 if you trust what is in it."
        )


@contextmanager
def locked(project: Path, name: str, *, patience: float = 120) -> Iterator[None]:
    """Be the only one who starts, stops or removes this cluster; waits up to `patience` seconds for another."""
    path = project / ".data" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise PostgresError(
            f"{path} cannot be written ({error.strerror}): use the account that set Plumb up, or set DATABASE_URL."
        ) from None
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"Another process has been starting or stopping the database for {patience:.0f} seconds:"
                        f" end it (it holds {path}) and try again."
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def delete(place: Place) -> None:
    """Remove everything that belongs to the cluster, in the project and outside of it."""
    for folder in (place.home, place.project / ".data" / place.name, hashed_folder(place.project, place.name)):
        if folder.is_symlink() or not folder.exists():
            continue
        refuse_strangers(folder, place.owner)
        shutil.rmtree(folder)
