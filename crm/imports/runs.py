"""An import by the page: upload, choose, try, run, cancel, undo. Each is short; the work is a worker's (work.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.history.models import Transaction
from crm.imports.choices import read_choices, remembered_choices
from crm.imports.folders import LOCK, is_beside, place_of, refuse_beside_job
from crm.imports.models import ImportRun
from crm.imports.parts import Part, kind_named
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.kinds import Kind
from crm.imports.uploads import check_upload, name_of, remove_upload, store_upload
from crm.jobs.files import KEPT_DAYS
from crm.jobs.models import Job
from crm.jobs.services import cancel_job, resume_job, start_job
from crm.people.models import User
from leads.models import Lead

Stage = ImportRun.Stage
Slices = list[dict[str, Any]]
LOOK, TRY, IMPORT, UNDO = "import_look", "import_try", "import", "import_undo"
# A dry run is one transaction, so that links between files are followed: more rows than this would take too long.
TRIED_AT_ONCE = 100_000
# What is stored already and waits: more than this at once is somebody's mistake.
OPEN = (Stage.LOOKING, Stage.CHOOSING, Stage.TRYING, Stage.TRIED)


def may_import(actor: User) -> None:
    """Raises `Refused("forbidden")` for who may not bring records in."""
    if not actor.is_administrator or not may(actor, "place", Lead):
        raise Refused("forbidden", "Exports are uploaded by administrators.")


def may_import_csv(actor: User) -> None:
    """Raises `Refused("forbidden")` for who may not bring files in. What is placed asks for more (`check_rights`)."""
    if not actor.is_manager:
        raise Refused("forbidden", "Files are brought in by managers and administrators.")


def may_answer(run: ImportRun, actor: User) -> None:
    """Raises `Refused("forbidden")` for who may not cancel, resume, undo or drop this import."""
    (may_import_csv if run.is_csv else may_import)(actor)


def upload_export(files: Iterable[Any], *, ticket: UUID, actor: User, at: datetime) -> ImportRun:
    """Check an upload, store it, and let a worker look through it. The same ticket again is the same run.

    Raises:
        Refused: `forbidden`, or what `check_upload` finds.
    """
    may_import(actor)
    given = list(files)

    def store(folder: str) -> ImportRun:
        names = check_upload(given)
        zipped = name_of(given[0]).lower().endswith(".zip")
        read = sorted((name for name in names if kind_named(name)[0]), key=place_of)
        beside = [name for name in names if is_beside(name)]
        slices: Slices = [{"do": "unpack", "file": name} for name in beside if zipped]
        for name in read:
            slices += [{"do": "unpack", "file": name}] if zipped else []
            slices.append({"do": "look", "file": name})
        run = ImportRun.objects.create(
            system=SYSTEM,
            source=", ".join(name_of(one) for one in given)[:500],
            stage=Stage.LOOKING,
            started_at=at,
            by=actor,
            folder=folder,
            ticket=ticket,
            found={name: {"beside": True} if name in beside else {"passed_over": name not in read} for name in names},
            choices=remembered_choices(SYSTEM),
        )
        store_upload(given, folder)
        run.job = start_job(
            LOOK, title=f"Look through {run.source}", by=actor, at=at, input={"run": run.pk}, slices=slices
        )
        run.save(update_fields=["job"])
        return run

    return once(ticket, store)


def once(ticket: UUID, store: Callable[[str], ImportRun]) -> ImportRun:
    """The run of that ticket: the one that is there, or what `store` makes in a new folder, in one transaction."""
    known = ImportRun.objects.filter(ticket=ticket).first()
    if known is not None:
        return known
    folder = f"imports/{uuid4().hex}"
    try:
        with transaction.atomic():
            return store(folder)
    except IntegrityError:
        remove_upload(folder)
        # Sent twice at once: the other one was first.
        return ImportRun.objects.get(ticket=ticket)
    except BaseException:
        remove_upload(folder)
        raise


def choose(
    run: ImportRun, *, words: Mapping[tuple[str, str], str], owners: Mapping[str, str], actor: User, at: datetime
) -> ImportRun:
    """Keep what was chosen for unknown words and owners; a dry run of before counts no more.

    Raises:
        Refused: `forbidden`, `not_now`, `unknown_choice`.
    """
    may_import(actor)
    with transaction.atomic():
        locked = locked_run(run, (Stage.CHOOSING, Stage.TRIED))
        locked.choices = read_choices(locked, words, owners)
        locked.stage, locked.trial = Stage.CHOOSING, {}
        locked.save(update_fields=["choices", "stage", "trial"])
    return locked


def try_run(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Do everything and undo it, for the report. Asked twice, it is tried once.

    Raises:
        Refused: `forbidden`, `not_now`, `too_large`, `import_running`.
    """
    may_import(actor)
    return begin_trial(TRY, run, _all_at_once, actor=actor, at=at)


