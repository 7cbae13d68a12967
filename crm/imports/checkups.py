"""What checkups look at in what was brought in by files (K6)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from django.db.models import Count, Min

from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.checkups.words import counted
from crm.imports.models import HeldRow, ImportRun
from crm.imports.problems import problem_of
from crm.jobs.models import Job

Stage = ImportRun.Stage
# What a report says of a word that is in none of the handbook's lists.
UNKNOWN_WORDS = ("unmapped_value", "unknown_status", "unknown_stage")
NOUNS = {"unknown_status": "Status", "unknown_stage": "Stage"}
EXAMPLES = 5
# So many of the newest imports are looked through for the newest one of each file.
NEWEST = 200


def subject_of(run: ImportRun) -> str:
    """What a finding about an import is about."""
    return f"import:{run.pk}"


def newest_of_each_file() -> Iterator[tuple[ImportRun, str]]:
    """Of every kind of file the newest import that stored it and was not undone, and its name in the report.

    Salesforce's files are told apart by name, CSV files by the kind of record and the system that they came from.
    """
    newest: dict[tuple[str, ...], tuple[int, str]] = {}
    # Without the problems of each, which may be ten thousand.
    runs = ImportRun.objects.filter(stage=Stage.DONE).order_by("-id")
    for pk, system, choices, files in runs.values_list("pk", "system", "choices", "report__files")[:NEWEST]:
        for file in files or {}:
            newest.setdefault(_kind_of_file(system, choices, file), (pk, file))
    for pk, file in newest.values():
        yield ImportRun.objects.defer("trial", "parts", "found").get(pk=pk), file


def _kind_of_file(system: str, choices: dict[str, Any], file: str) -> tuple[str, ...]:
    if system == "csv":
        return (system, str(choices.get("object", "")), str(choices.get("system", "")))
    return (system, file.rpartition("/")[2].lower())


@checkup(
    "process.import_values",
    title="Imports bring words of the handbook's lists",
    row="K6",
    severity="warning",
    why="A word that means nothing here is kept with the record, and no filter and no report finds it.",
)
def values_of_imports(look: Look) -> Looked:
    """The newest import of each file: rows with words that it could not translate."""
    sights, files = [], 0
    for run, file in newest_of_each_file():
        files += 1
        found = [one for one in run.report.get("problems", []) if one["file"] == file and one["code"] in UNKNOWN_WORDS]
        if not found:
            continue
        columns = Counter(_column(one) for one in found)
        lines = sorted({one["line"] for one in found if one["line"]})
        least = "At least " if run.report.get("problems_left_out") else ""
        sights.append(
            Sight(
                expected="Words that the handbook knows, or maps",
                found=f"{least}{len(found):,} of {run.report['files'][file].get('read', 0):,} rows with other words",
                subject=subject_of(run),
                label=str(run),
                detail=file,
                evidence=[
                    ("Columns", ", ".join(f"{name} ({count:,})" for name, count in columns.most_common(EXAMPLES))),
                    ("For example", "lines " + ", ".join(str(line) for line in lines[:EXAMPLES])),
                ],
            )
        )
    return Looked(files, sights)


def _column(problem: dict[str, Any]) -> str:
    """Which column a problem is about: its sentence begins with it. The word in it is nothing to pass on."""
    if problem["code"] in NOUNS:
        return NOUNS[problem["code"]]
    return str(problem["message"]).partition("“")[0].strip(" :")[:60] or "A column"


@checkup(
    "process.import_columns",
    title="Files have the columns that they had",
    row="K6",
    severity="note",
    why="A column that a file had and has no more leaves its field as it was: it grows old, and nobody sees it.",
)
def columns_of_imports(look: Look) -> Looked:
    """The newest CSV file of each kind against the one before it of the same columns, but for those that went."""
    sights, files = [], 0
    kinds: dict[tuple[str, ...], list[ImportRun]] = defaultdict(list)
    done = ImportRun.objects.filter(system="csv", stage=Stage.DONE).order_by("-id")
    for run in done.only("system", "choices", "found", "started_at")[:NEWEST]:
        kinds[_kind_of_file(run.system, run.choices, "")].append(run)
    for (_, kind, _), runs in sorted(kinds.items()):
        newest, before = runs[0], runs[1:]
        files += 1
        has = set(newest.found.get("header", []))
        # Another file altogether is no successor: most of its columns are others.
        like = next((one for one in before if len(has & set(one.found.get("header", []))) * 2 > len(has)), None)
        if like is None:
            continue
        mapped = like.choices.get("columns", {})
        to = {one.get("to") for one in newest.choices.get("columns", {}).values()}
        for name in like.found.get("header", []):
            target = mapped.get(name, {}).get("to", "")
            if name not in has and target and target not in to:
                sights.append(
                    Sight(
                        expected=f"A column for {target.replace('_', ' ')}, as in the file before",
                        found="No column for it",
                        subject=subject_of(newest),
                        label=str(newest),
                        detail=f"{kind}.{target}",
                        evidence=[("It was there in", str(like))],
                    )
                )
    return Looked(files, sights)


@checkup(
    "process.held_rows",
    title="Held rows are released or discarded",
    row="K6",
    severity="warning",
    why="A row that waits is a record that is not here.",
)
def held_rows(look: Look) -> Looked:
    """Rows that wait for a person for longer than the handbook has it, by import and problem."""
    days = look.book.checkups.held_days
    waiting = HeldRow.objects.waiting()
    old = waiting.filter(created_at__lt=look.at - timedelta(days=days)).order_by()
    grouped = old.values_list("run", "code", "object").annotate(rows=Count("pk"), since=Min("created_at"))
    groups = list(grouped.order_by("run", "code", "object"))
    runs = ImportRun.objects.only("system", "started_at").in_bulk({run for run, *_ in groups})
    sights = [
        Sight(
            expected=f"Released or discarded within {counted(days, 'day')}",
            found=f"{rows:,} {'wait' if rows != 1 else 'waits'}: {problem_of(code, kind, rows).title}",
            subject=subject_of(runs[run]),
            label=str(runs[run]),
            detail=f"{kind}:{code}",
            evidence=[("Waiting for", counted((look.at - since).days, "day"))],
        )
        for run, code, kind, rows, since in groups
    ]
    return Looked(waiting.count(), sights)


@checkup(
    "process.import_failed",
    title="Imports come to their end",
    row="K6",
    severity="error",
    why="A part of the file is here and a part is not: resume it, or undo it.",
)
def broken_off(look: Look) -> Looked:
    """Imports and undoings whose job failed or was cancelled, and nobody went on with."""
    begun = (Stage.RUNNING, Stage.UNDOING)
    stopped = ImportRun.objects.filter(job__state=Job.State.FAILED, stage__in=(Stage.LOOKING, Stage.TRYING, *begun))
    stopped |= ImportRun.objects.filter(job__state=Job.State.CANCELLED, stage__in=begun)
    sights = []
    for run in stopped.select_related("job").defer("report", "trial", "parts", "found"):
        job = cast(Job, run.job)
        sights.append(
            Sight(
                expected="Brought in to its end, or undone",
                found=f"{run.get_stage_display()}: {job.get_state_display().lower()}",
                subject=subject_of(run),
                label=str(run),
                evidence=[("Rows done", f"{job.done:,} of {job.total:,}")] if job.total else [],
            )
        )
    return Looked(ImportRun.objects.exclude(stage=Stage.DROPPED).count(), sights)
