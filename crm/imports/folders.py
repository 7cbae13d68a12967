"""Moving in with one command: a folder of files in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.db import connection
from django.db.models import Func

from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.imports.choices import book_with, remembered_choices
from crm.imports.models import ImportRun
from crm.imports.parts import Part, Progress, kind_named, work_part
from crm.imports.report import Counts, Report
from crm.imports.salesforce import SYSTEM, campaigns, users
from crm.imports.salesforce.objects import KINDS
from crm.imports.sources import Folder, Source
from crm.people.models import User
from leads.models import Lead

LOCK = ("import", SYSTEM)
# The files that are brought in, in the order they refer to each other.
READ = (users.NAME, *(kind.name for kind in KINDS))


class _DryRun(Exception):
    """Undoes everything at the end of a dry run."""


def import_folder(
    folder: Path,
    *,
    actor: User,
    at: datetime,
    dry_run: bool = False,
    progress: Progress = lambda file, size: None,
    look: Callable[[], None] = lambda: None,
) -> Report:
    """Bring in a folder of Salesforce's data export: all of it in one transaction, or nothing.

    A second import waits for the first. A dry run does everything, constraints included, lets `look` see it, and undoes
    it.

    Raises:
        Refused: `forbidden` without the right to place records; `import_running` while a job imports.
    """
    if not may(actor, "place", Lead):
        raise Refused("forbidden", "Records are brought in by administrators and service accounts.")
    report = Report()
    if not folder.is_dir():
        report.cannot_read("", 0, "", "folder_not_found", f"There is no folder {folder}.")
        return report
    source = Folder(folder)
    files = files_in_order(source, report, where=f"The folder {folder}")
    if not files:
        return report
    report.files = {name: Counts() for name in files}
    try:
        with acting(actor=actor, via="import", at=at):
            hold(LOCK)
            refuse_beside_job()
            run = ImportRun.objects.create(
                system=SYSTEM, source=str(folder)[-500:], started_at=at, finished_at=at, by=actor
            )
            work_whole(source, files, report, run, at=at, progress=progress)
            report.sort()
            if dry_run:
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                look()
                raise _DryRun
            ImportRun.objects.filter(pk=run.pk).update(
                finished_at=Func(function="clock_timestamp"), report=report.as_stored()
            )
    except _DryRun:
        pass
    return report


def work_whole(
    source: Source, files: list[str], report: Report, run: ImportRun, *, at: datetime, progress: Progress
) -> None:
    """Bring in whole files, one after the other, inside `acting()`; what somebody chose for unknown words holds."""
    enlarge_memory()
    choices = run.choices or remembered_choices(SYSTEM)
    with handbook.use_here(book_with(choices)):
        for name in files:
            work_part(Part(name), source, report, run, at=at, progress=progress)


def enlarge_memory() -> None:
    """For this transaction only: joins and sorts of a whole file at once."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")


def refuse_beside_job(*, but: ImportRun | None = None) -> None:
    """Two imports would find each other's half of the rows.

    Raises:
        Refused: `import_running`, naming the one that is at work between its slices.
    """
    others = ImportRun.objects.working()
    other = (others.exclude(pk=but.pk) if but else others).first()
    if other is not None:
        raise Refused(
            "import_running", f"An import is running: {other}, by {other.by}. Wait for its end, or cancel it."
        )


def files_in_order(source: Source, report: Report, *, where: str) -> list[str]:
    """The files that are read, in the order they refer to each other; what is wrong with the others is reported."""
    said = ", ".join(f"{name}.csv" for name in READ)
    names = source.names()
    read = [name for name in names if kind_named(name)[0]]
    if not read:
        report.cannot_read("", 0, "", "empty_folder", f"{where} has none of {said}.")
    for other in names:
        if other not in read and not is_beside(other):
            report.add(other, 0, "", "file_not_read", f"Only {said} are read: this file was passed over.")
    return sorted(read, key=place_of)


def place_of(file: str) -> int:
    """The place of a file among those that are read; after them for the others."""
    places = {name.lower(): place for place, name in enumerate(READ)}
    return places.get(file.rpartition(".")[0].lower(), len(READ))


def is_beside(file: str) -> bool:
    """Whether a file is read for the names in it only, as campaigns are for their members."""
    return file.lower() == f"{campaigns.NAME.lower()}.csv"
