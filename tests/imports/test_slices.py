"""An upload is imported in slices, and comes out as it does in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import Account
from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.history.models import Change, Move
from crm.imports import runs, work
from crm.imports.choices import handbook_lines, unknown_owners, unknown_words
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.export import (
    NOW,
    SAMPLE,
    account,
    bring_in,
    contact,
    id_of,
    lead,
    opportunity,
    user,
    write,
)
from tests.imports.uploading import files_of, problems_of, run_through, upload
from tests.imports.uploading import work as worked

pytestmark = pytest.mark.django_db
# Rows of a slice (0: all in one) for what is imported again with each; in the long form also the least there are.
LONG = bool(os.environ.get("CRM_SOAK"))
ROWS, ROWS_OF_A_REAL_ONE = ((1, 7, 10, 0), (7, 0)) if LONG else ((7,), (50,))
TABLES = ("accounts_account", "accounts_contact", "contracts_opportunity", "leads_lead", "imports_heldrow")
# Ids, versions and times differ from import to import; what a row says does not.
APART = "{id,version,created_at,updated_at,owner_id,parent_id,account_id,reports_to_id,contact_id,run_id,record_id,"
APART += "converted_account_id,converted_contact_id,converted_opportunity_id}"


@pytest.fixture(autouse=True)
def media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Uploads of tests lie in a folder of their own."""
    before, settings.MEDIA_ROOT = settings.MEDIA_ROOT, tmp_path_factory.mktemp("media")
    yield
    settings.MEDIA_ROOT = before


def stored() -> dict[str, Any]:
    """What the tables say, with links by the ids that the records have there."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t) - '{APART}'::text[] FROM {table} t")
            found[table] = sorted(str(row[0]) for row in cursor.fetchall())
        cursor.execute(
            "SELECT e.value, p.value FROM accounts_account a JOIN sync_externalid e ON e.object = 'account'"
            " AND e.record_id = a.id JOIN sync_externalid p ON p.object = 'account' AND p.record_id = a.parent_id"
            " ORDER BY 1"
        )
        found["parents"] = cursor.fetchall()
        cursor.execute(
            "SELECT object, system, value, seen - ARRAY['parent_id','account_id','owner_id','contact_id',"
            "'reports_to_id','converted_account_id','converted_contact_id','converted_opportunity_id']"
            " FROM sync_externalid WHERE object <> 'user' ORDER BY 1, 3"
        )
        found["ids"] = cursor.fetchall()
    return found


FILLED = """imports_heldrow leads_lead contracts_nextstep contracts_opportunity accounts_contact
    accounts_account""".split()


def forget() -> None:
    """Empty what an import fills, as if it had never been."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET parent_id = NULL; UPDATE accounts_contact SET reports_to_id = NULL")
        for table in FILLED:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM sync_externalid WHERE object <> 'user'")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Parents further down, an id twice, a ragged row, likely duplicates, one held, owners unknown."""
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder, "User", user(1))
    # Every account's parent is the next but ten; the last ones have none.
    parents = [account(n, ParentId=id_of("Account", n + 10) if n <= 15 else "") for n in range(1, 26)]
    write(folder, "Account", *parents, account(3, Name="Twice"))
    write(
        folder, "Contact", *(contact(n, AccountId=id_of("Account", n), OwnerId=id_of("User", 1)) for n in range(1, 21))
    )
    write(folder, "Opportunity", *(opportunity(n, OwnerId=id_of("User", 9)) for n in range(1, 12)))
    leads = [
        lead(n, Email="" if n == 8 else f"lea{n % 15}@globex.example", Status="Odd" if n % 9 == 0 else "Working")
        for n in range(1, 31)
    ]
    path = write(folder, "Lead", *leads)
    path.write_bytes(path.read_bytes() + b"00QNq0000000099AAA,ragged\r\n")
    return folder


