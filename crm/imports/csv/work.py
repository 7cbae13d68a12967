"""The jobs of a CSV import: looking through it, trying it and storing it slice by slice, and settling its links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction

from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.text import tidy
from crm.imports.csv.holding import hold_back
from crm.imports.csv.keys import find_twice, key_cells
from crm.imports.csv.links import Links
from crm.imports.csv.looking import ROWS, look_through
from crm.imports.csv.mapping import Mapped, RowReader
from crm.imports.csv.newcomers import make_people, people_named
from crm.imports.csv.plan import Plan, first_plan
from crm.imports.csv.reading import read_rows
from crm.imports.csv.storing import Result, Storing
from crm.imports.csv.targets import targets_of
from crm.imports.csv.templates import fitting_template, plan_by
from crm.imports.folders import LOCK
from crm.imports.models import ImportRun
from crm.imports.report import STORED_PROBLEMS, Counts
from crm.imports.uploads import remove_upload
from crm.imports.work import allow, put_back, run_of
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice

Stage = ImportRun.Stage
LOOK, TRY, IMPORT = "csv_look", "csv_try", "csv_import"


# --- looking ----------------------------------------------------------------------------------------------------------


def look(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Go through the file once; the plan is what its columns' names suggest, or the template that fits them."""
    run = run_of(job)
    chosen = run.choices
    found, slices = look_through(run.folder, chosen["encoding"], chosen["delimiter"])
    run.found, run.parts = found, slices
    if "error" not in found:
        plan = first_plan(chosen["object"], found["header"], encoding=chosen["encoding"], delimiter=chosen["delimiter"])
        template = fitting_template(plan, found["header"], named=chosen.get("template", ""))
        run.choices = (plan_by(template, plan) if template else plan).as_json()
        if template:
            run.choices["template"] = template.name
    run.save(update_fields=["found", "parts", "choices"])
    return [{"id": "", "label": run.source, "outcome": "read", "count": found["rows"]}]


def looked(job: Job, at: datetime) -> None:
    """It waits for choices."""
    ImportRun.objects.filter(pk=job.input["run"], stage=Stage.LOOKING).update(stage=Stage.CHOOSING)


# --- trying and storing -----------------------------------------------------------------------------------------------


def prepare(run: ImportRun, plan: Plan) -> dict[str, int]:
    """The rows whose key comes twice in the file, as JSON keeps them."""
    if not plan.key:
        return {}
    header = run.found["header"]

    def cells() -> Iterator[tuple[int, str]]:
        for good, _ in _all_rows(run):
            if good is not None and (text := key_cells(plan, header, good[1])):
                yield good[0], text

    return {str(line): first for line, first in find_twice(plan, cells()).items()}


def _all_rows(run: ImportRun) -> Iterator[Any]:
    with default_storage.open(f"{run.folder}/{ROWS}", "rb") as opened:
        yield from read_rows(opened, 0, run.found["rows"])


