"""A process with a handbook nobody can work by: it does not start, and says why in plain words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from crm.handbook import SHIPPED, configured_path, current, read, use
from crm.handbook.checks import check_handbook

ROOT = Path(__file__).resolve().parents[2]
Written = Callable[..., Path]


@pytest.fixture
def broken(written: Written) -> Path:
    return written(("mql_employees", "mql_employes"), ('closes = "16:00"', 'closes = "05:00"'))


def run(*command: str, handbook: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CRM_HANDBOOK": str(handbook), "DJANGO_SETTINGS_MODULE": "crm.settings"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_it_finds_nothing_to_say_about_the_shipped_handbook() -> None:
    assert check_handbook() == []


def test_it_makes_every_problem_an_error_with_a_hint(settings: Settings, broken: Path) -> None:
    settings.CRM_HANDBOOK = str(broken)
    errors = check_handbook()
    assert [error.id for error in errors] == ["handbook.E001", "handbook.E001"]
    assert errors[0].msg.startswith(f"{broken}: lead.mql_employes: found")
    assert 'did you mean "mql_employees"' in (errors[0].hint or "")
    assert errors[1].msg == f'{broken}: hours.closes: found "05:00"'


def test_it_is_one_of_the_checks_that_django_runs(settings: Settings, tmp_path: Path) -> None:
    settings.CRM_HANDBOOK = str(tmp_path / "nowhere.toml")
    # The models' own checks ask for their choices, and would end the process before the errors are compared.
    with use(read(SHIPPED)):
        messages = [message.msg for message in run_checks() if message.id == "handbook.E001"]
    assert messages == [f"{tmp_path / 'nowhere.toml'}: found No such file or directory"]


def test_it_ends_the_process_with_a_status_at_which_gunicorn_gives_up(
    settings: Settings, broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CRM_HANDBOOK = str(broken)
    with pytest.raises(SystemExit) as ended:
        current()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert said.startswith("Plumb does not start, because its handbook cannot be read:\n")
    assert "lead.mql_employes" in said
    assert "hours.closes" in said


def test_it_falls_back_to_the_shipped_handbook(settings: Settings) -> None:
    settings.CRM_HANDBOOK = ""
    assert configured_path() == SHIPPED


@pytest.mark.parametrize(
    "command",
    [["check"], *(pytest.param(one, marks=pytest.mark.soak) for one in (["migrate", "--plan"], ["handbook"]))],
)
def test_it_refuses_commands_without_a_traceback(broken: Path, command: list[str]) -> None:
    ended = run("manage.py", *command, handbook=broken)
    assert ended.returncode != 0
    assert "lead.mql_employes" in ended.stderr
    assert "hours.closes" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("door", ["crm.wsgi", "crm.celery; crm.celery.app.loader.import_default_modules()"])
def test_it_refuses_servers_and_workers_which_run_no_checks(broken: Path, door: str) -> None:
    ended = run("-c", f"import {door}; print('started')", handbook=broken)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "lead.mql_employes" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.soak
def test_it_checks_a_file_though_the_configured_one_is_broken(broken: Path) -> None:
    ended = run("manage.py", "handbook", "--check", str(SHIPPED), handbook=broken)
    assert (ended.returncode, ended.stdout) == (0, f"{SHIPPED}: fine\n")
