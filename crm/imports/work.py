"""The jobs of an import: looking through an upload, trying it, storing it slice by slice, undoing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from crm import handbook
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.history.models import Transaction
from crm.history.revert import PUT_BACK, revert
from crm.imports import runs
from crm.imports.choices import book_with, claim_owners
from crm.imports.folders import LOCK, enlarge_memory, files_in_order, work_whole
from crm.imports.looking import look_at
from crm.imports.models import ImportRun
from crm.imports.parts import Part, work_part
from crm.imports.report import STORED_PROBLEMS, Counts, Report
from crm.imports.sources import Stored
from crm.imports.uploads import remove_upload, unpack
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice

Stage = ImportRun.Stage
# Problems that rows of other slices settle or cause: known for good when all slices are stored.
OF_OTHERS = {"unresolved_link", "own_parent", "circular", "likely_duplicate"}
WORDS = ("created", "updated", "unchanged", "rejected")


class _Undo(Exception):
    """Ends a dry run."""


@contextmanager
def put_back() -> Iterator[None]:
    """A dry run: what is done within is tried, constraints included, and put back."""
    try:
        with transaction.atomic():
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            raise _Undo
    except _Undo:
        pass


def run_of(job: Job) -> ImportRun:
    """The run that a job works for. Raises `Refused("gone")` when it is no longer there."""
    run = ImportRun.objects.select_for_update().filter(pk=job.input.get("run")).first()
    if run is None:
        raise Refused("gone", "The import is no longer there.")
    return run


def source_of(run: ImportRun) -> Stored:
    """Where its files are."""
    return Stored(run.folder, [name for name, one in run.found.items() if not one.get("passed_over")])


def allow(job: Job) -> None:
    """Raises `Refused` when who asked for it may do so no more."""
    run = ImportRun.objects.filter(pk=job.input.get("run")).first()
    if run is None:
        raise Refused("gone", "The import is no longer there.")
    runs.may_answer(run, job.by)


# --- looking ----------------------------------------------------------------------------------------------------------


def look(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Unpack one file of a zip, or go through one file."""
    run, name = run_of(job), part.input["file"]
    if part.input["do"] == "unpack":
        unpack(run.folder, name)
        return []
    found = look_at(name, source_of(run))
    run.found[name] = found.as_json()
    # Again after a crash it is the same file: what was noted of it is replaced.
    run.parts = [one for one in run.parts if one["file"] != name]
    if found.error is None:
        run.parts += [one.as_json() for one in found.parts]
    run.save(update_fields=["found", "parts"])
    return [{"id": "", "label": name, "outcome": "read", "count": found.rows}]


def looked(job: Job, at: datetime) -> None:
    """Put the parts in the order in which files refer to each other; then it waits for choices."""
    run = run_of(job)
    report = Report()
    files = files_in_order(source_of(run), report, where="The upload")
    run.parts.sort(key=lambda one: files.index(one["file"]))
    if run.stage == Stage.LOOKING:
        run.stage = Stage.CHOOSING
    run.save(update_fields=["parts", "stage"])


# --- trying -----------------------------------------------------------------------------------------------------------


