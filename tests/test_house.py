"""Rules of the house that a program can check."""

from __future__ import annotations

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

ROOT = Path(settings.BASE_DIR)
LONGEST = 400


def sources() -> list[Path]:
    """Every Python file of the project but its migrations."""
    found = [
        path
        for folder in ("crm", "leads", "accounts", "contracts", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    ]
    assert len(found) > 80
    return found


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_the_readmes_table_of_moves_is_the_codes() -> None:
    out = StringIO()
    call_command("flow", "--markdown", stdout=out)
    readme = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""
    table = out.getvalue().strip()
    assert table.count("\n") > 40
    assert table in readme, "README.md lacks the table of moves: `manage.py flow --markdown` prints it"


@pytest.mark.parametrize("name", ["leads", "accounts", "contracts"])
def test_every_module_says_what_it_is_about(name: str) -> None:
    for path in (ROOT / name).rglob("*.py"):
        text = path.read_text()
        assert not text.strip() or "migrations" in path.parts or text.startswith('"""'), path


def test_imports_point_one_way() -> None:
    linter = Path(settings.BASE_DIR) / ".venv" / "bin" / "lint-imports"
    if not linter.exists():
        pytest.skip("import-linter is not installed here: `make check` runs it")
    answer = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-2000:]