@pytest.mark.crash
def test_slices_bring_in_what_one_transaction_does(export: Path, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    report = bring_in(export)
    in_one = stored()
    for rows in ROWS:
        forget()
        run = run_through(export, root, rows=rows, patch=monkeypatch)
        assert run.stage == ImportRun.Stage.DONE
        assert stored() == in_one
        expected = report.as_json()
        assert {name: counts for name, counts in run.report["files"].items() if name != "User.csv"} == {
            name: counts for name, counts in expected["files"].items() if name != "User.csv"
        }
        assert problems_of(run) == sorted((one["file"], one["line"], one["code"]) for one in expected["problems"])
        assert [one["message"] for one in run.report["problems"] if one["code"] == "owner_not_found"] == [
            one["message"] for one in expected["problems"] if one["code"] == "owner_not_found"
        ]


def test_slices_of_the_same_file_leave_what_is_held(export: Path, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    run_through(export, root, rows=15, patch=monkeypatch)
    held = list(HeldRow.objects.order_by("pk").values_list("pk", "external_id", "version"))
    assert {"duplicate_id", "ragged_row"} < set(HeldRow.objects.values_list("code", flat=True))
    run_through(export, root, rows=15, patch=monkeypatch)
    assert list(HeldRow.objects.order_by("pk").values_list("pk", "external_id", "version")) == held


@pytest.mark.crash
@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample export is not beside this checkout")
def test_a_real_export_does_too(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    report = bring_in(SAMPLE)
    in_one = stored()
    for rows in ROWS_OF_A_REAL_ONE:
        forget()
        run = run_through(SAMPLE, root, rows=rows, patch=monkeypatch)
        assert stored() == in_one
        assert run.report["files"] == report.as_json()["files"]
        assert problems_of(run) == sorted((one.file, one.line, one.code) for one in report.problems)


def test_a_dry_run_reports_the_same_and_stores_nothing(export: Path, root: User) -> None:
    run = runs.try_run(upload(export, root), actor=root, at=NOW)
    before = Change.objects.count(), ExternalId.objects.count()
    run = worked(run)
    assert run.stage == ImportRun.Stage.TRIED
    assert (Change.objects.count(), ExternalId.objects.count()) == before
    assert not Lead.objects.exists()
    assert not HeldRow.objects.exists()
    done = worked(runs.start_run(run, actor=root, at=NOW))
    assert done.report["files"] == run.trial["files"]
    assert problems_of(done) == sorted((one["file"], one["line"], one["code"]) for one in run.trial["problems"])


def test_chosen_words_and_owners_hold(export: Path, root: User, alice: User) -> None:
    run = upload(export, root)
    assert [(one.map, one.word, one.rows) for one in unknown_words(run)] == [("lead_status", "Odd", 3)]
    assert unknown_owners(run) == [(id_of("User", 9), 11)]
    with pytest.raises(Refused) as refused:
        runs.choose(run, words={("lead_status", "Odd"): "closed_do_not_contact"}, owners={}, actor=root, at=NOW)
    assert refused.value.code == "unknown_choice"
    words, owners = {("lead_status", "Odd"): "engaged"}, {id_of("User", 9): str(alice.pk)}
    run = runs.choose(run, words=words, owners=owners, actor=root, at=NOW)
    assert handbook_lines(run) == '[salesforce.lead_status]\n"Odd" = "engaged"'
    done = worked(runs.start_run(run, actor=root, at=NOW))
    assert Lead.objects.filter(status="engaged").count() == 3
    assert Opportunity.objects.filter(owner=alice).count() == 11
    assert not {"unknown_status", "owner_not_found"} & {one["code"] for one in done.report["problems"]}
    # The next import by the command knows the word as well, and changes nothing.
    again = bring_in(export)
    assert again.files["Lead.csv"].updated == 0
    assert Lead.objects.filter(status="engaged").count() == 3


def test_it_goes_on_where_it_stopped(export: Path, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def failing(job: Any, part: Any, at: Any) -> Any:
        calls.append(part.number)
        if len(calls) == 5:
            runs.cancel(ImportRun.objects.get(), actor=root, at=NOW)
        return store(job, part, at)

    store = work.store
    monkeypatch.setitem(work_kinds(), runs.IMPORT, kind_with(failing))
    run = run_through(export, root, rows=7, patch=monkeypatch)
    assert run.job is not None
    assert run.job.state == Job.State.CANCELLED
    assert calls == [1, 2, 3, 4, 5]
    assert run.report["files"]["Account.csv"]["created"] == 25
    run = worked(runs.resume(run, actor=root, at=NOW))
    assert run.stage == ImportRun.Stage.DONE
    assert calls == sorted(set(calls))
    assert (Account.objects.count(), Lead.objects.count()) == (25, 29)


def work_kinds() -> dict[str, Any]:
    """The known kinds of jobs."""
    from crm.jobs import kinds

    return kinds._kinds


def kind_with(run: Any) -> Any:
    """The import's kind, done by another function."""
    from dataclasses import replace

    return replace(work_kinds()[runs.IMPORT], run=run)


def test_one_import_at_a_time(export: Path, root: User) -> None:
    first, second = upload(export, root), upload(export, root)
    runs.start_run(first, actor=root, at=NOW)
    with pytest.raises(Refused, match="An import is running") as refused:
        runs.start_run(second, actor=root, at=NOW)
    assert refused.value.code == "import_running"
    with pytest.raises(Refused) as refused:
        bring_in(export)
    assert refused.value.code == "import_running"
    # Asked twice it is the same run.
    assert runs.start_run(first, actor=root, at=NOW).import_job == ImportRun.objects.get(pk=first.pk).import_job


def test_undo_restores_what_was(export: Path, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Account.objects.create(name="Ours")
    before = stored()
    run = run_through(export, root, rows=15, patch=monkeypatch)
    first = stored()
    run = worked(runs.undo(run, actor=root, at=NOW))
    assert run.stage == ImportRun.Stage.UNDONE
    assert run.job is not None
    left = [row for part in run.job.slices.all() for row in part.output or [] if row["outcome"] != "put_back"]
    assert [row["object"] for row in left] == ["user"]
    after = stored()
    assert {name: after[name] for name in (*TABLES, "parents")} == {name: before[name] for name in (*TABLES, "parents")}
    assert Account.objects.get() == mine
    again = run_through(export, root)
    assert files_of(again)["Lead.csv"]["created"] == 29
    assert {k: v for k, v in stored().items() if k != "ids"} == {k: v for k, v in first.items() if k != "ids"}


def test_undo_leaves_what_somebody_touched(export: Path, root: User, alice: User) -> None:
    run = run_through(export, root)
    lea = Lead.objects.filter(last_name="Lead 1").get()
    lea.title = "Boss"
    lea.save(update_fields=["title"])
    run = worked(runs.undo(run, actor=root, at=NOW))
    assert run.job is not None
    left = [row for part in run.job.slices.all() for row in part.output or [] if row["outcome"] == "touched"]
    assert [row["id"] for row in left if row["object"] == "lead"] == [lea.pk]
    assert Lead.objects.get() == lea
    assert Move.objects.of(lea).exists()
