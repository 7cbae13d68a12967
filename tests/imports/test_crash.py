"""An import that is killed leaves nothing, and two at once take turns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from crm.history.models import Change, Move
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.export import bring_in, counts, lead, user, write
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
LONG = bool(os.environ.get("CRM_SOAK"))
ROWS = 20_000 if LONG else 3_000
# The latest moment has the most to take back; while it copies, nothing but the copy is there.
MOMENTS = ["COPY import_staged", "INSERT INTO leads_lead"] if LONG else ["INSERT INTO leads_lead"]
WRITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s AND state <> 'idle'
"""


def database_url() -> str:
    """The address of the test's database, for another process."""
    its = connection.settings_dict
    password = f":{quote(str(its['PASSWORD']), safe='')}" if its["PASSWORD"] else ""
    port = f":{its['PORT']}" if its["PORT"] else ""
    return f"postgres://{its['USER']}{password}@{quote(str(its['HOST']), safe='')}{port}/{its['NAME']}"


def start(folder: Path) -> subprocess.Popen[str]:
    """The command in a process of its own, on the test's database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_salesforce", str(folder), "--json"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url(), "DEBUG": "true"},
        stdout=subprocess.PIPE,
        text=True,
    )


def sessions(query: str) -> int:
    """How many other sessions are at a statement that begins so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(WRITING, [f"%{query}%"])
        return int(cursor.fetchone()[0])


def wait_for(query: str, count: int) -> None:
    """Return when so many sessions are at it."""
    deadline = time.monotonic() + 60
    while sessions(query) != count:
        assert time.monotonic() < deadline, f"never saw {count} sessions at {query}"
        time.sleep(0.005)


@pytest.mark.crash
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_the_middle_it_leaves_nothing_and_runs_again(moment: str, tmp_path: Path) -> None:
    write(tmp_path, "User", user(1))
    write(
        tmp_path, "Lead", *(lead(n, Email="" if n % 100 == 0 else f"p{n}@globex.example") for n in range(1, ROWS + 1))
    )
    process = start(tmp_path)
    wait_for(moment, 1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_for("", 0)
    assert not Lead.objects.exists()
    for kind in (ExternalId, HeldRow, ImportRun, Move):
        assert not kind._default_manager.exists(), kind
    assert not User.objects.filter(email="u1@acme.example").exists()
    assert not Change.objects.filter(object__in=("lead", "heldrow")).exists()
    process = start(tmp_path)
    report = json.loads(process.communicate()[0])
    assert process.returncode == 0
    held = ROWS // 100
    told = report["files"]["Lead.csv"]
    assert (told["read"], told["created"], told["rejected"]) == (ROWS, ROWS - held, held)
    assert Lead.objects.count() == ROWS - held


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    write(tmp_path, "Lead", *(lead(n) for n in range(1, 201)))
    first, second = race(
        lambda: bring_in(tmp_path),
        lambda: bring_in(tmp_path),
        behind="SELECT pg_advisory_xact_lock(hashtextextended('import:salesforce', 7))",
    )
    answers = sorted(str(counts(report, "Lead")) for report in (first, second))
    assert answers == ["{'read': 200, 'created': 200}", "{'read': 200, 'unchanged': 200}"]
    assert Lead.objects.count() == ExternalId.objects.count() == 200
    assert Change.objects.filter(object="lead").count() == 200


def test_a_large_file_is_brought_in_as_a_small_one_is(tmp_path: Path) -> None:
    """Beyond the sizes at which statements are planned apart: found, merged, flagged and left as few rows are."""
    rows = 2000
    write(tmp_path, "Lead", *(lead(n, Status="Working", Email=f"p{n // 2}@globex.example") for n in range(rows)))
    assert counts(bring_in(tmp_path), "Lead") == {"read": rows, "created": rows, "flagged": rows}
    write(tmp_path, "Lead", *(lead(n, Status="New", Email=f"p{n}@globex.example") for n in range(rows)))
    assert counts(bring_in(tmp_path), "Lead")["updated"] == rows
    assert Lead.objects.filter(status="new", version=3).count() == rows
    assert Move.objects.filter(object="lead", from_state="working_to_engage", version=3).count() == rows
    assert counts(bring_in(tmp_path), "Lead")["unchanged"] == rows