def start_run(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Import, in slices. Asked twice, it runs once.

    Raises:
        Refused: `forbidden`, `not_now`, `import_running`, `nothing_to_read`.
    """
    may_import(actor)
    return begin_import(IMPORT, run, _by_part, actor=actor, at=at)


def _all_at_once(run: ImportRun) -> Slices:
    rows = rows_found(run)
    if rows > TRIED_AT_ONCE:
        said = f"A dry run is one transaction, and {rows:,} rows are too many for a page's:"
        raise Refused("too_large", f"{said} import_salesforce --dry-run does it from the command line.")
    return [{"rows": rows}]


def _by_part(run: ImportRun) -> Slices:
    slices = slices_of([Part.from_json(one) for one in run.parts])
    if not slices:
        raise Refused("nothing_to_read", "None of the files can be read.")
    return slices


def begin_trial(
    kind: str, run: ImportRun, slices: Callable[[ImportRun], Slices], *, actor: User, at: datetime, woken: bool = True
) -> ImportRun:
    """Let a worker try it by a job of this kind; `slices` says what there is to do, or refuses."""
    with transaction.atomic():
        locked = locked_run(run, (Stage.CHOOSING, Stage.TRIED, Stage.TRYING))
        if _at_trial(locked):
            return locked
        parts = slices(locked)
        claim_turn(locked)
        locked.job = start_job(
            kind,
            title=f"Dry run of {locked.source}",
            by=actor,
            at=at,
            input={"run": locked.pk},
            slices=parts,
            woken=woken,
        )
        locked.stage, locked.trial = Stage.TRYING, {}
        locked.save(update_fields=["job", "stage", "trial"])
    return locked


def begin_import(
    kind: str, run: ImportRun, slices: Callable[[ImportRun], Slices], *, actor: User, at: datetime, woken: bool = True
) -> ImportRun:
    """Let a worker bring it in by a job of this kind; `slices` says what there is to do, or refuses."""
    with transaction.atomic():
        locked = locked_run(run, (Stage.CHOOSING, Stage.TRIED, Stage.TRYING, Stage.RUNNING, Stage.DONE))
        if locked.import_job is not None:
            return locked
        if _at_trial(locked):
            raise Refused("not_now", "The dry run is at work: wait for its end, or cancel it.")
        parts = slices(locked)
        claim_turn(locked)
        locked.job = locked.import_job = start_job(
            kind,
            title=f"Import of {locked.source}",
            by=actor,
            at=at,
            input={"run": locked.pk},
            slices=parts,
            woken=woken,
        )
        locked.stage, locked.started_at = Stage.RUNNING, at
        locked.report = {} if locked.is_csv else {"files": {}, "problems": unread(locked)}
        locked.save(update_fields=["job", "import_job", "stage", "started_at", "report"])
    return locked


def _at_trial(run: ImportRun) -> bool:
    return run.stage == Stage.TRYING and run.job is not None and run.job.unfinished


def slices_of(parts: list[Part]) -> Slices:
    """What a job works, in order: every part, then those again whose rows may refer to later ones."""
    first = [{"do": "store", "rows": part.rows, "part": part.as_json(), "file": part.file} for part in parts]
    files = [part.file for part in parts]
    again = [
        {"do": "again", "rows": 0, "part": part.as_json(), "file": part.file, "of": number}
        for number, part in enumerate(parts, 1)
        if files.count(part.file) > 1 and _looks_back(kind_named(part.file)[1])
    ]
    return first + again


def _looks_back(kind: Kind | None) -> bool:
    """Whether rows of a file tell of other rows of it: parents, superiors, likely duplicates."""
    return kind is not None and (kind.object == "lead" or any(link.object == kind.object for link in kind.links))


def cancel(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Stop what is at work, between two slices. What is stored by then stays, until it is undone or resumed.

    Raises:
        Refused: `forbidden`, `finished`.
    """
    may_answer(run, actor)
    if run.job is not None:
        cancel_job(run.job, by=actor, at=at)
    run.refresh_from_db()
    return run


def resume(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Go on with what was cancelled or failed, where it stopped.

    Raises:
        Refused: `forbidden`, `not_stopped`, `import_running`.
    """
    may_answer(run, actor)
    with transaction.atomic():
        locked = locked_run(run, (Stage.LOOKING, Stage.TRYING, Stage.RUNNING, Stage.UNDOING))
        if locked.job is None:
            raise Refused("not_stopped", "Nothing to resume.")
        claim_turn(locked)
        resume_job(locked.job, by=actor, at=at)
    return locked


def undo(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Put back what the import did, its newest transaction first; what somebody touched since stays and is listed.

    Raises:
        Refused: `forbidden`, `not_now`, `import_running`.
    """
    may_answer(run, actor)
    with transaction.atomic():
        locked = locked_run(run, (Stage.DONE, Stage.RUNNING, Stage.UNDOING))
        if locked.stage == Stage.UNDOING:
            return locked
        if locked.import_job is None:
            raise Refused(
                "not_now", "An import by the command is undone in the change log, where it is one transaction."
            )
        if locked.import_job.unfinished:
            raise Refused("not_now", "The import is at work: cancel it first.")
        claim_turn(locked)
        made = Transaction.objects.filter(request=locked.import_job.request_id).order_by("-id")
        slices = [{"transaction": pk, "rows": rows} for pk, rows in _sizes(list(made.values_list("pk", flat=True)))]
        locked.job = start_job(
            UNDO, title=f"Undo the import of {locked.source}", by=actor, at=at, input={"run": locked.pk}, slices=slices
        )
        Job.objects.filter(pk=locked.import_job.pk).update(undone_by=locked.job)
        locked.stage = Stage.UNDOING
        locked.save(update_fields=["job", "stage"])
    return locked


def _sizes(transactions: list[int]) -> list[tuple[int, int]]:
    """How many records each of the transactions wrote, in the same order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT transaction_id, count(DISTINCT (object, record_id)) FROM history_change"
            " WHERE transaction_id = ANY(%s) GROUP BY 1",
            [transactions],
        )
        found = dict(cursor.fetchall())
    return [(pk, found[pk]) for pk in transactions if pk in found]


def drop_run(run: ImportRun, *, actor: User, at: datetime) -> ImportRun:
    """Give up an upload that was not imported; its files are removed.

    Raises:
        Refused: `forbidden`, `not_now`.
    """
    may_answer(run, actor)
    with transaction.atomic():
        locked = locked_run(run, (*OPEN, Stage.DROPPED))
        if locked.job and locked.job.unfinished:
            cancel_job(locked.job, by=actor, at=at)
        locked.stage, locked.finished_at = Stage.DROPPED, at
        locked.save(update_fields=["stage", "finished_at"])
    remove_upload(locked.folder)
    return locked


def remove_old_uploads(*, at: datetime) -> int:
    """Remove the files of uploads that nobody went on with for days; how many runs that was."""
    old = ImportRun.objects.filter(started_at__lt=at - timedelta(days=KEPT_DAYS)).exclude(folder="")
    count = 0
    for run in old.exclude(stage__in=(Stage.RUNNING, Stage.UNDOING)).select_related("job"):
        remove_upload(run.folder)
        dropped = {"stage": Stage.DROPPED, "finished_at": at} if run.stage in OPEN else {}
        ImportRun.objects.filter(pk=run.pk).update(folder="", **dropped)
        count += 1
    return count


def rows_found(run: ImportRun) -> int:
    """How many rows the readable files have."""
    return sum(one.get("rows", 0) for one in run.found.values() if "error" not in one)


def unread(run: ImportRun) -> list[dict[str, Any]]:
    """The problems of files that cannot be read, or are not read at all, as a report has them."""
    found = []
    for name, one in run.found.items():
        if "error" in one:
            line, code, said = one["error"]
            said = f"{said} Nothing of this file was brought in."
        elif one.get("passed_over"):
            line, code, said = 0, "file_not_read", "This file is none of those that are read: it was passed over."
        else:
            continue
        found.append({"file": name, "line": line, "id": "", "code": code, "message": said})
    return found


def locked_run(run: ImportRun, stages: Iterable[str]) -> ImportRun:
    """The run's row, locked. Raises `Refused("not_now")` when it is at none of these stages."""
    locked = ImportRun.objects.select_for_update(of=("self",)).select_related("job", "import_job", "by").get(pk=run.pk)
    if locked.stage not in stages:
        raise Refused("not_now", f"That is not possible now. This import is: {locked.get_stage_display().lower()}.")
    return locked


def claim_turn(run: ImportRun) -> None:
    """One import at a time. Raises `Refused("import_running")` while another one is at work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7))", [":".join(LOCK)])
        if not cursor.fetchone()[0]:
            raise Refused("import_running", "An import is at work just now: try again in a moment.")
    refuse_beside_job(but=run)
