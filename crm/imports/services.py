"""Moving in from another system, and letting go what waited for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from django.db import connection, models, transaction
from django.db.models import Func

from crm.core.acting import acting
from crm.core.errors import Missing, Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.imports.models import HeldRow, ImportRun
from crm.imports.report import Counts, Report
from crm.imports.salesforce import SYSTEM, users
from crm.imports.salesforce.objects import KINDS, LINKEDIN, Kind
from crm.imports.salesforce.planning import STAGED
from crm.imports.salesforce.reading import Advance, Complain, Table, Unreadable, long_cells
from crm.imports.salesforce.rejects import Rejects
from crm.imports.salesforce.rows import RowMapper
from crm.imports.salesforce.storing import Twice, store_staged
from crm.imports.store import stage
from crm.people.models import User
from leads.models import Lead

# Told what is read: the file, and how many bytes of it.
Progress = Callable[[str, int], None]
LOCK = ("import", SYSTEM)


class _DryRun(Exception):
    """Undoes everything at the end of a dry run."""


def import_folder(
    folder: Path, *, actor: User, at: datetime, dry_run: bool = False, progress: Progress = lambda file, size: None
) -> Report:
    """Bring in a folder of Salesforce's data export: all of it in one transaction, or nothing.

    A second import waits for the first. A dry run does everything, constraints included, and undoes it.

    Raises:
        Refused: `forbidden` without the right to place records.
    """
    if not may(actor, "place", Lead):
        raise Refused("forbidden", "Records are brought in by administrators and service accounts.")
    report = Report()
    found = find_files(folder, report)
    if not found:
        return report
    report.files = {path.name: Counts() for _, path in found}
    try:
        with acting(actor=actor, via="import", at=at):
            hold(LOCK)
            run = ImportRun.objects.create(
                system=SYSTEM, source=str(folder)[-500:], started_at=at, finished_at=at, by=actor
            )
            with connection.cursor() as cursor:
                # For this transaction only: joins and sorts of a whole file at once.
                cursor.execute("SET LOCAL work_mem = '64MB'")
            for kind, path in found:
                _import_file(kind, path, report, run, at=at, progress=progress)
            report.sort()
            if dry_run:
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                raise _DryRun
            ImportRun.objects.filter(pk=run.pk).update(
                finished_at=Func(function="clock_timestamp"), report=report.as_stored()
            )
    except _DryRun:
        pass
    return report


def find_files(folder: Path, report: Report) -> list[tuple[Kind | None, Path]]:
    """The files of the export, in the order they refer to each other (users are None); problems are reported."""
    if not folder.is_dir():
        report.cannot_read("", 0, "", "folder_not_found", f"There is no folder {folder}.")
        return []
    present = {path.stem.lower(): path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".csv"}
    names: list[tuple[str, Kind | None]] = [(users.NAME, None), *((kind.name, kind) for kind in KINDS)]
    found = [(kind, present.pop(name.lower())) for name, kind in names if name.lower() in present]
    known = ", ".join(f"{name}.csv" for name, _ in names)
    if not found:
        report.cannot_read("", 0, "", "empty_folder", f"The folder {folder} has none of {known}.")
    for other in present.values():
        report.add(other.name, 0, "", "file_not_read", f"Only {known} are read: this file was passed over.")
    return found


def _import_file(
    kind: Kind | None, path: Path, report: Report, run: ImportRun, *, at: datetime, progress: Progress
) -> None:
    """Bring in one file; a file that cannot be read to its end leaves nothing."""
    name, counts = path.name, report.files[path.name]
    told = len(report.problems)

    rejects = Rejects(kind.object if kind else "user", name)

    def complain(line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        report.files[name].rejected += 1
        # That something was deleted is no fault of the file's.
        tell = report.add if code == "deleted_there" else report.cannot_read
        tell(name, line, id, code, message)
        rejects.add(line, id, code, message, row)

    try:
        with transaction.atomic(), path.open("rb") as file, long_cells():
            table = Table(path, file, _advance(progress, name), complain)
            table.require(kind.required if kind else users.REQUIRED)
            if kind is None:
                users.UserImport(name, report, run, at=at).run_through(table)
            else:
                mapper = RowMapper(kind, table.header, name, report, at=at)
                with connection.cursor() as cursor:
                    stage(cursor, STAGED, mapper.layout.types, mapper.rows(table))
                    progress(f"{name}: storing", 0)
                    twice = store_staged(cursor, mapper.layout, table.header, name, report, run)
                if twice:
                    _complain_of_twice(path, twice, complain)
            with connection.cursor() as cursor:
                rejects.store(cursor, run)
            counts.read = table.read
    except Unreadable as broken:
        del report.problems[told:]
        report.files[name] = Counts()
        report.cannot_read(name, broken.line, "", broken.code, f"{broken.message} Nothing of this file was brought in.")
    except OSError as error:
        report.cannot_read(name, 0, "", "cannot_open", f"The file cannot be opened: {error.strerror}.")


def _complain_of_twice(path: Path, twice: Twice, complain: Complain) -> None:
    """Rows whose Id came before, with their cells: the file is read again for them, because they are few."""
    with path.open("rb") as file:
        again = Table(path, file, lambda size: None, lambda *known: None)
        for line, cells in again.rows():
            if line in twice:
                external_id, first = twice[line]
                said = f"Line {first} has this Id already."
                complain(line, external_id, "duplicate_id", said, again.named(cells))


def _advance(progress: Progress, name: str) -> Advance:
    return lambda size: progress(name, size)


def release_held_row(held: HeldRow, *, values: Mapping[str, str], actor: User, at: datetime, via: str) -> models.Model:
    """Store a held row as the import would have, with what a person supplies; returns the record.

    `values` are keyed by our names (`email`, `linkedin_url`, `last_name` ...) or by the file's columns. The next
    import of the same row leaves the record alone: it compares the row with how it came, not with how it was mended.

    Raises:
        Refused: `forbidden`, `not_held`, `mended_in_file`, `import_running`, `unknown_column`, or the code for which it
            is held still; `missing` then names every value that will not do.
    """
    if not may(actor, "change", held):
        raise Refused("forbidden", "Held rows are released by managers and administrators.")
    with acting(actor=actor, via=via, at=at):
        # Not held(): a page cannot wait for an import that takes minutes.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7))", [":".join(LOCK)])
            if not cursor.fetchone()[0]:
                raise Refused("import_running", "An import is running: release it when that has ended.")
        locked = HeldRow.objects.select_for_update(of=("self",)).select_related("run").get(pk=held.pk)
        if locked.state != HeldRow.State.HELD:
            raise Refused("not_held", "It was released already.")
        if locked.mended_in_file:
            raise Refused("mended_in_file", f"{locked.message} It cannot be released here.")
        report = Report(files={locked.file: Counts()})
        kind = next((kind for kind in KINDS if kind.object == locked.object), None)
        mended = _mend(locked, kind, values)
        if kind is None:
            importer = users.UserImport(locked.file, report, locked.run, at=at)
            importer.store(locked.line, locked.external_id, mended, seen_in=locked.row)
        else:
            _store_mended(locked, kind, mended, report, at=at)
    held.refresh_from_db()
    model = kind.model if kind else User
    return model._default_manager.get(pk=held.record_id)


def _mend(held: HeldRow, kind: Kind | None, values: Mapping[str, str]) -> dict[str, str]:
    """The row with the given values in their columns; a column that the row did not have is added."""
    mended: dict[str, str] = dict(held.row)
    named = {"email": "Email", "first_name": "FirstName", "last_name": "LastName"}
    if kind is not None:
        named = {column: name for name, column in kind.fields.items()}
        named |= {words.column: name for name, words in kind.words.items()}
        named |= {link.column: link.source for link in kind.links}
        named["linkedin_url"] = next((name for name in mended if LINKEDIN.fullmatch(name)), "LinkedIn__c")
    for name, value in values.items():
        column = name if name in mended else named.get(name)
        if column is None:
            known = ", ".join(sorted({*named, *mended}))
            said = f"“{name}” is no column of this row; there are {known}."
            raise Refused("unknown_column", said, [Missing("unknown_column", said, name)])
        mended[column] = value
    return mended


def _store_mended(held: HeldRow, kind: Kind, mended: Mapping[str, str], report: Report, *, at: datetime) -> None:
    """Take one row through everything an import does with a file of them."""
    header = list(mended)
    mapper = RowMapper(kind, header, held.file, report, at=at)
    place = mapper.layout.at["seen"]
    as_it_came = [held.row.get(name, "") for name in header]
    seen = RowMapper(kind, header, held.file, Report(), at=at).map(held.line, held.external_id, as_it_came)[place]
    row = mapper.map(held.line, held.external_id, list(mended.values()))
    row[place] = seen
    with connection.cursor() as cursor:
        stage(cursor, STAGED, mapper.layout.types, [row])
        store_staged(cursor, mapper.layout, header, held.file, report, held.run)
    if not report.files[held.file].rejected:
        return
    holds = {*(need.code for need in kind.needs), f"{kind.needed_link.object if kind.needed_link else ''}_not_found"}
    why = next(problem.code for problem in report.problems if problem.code in holds)
    wrong = [problem for problem in report.problems if problem.code == why or problem.code.startswith(("bad_", "too_"))]
    fields = {"bad_email": "email", "bad_linkedin_url": "linkedin_url", "no_email_or_linkedin": "email"}
    missing = [Missing(problem.code, problem.message, fields.get(problem.code, "")) for problem in wrong]
    raise Refused(why, " ".join(item.message for item in missing), missing)