def try_part(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """One slice as the import would do it, constraints included, and back."""
    output: list[Row] = []
    if part.input["do"] == "settle":
        # Nothing is there to be linked: what is found out is kept.
        return store_part(job, part, at)
    with put_back():
        output = store_part(job, part, at)
    if part.input["do"] == "prepare":
        run = run_of(job)
        run.found["twice"] = prepare(run, Plan.from_json(run.choices))
        run.save(update_fields=["found"])
    return output


def store_part(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """What a slice says to do: prepare, store some rows, or settle links between rows."""
    hold(LOCK)
    run = run_of(job)
    plan = Plan.from_json(run.choices)
    match part.input["do"]:
        case "prepare":
            run.found["twice"] = prepare(run, plan)
            run.save(update_fields=["found"])
            make_people(plan, people_named(plan, run.found), actor=job.by)
            return []
        case "settle":
            return settle(job, part, run, plan, at)
    return _store(job, part, run, plan, at)


def _store(job: Job, part: JobSlice, run: ImportRun, plan: Plan, at: datetime) -> list[Row]:
    reader = RowReader(plan, run.found)
    trying = job.kind == TRY
    if trying:
        # Those who will be made are there for a moment, so that nothing is told of them.
        make_people(plan, people_named(plan, run.found), actor=job.by)
    mapped: list[Mapped] = []
    refused: list[tuple[Mapped, Result]] = []
    with default_storage.open(f"{run.folder}/{ROWS}", "rb") as opened:
        for good, bad in read_rows(opened, part.input["start"], part.input["rows"]):
            if bad is not None:
                refused.append((Mapped(bad[0], bad[3]), Result(bad[0], "rejected", None, bad[1], bad[2])))
            elif good is not None:
                if any(cell.strip() for cell in good[1]):
                    mapped.append(reader.read(good[0], good[1]))
                else:
                    refused.append((Mapped(good[0], {}), Result(good[0], "skipped", None, "empty_row", "Empty.")))
    twice = {int(line): first for line, first in run.found.get("twice", {}).items()}
    storing = Storing(plan, file=run.source, actor=job.by, at=at, twice=twice)
    pairs = [*refused, *zip(mapped, storing.store(mapped), strict=True)]
    pairs.sort(key=lambda one: one[0].line)
    if not trying:
        hold_back(run, plan, [one for one in pairs if one[1].outcome != "skipped"], file=run.source)
    results = [result for _, result in pairs]
    part.input["later"] = [
        [one.line, one.record_id, column, key, text] for one in results for column, key, text in one.later
    ]
    part.input["result"] = {"counts": counts_of(results), "problems": problems_of(results)}
    if not trying:
        files = Counter(run.report.get("files", {}).get(run.source, {}))
        files.update(part.input["result"]["counts"])
        run.report = {**run.report, "files": {run.source: dict(files)}}
        run.save(update_fields=["report"])
    return [output_of(one) for one in results]


def settle(job: Job, part: JobSlice, run: ImportRun, plan: Plan, at: datetime) -> list[Row]:
    """Set the links to rows of the same file that were not there yet when their row was stored."""
    first = JobSlice.objects.get(job=job, number=part.input["of"])
    later = first.input.get("later", [])
    if not later:
        return []
    targets = targets_of(plan.what)
    named = {tidy(cell) for cell in _names_in_file(run, plan)} if job.kind == TRY else set()
    links = Links(((targets[key], text) for _, _, _, key, text in later), system=plan.system)
    told = []
    for line, record_id, column, key, text in later:
        found = links.find(targets[key], text)
        if record_id is None or text in named:
            continue
        said = f"{targets[key].label}: “{text[:80]}” is not known here: kept with the record."
        if found.one is not None:
            said = _link(plan, record_id, column, found.one)
        if said:
            told.append([line, record_id, "unresolved_link", said])
    if told:
        result = first.input["result"]
        counts = result["counts"] | {
            "flagged": result["counts"]["flagged"] + len({one[0] for one in told} - {p[0] for p in result["problems"]})
        }
        first.input["result"] = {"counts": counts, "problems": sorted(result["problems"] + told, key=lambda p: p[0])}
        JobSlice.objects.filter(pk=first.pk).update(input=first.input)
    return []


def _link(plan: Plan, record_id: int, column: str, target: int) -> str:
    """Set one link, and forget its text; why not, in a sentence."""
    model: Any = plan.what.model
    field = next(f for f in model._meta.concrete_fields if f.attname == column)
    record = model._base_manager.select_for_update(of=("self",)).filter(pk=record_id).first()
    if record is None or getattr(record, column) == target:
        return ""
    if record_id == target:
        return f"{field.verbose_name}: it cannot be its own."
    setattr(record, column, target)
    names = {name for name, one in plan.targets().items() if one.column == column}
    record.kept = {name: value for name, value in record.kept.items() if name not in names}
    try:
        with transaction.atomic():
            record.save(update_fields=[field.name, "kept"])
    except Refused as refusal:
        return refusal.message
    return ""


def _names_in_file(run: ImportRun, plan: Plan) -> Iterator[str]:
    """What rows of the file are called, and their ids: in a dry run they are not there to be found."""
    header = run.found["header"]
    places = [
        header.index(name) for name in (plan.column_of("name"), plan.column_of("id"), plan.column_of("email")) if name
    ]
    for good, _ in _all_rows(run):
        if good is not None:
            yield from (good[1][place] for place in places)


def output_of(one: Result) -> Row:
    """A row's result as the job keeps it: the result file is made of it."""
    said = " ".join(filter(None, (one.message, *(message for _, message in one.told))))
    code = one.code or (one.told[0][0] if one.told else "")
    return {
        "line": one.line,
        "id": one.record_id or "",
        "label": "",
        "outcome": one.outcome,
        "code": code,
        "message": said,
    }


def counts_of(results: list[Result]) -> dict[str, int]:
    """The counts of a report."""
    counts = Counts(read=len(results))
    for one in results:
        word = "unchanged" if one.outcome == "skipped" else one.outcome
        setattr(counts, word, getattr(counts, word) + 1)
        counts.flagged += one.outcome != "rejected" and bool(one.told)
    return {name: getattr(counts, name) for name in Counts.__dataclass_fields__}


def problems_of(results: list[Result]) -> list[list[Any]]:
    """What is to be looked at: line, record, code and sentence."""
    found: list[list[Any]] = []
    for one in results:
        record = str(one.record_id or "")
        if one.outcome == "rejected":
            found.append([one.line, record, one.code, one.message])
        found += [[one.line, record, code, message] for code, message in one.told]
    return found


def report_of(job: Job, file: str) -> dict[str, Any]:
    """The whole report, from the slices."""
    counts: Counter[str] = Counter()
    problems: list[dict[str, Any]] = []
    left_out = 0
    for part in JobSlice.objects.filter(job=job, input__do="store").order_by("number").iterator(chunk_size=20):
        result = part.input.get("result") or {"counts": {}, "problems": []}
        counts.update(result["counts"])
        for line, record, code, message in result["problems"]:
            if len(problems) < STORED_PROBLEMS:
                problems.append({"file": file, "line": line, "id": record, "code": code, "message": message})
            else:
                left_out += 1
    files = {file: {name: counts[name] for name in Counts.__dataclass_fields__}}
    return {"files": files, "problems": problems} | ({"problems_left_out": left_out} if left_out else {})


def tried(job: Job, at: datetime) -> None:
    """The report can be read."""
    run = run_of(job)
    if run.stage == Stage.TRYING:
        run.trial, run.stage = report_of(job, run.source), Stage.TRIED
        run.save(update_fields=["trial", "stage"])


def stored(job: Job, at: datetime) -> None:
    """Make the whole report; remove the file, and what was shown of it."""
    run = run_of(job)
    run.report, run.stage, run.finished_at = report_of(job, run.source), Stage.DONE, at
    folder, run.folder = run.folder, ""
    run.found = without_cells(run.found)
    run.save(update_fields=["report", "stage", "finished_at", "folder", "found"])
    transaction.on_commit(lambda: remove_upload(folder))


def without_cells(found: dict[str, Any]) -> dict[str, Any]:
    """What is known of a file without anybody's details: held rows are mended by it later."""
    columns: dict[str, Any] = {
        name: {kind: one[kind] | {"examples": []} for kind in ("dates", "numbers") if kind in one}
        for name, one in found.get("columns", {}).items()
    }
    kept: dict[str, Any] = {name: found[name] for name in ("encoding", "delimiter", "rows", "header") if name in found}
    return {**kept, "columns": columns}


register(JobKind(LOOK, look, finish=looked, allow=allow))
register(JobKind(TRY, try_part, finish=tried, allow=allow, via="import"))
register(JobKind(IMPORT, store_part, finish=stored, allow=allow, via="import"))
