"""What README promises is so: its tables are held to the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from crm.demo.cast import DOMAIN, PASSWORD, PEOPLE
from leads.moves_table import markdown

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
READS = re.compile(
    r"(?:env\.\w+|flag|words|one_of|whole_number|database|broker|public_address|mail_server|sender|rooms)"
    r"\(\s*[\"']([A-Z_]+)[\"']"
)


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^## ", README.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def first_cells(text: str) -> set[str]:
    """The words in backquotes in the first cell of each row of the tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(("kind", "mark"), [("lead", "moves"), ("opportunity", "stages"), ("contract", "signing")])
def test_the_tables_of_moves_are_the_code_s(kind: str, mark: str) -> None:
    (shown,) = re.findall(rf"<!-- {mark} -->\n(.*?)\n<!-- {mark} -->", README, re.DOTALL)
    assert shown == markdown(kind)


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[=><;~! ]", line)[0] for line in asked}
    assert first_cells(section("Dependencies")) - {"django_fsm"} == names


def test_every_folder_is_on_the_map() -> None:
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."} - {"static"}
    inside = {f"crm/{path.parent.name}" for path in ROOT.glob("crm/*/__init__.py")}
    assert first_cells(section("Folders")) == top | inside | {".ci"}


def test_every_setting_is_explained() -> None:
    read = {
        name
        for file in ("crm/settings.py", "crm/gunicorn_config.py")
        for name in READS.findall((ROOT / file).read_text())
    }
    explained = first_cells(section("In production"))
    assert read >= {"DEBUG", "SECRET_KEY", "PORT", "CELERY_BROKER_URL", "DATABASE_URL"}, "the pattern still finds them"
    assert explained - {"CRM_POSTGRES_SOURCE"} == read


def test_every_login_of_the_demo_is_listed() -> None:
    text = section("Logins of the demo")
    assert PASSWORD in text
    assert first_cells(text) == {f"{local}@{DOMAIN}" for _, _, local, _, _ in PEOPLE}


def test_every_benchmark_has_its_budget() -> None:
    there = {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    assert first_cells(section("Benchmarks")) >= there


@pytest.mark.parametrize("command", ["demo", "test", "setup", "check", "clean", "help"])
def test_every_command_is_there(command: str) -> None:
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
