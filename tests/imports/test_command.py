"""The command: what it prints where, and how it ends."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm.history.models import Transaction
from crm.imports.models import ImportRun
from crm.people.models import User
from leads.models import Lead
from tests.imports.export import account, id_of, lead, write

pytestmark = pytest.mark.django_db


def run(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and standard output."""
    out = StringIO()
    try:
        call_command("import_salesforce", str(folder), *options, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_json_is_alone_and_has_this_form(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1), lead(2, Email=""))
    code, text = run(tmp_path, "--json")
    report: dict[str, Any] = json.loads(text)
    assert code == 0
    assert report == {
        "files": {"Lead.csv": {"read": 2, "created": 1, "updated": 0, "unchanged": 0, "flagged": 0, "rejected": 1}},
        "problems": [
            {
                "file": "Lead.csv",
                "line": 3,
                "id": id_of("Lead", 2),
                "code": "no_email_or_linkedin",
                "message": "A lead has an email or a LinkedIn profile URL; this one has neither.",
            }
        ],
    }


def test_people_get_a_table_and_the_places(tmp_path: Path) -> None:
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Lead", lead(1, Status="Frozen"))
    _, text = run(tmp_path)
    lines = text.splitlines()
    assert lines[0].split() == ["File", "Read", "Created", "Updated", "Unchanged", "Flagged", "Rejected"]
    assert lines[1].split() == ["Account.csv", "1", "1", "0", "0", "0", "0"]
    assert "Lead.csv:2: Status “Frozen” is not in the handbook: left as New. [unknown_status]" in lines


def test_input_that_cannot_be_read_ends_with_one(tmp_path: Path) -> None:
    code, text = run(tmp_path, "--json")
    assert code == 1
    assert json.loads(text)["problems"][0]["code"] == "empty_folder"
    (tmp_path / "Lead.csv").write_bytes(b"\xff\xfe\x00")
    assert run(tmp_path)[0] == 1


def test_a_dry_run_says_so_and_stores_nothing(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1))
    code, text = run(tmp_path, "--dry-run")
    assert code == 0
    assert "nothing was stored" in text
    assert not Lead.objects.exists()
    assert not ImportRun.objects.exists()


def test_somebody_can_be_named_who_may(root: User, mona: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1))
    with pytest.raises(CommandError, match="administrators"):
        run(tmp_path, "--as", "mona@example.com")
    with pytest.raises(CommandError, match="no active user"):
        run(tmp_path, "--as", "nobody@example.com")
    run(tmp_path, "--as", "Root@Example.com")
    assert Transaction.objects.order_by("-id")[0].actor_id == root.pk
    assert ImportRun.objects.get().by == root


def test_help_says_how_it_ends() -> None:
    from crm.imports.management.commands.import_salesforce import Command

    assert "Exit code" in Command.help
