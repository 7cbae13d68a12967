"""`manage.py handbook`, as an administrator types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from crm.handbook import SHIPPED, use
from crm.handbook.models import HandbookVersion
from crm.handbook.reader import read

Captured = pytest.CaptureFixture[str]
Written = Callable[..., Path]


def test_it_prints_the_same_listing_each_time(capsys: Captured) -> None:
    call_command("handbook")
    first = capsys.readouterr().out
    call_command("handbook")
    assert capsys.readouterr().out == first
    assert "lead.mql_employees = 500\n" in first


def test_it_finds_the_shipped_file_fine(capsys: Captured) -> None:
    call_command("handbook", check=SHIPPED)
    assert capsys.readouterr().out == f"{SHIPPED}: fine\n"


def test_it_says_every_problem_of_another_file_and_fails(capsys: Captured, written: Written) -> None:
    path = written(("mql_employees = 500", "mql_employees = -1"), ('"Zoom"', '"Slack"'))
    with pytest.raises(SystemExit) as ended:
        call_command("handbook", check=path)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["lead.mql_employees", "words.proper_nouns[17]"]


def test_it_checks_or_applies_but_not_both(written: Written) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("handbook", "--apply", "--check", str(written()))


@pytest.mark.django_db
def test_it_puts_the_handbook_in_force(capsys: Captured, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "olga")
    with use(read(written(("mql_employees = 500", "mql_employees = 200")))) as ours:
        call_command("handbook", "--apply")
    version = HandbookVersion.objects.latest("id")
    assert (version.sha256, version.applied_by_name) == (ours.sha256, "olga")
    assert capsys.readouterr().out == f"In force: {version}\n"