def try_all(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Everything in one transaction, constraints included, and back."""
    hold(LOCK)
    run, report = run_of(job), Report()
    files = list(dict.fromkeys(one["file"] for one in run.parts))
    report.files = {name: Counts() for name in files}
    with put_back():
        claim_owners(run)
        work_whole(source_of(run), files, report, run, at=at, progress=lambda file, size: None)
    report.sort()
    run.trial = report.as_stored()
    run.trial["problems"] = (runs.unread(run) + run.trial["problems"])[:STORED_PROBLEMS]
    run.save(update_fields=["trial"])
    return [row for name, counts in report.files.items() for row in rows_of(name, asdict(counts))]


def tried(job: Job, at: datetime) -> None:
    """The report can be read."""
    ImportRun.objects.filter(pk=job.input["run"], stage=Stage.TRYING).update(stage=Stage.TRIED)


# --- importing --------------------------------------------------------------------------------------------------------


def store(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """One part of a file; or, at the end, the same part again, for what its rows have to do with later ones."""
    hold(LOCK)
    run, what = run_of(job), Part.from_json(part.input["part"])
    if part.input["do"] == "again":
        settle(job, part, run, what, at)
        return []
    report = _work(run, what, at, owners=part.number == 1)
    result = result_of(report, what.file)
    part.input["result"] = result
    part.input["unresolved"] = any(problem[2] == "unresolved_link" for problem in result["problems"])
    run.report = grown(run.report, what.file, result)
    run.save(update_fields=["report"])
    return rows_of(what.file, result["counts"])


def _work(run: ImportRun, what: Part, at: datetime, *, owners: bool = False) -> Report:
    if owners:
        claim_owners(run)
    enlarge_memory()
    report = Report(files={what.file: Counts()})
    with handbook.use_here(book_with(run.choices)):
        work_part(what, source_of(run), report, run, at=at)
    if any(problem.code == "cannot_open" for problem in report.problems):
        raise Refused("cannot_open", f"{what.file} is no longer there: upload it again.")
    report.sort()
    return report


def settle(job: Job, part: JobSlice, run: ImportRun, what: Part, at: datetime) -> None:
    """Find what was not there yet when the part was stored: parents further down, duplicates, circles."""
    first = JobSlice.objects.get(job=job, number=part.input["of"])
    siblings = JobSlice.objects.filter(job=job, input__do="store", input__file=what.file)
    if not what.file.lower().startswith("lead.") and not siblings.filter(input__unresolved=True).exists():
        return
    before, again = first.input["result"], result_of(_work(run, what, at), what.file)
    settled = [one for one in before["problems"] if one[2] not in OF_OTHERS]
    settled += [one for one in again["problems"] if one[2] in OF_OTHERS]
    told_again = {one[0] for one in again["problems"]}
    # What is told only once, of a change, flags its row still.
    only_then = {
        one[0] for one in before["problems"] if one[2] not in OF_OTHERS and one[0] and one[0] not in told_again
    }
    counts = before["counts"] | {"flagged": again["counts"]["flagged"] + len(only_then)}
    first.input["result"] = {"counts": counts, "problems": sorted(settled, key=lambda one: (one[0], one[2]))}
    JobSlice.objects.filter(pk=first.pk).update(input=first.input)


def result_of(report: Report, file: str) -> dict[str, Any]:
    """What a slice keeps of its report: counts, and each problem as line, id, code and message."""
    problems = [[one.line, one.id, one.code, one.message] for one in report.problems]
    return {"counts": asdict(report.files[file]), "problems": problems}


def rows_of(file: str, counts: dict[str, int]) -> list[Row]:
    """A slice's outcomes for the job's own counts."""
    return [{"id": "", "label": file, "outcome": word, "count": counts[word]} for word in WORDS if counts[word]]


def grown(report: dict[str, Any], file: str, result: dict[str, Any]) -> dict[str, Any]:
    """A stored report with the result of one more slice."""
    files, problems = dict(report.get("files", {})), list(report.get("problems", []))
    counts = Counter[str](files.get(file, {}))
    counts.update(result["counts"])
    files[file] = {name: counts[name] for name in Counts.__dataclass_fields__}
    left_out = report.get("problems_left_out", 0)
    for line, external_id, code, message in result["problems"]:
        # Owners are told of once a file, however many slices it has.
        if not line and any(one["file"] == file and one["code"] == code for one in problems):
            continue
        if len(problems) < STORED_PROBLEMS:
            problems.append({"file": file, "line": line, "id": external_id, "code": code, "message": message})
        else:
            left_out += 1
    return {"files": files, "problems": problems} | ({"problems_left_out": left_out} if left_out else {})


def stored(job: Job, at: datetime) -> None:
    """Make the whole report, with what the last slices settled; remove the upload."""
    run = run_of(job)
    report: dict[str, Any] = {"files": {}, "problems": []}
    owners: dict[str, int] = {}
    for part in JobSlice.objects.filter(job=job, input__do="store").order_by("number").iterator(chunk_size=20):
        result = part.input["result"]
        for one in result["problems"]:
            if not one[0] and one[2] == "owner_not_found":
                owners[part.input["file"]] = owners.get(part.input["file"], 0) + int(one[3].split()[0].replace(",", ""))
        report = grown(report, part.input["file"], result)
    for one in report["problems"]:
        if not one["line"] and one["code"] == "owner_not_found":
            one["message"] = f"{owners[one['file']]:,} {one['message'].partition(' ')[2]}"
    report["problems"] = runs.unread(run) + report["problems"]
    run.report, run.stage, run.finished_at = report, Stage.DONE, at
    folder, run.folder = run.folder, ""
    run.save(update_fields=["report", "stage", "finished_at", "folder"])
    transaction.on_commit(lambda: remove_upload(folder))


# --- undoing ----------------------------------------------------------------------------------------------------------


def undo(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Put back what one transaction of the import did; the slices begin with the newest."""
    hold(LOCK)
    run = run_of(job)
    requests = [job.request_id, *([run.import_job.request_id] if run.import_job else [])]
    beside = frozenset(Transaction.objects.filter(request__in=requests).values_list("pk", flat=True))
    made = Transaction.objects.get(pk=part.input["transaction"])
    reason = f"Undo of the import of {run.source}"
    result = revert(made, actor=job.by, at=at, via="task", reason=reason, beside=beside)
    rows: list[Row] = [{"id": "", "label": "", "outcome": PUT_BACK, "count": result.put_back}]
    left = [one for one in result.rows if one.outcome != PUT_BACK]
    return rows + [
        {
            "id": one.record_id,
            "label": one.label,
            "object": one.object,
            "outcome": one.outcome,
            "code": one.code,
            "message": one.message,
        }
        for one in left
    ]


def undone(job: Job, at: datetime) -> None:
    """It is over; what could not be put back is listed on its page."""
    ImportRun.objects.filter(pk=job.input["run"]).update(stage=Stage.UNDONE, finished_at=at)


register(JobKind(runs.LOOK, look, finish=looked, allow=allow))
register(JobKind(runs.TRY, try_all, finish=tried, allow=allow, via="import"))
register(JobKind(runs.IMPORT, store, finish=stored, allow=allow, via="import"))
register(JobKind(runs.UNDO, undo, finish=undone, allow=allow))
