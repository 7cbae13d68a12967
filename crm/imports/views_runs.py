"""The pages of an import: upload, choose, try, watch, read the report, undo."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.core.admin import moment, refusal_words, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.history.words import address_of, kind_of
from crm.imports import runs
from crm.imports.choices import handbook_lines, unknown_owners, unknown_words
from crm.imports.csv.pages import addresses as csv_addresses
from crm.imports.csv.pages import context_of as csv_context
from crm.imports.folders import place_of
from crm.imports.models import HeldRow, ImportRun
from crm.imports.problems import problem_of
from crm.imports.uploads import most_bytes
from crm.jobs.models import Job, JobSlice
from crm.people.models import User
from crm.site import site
from crm.sync.models import ExternalId

Stage = ImportRun.Stage
SHOWN_WORDS = 300
SHOWN_PROBLEMS = 500
SHOWN_LEFT = 200
KINDS_SHOWN = 12
Step = Callable[..., ImportRun]
STEPS: dict[str, tuple[Step, str]] = {
    "try": (runs.try_run, "The dry run has begun."),
    "start": (runs.start_run, "The import has begun."),
    "cancel": (runs.cancel, "Cancelled: it stops after the part that is at work."),
    "resume": (runs.resume, "It goes on where it stopped."),
    "undo": (runs.undo, "The import is being undone."),
    "drop": (runs.drop_run, "The upload was dropped, and its files removed."),
}


def page_of(run: ImportRun, step: str = "") -> str:
    """The run's page, at a step of its choices."""
    page = reverse("admin:imports_importrun_change", args=[run.pk])
    return f"{page}?step={step}" if step else page


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Choose a zip or files; what is wrong with them is said at once."""
    if not user_of(request).is_administrator:
        raise PermissionDenied
    problem, status = "", 200
    ticket = ticket_of(request)
    if request.method == "POST":
        try:
            files = request.FILES.getlist("files")
            run = runs.upload_export(files, ticket=ticket, actor=user_of(request), at=moment(request))
            return HttpResponseRedirect(page_of(run))
        except Refused as refused:
            problem, status, ticket = refusal_words(refused), 422, uuid4()
    context = {
        **site.each_context(request),
        "title": "Upload an export",
        "problem": problem,
        "ticket": ticket,
        "limit": most_bytes() // 10 // 1024 // 1024,
        "back": reverse("admin:imports_importrun_changelist"),
        "opts": ImportRun._meta,
        "list_title": "Imports",
    }
    return TemplateResponse(request, "admin/imports/upload.html", context, status=status)


def ticket_of(request: HttpRequest) -> UUID:
    """By which an upload that is sent twice is known; a new one where none came."""
    try:
        return UUID(request.POST.get("ticket", ""))
    except ValueError:
        return uuid4()


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """One step: keep the choices, try, start, cancel, resume, undo or drop."""
    run = get_object_or_404(ImportRun, pk=pk)
    if not user_of(request).is_administrator:
        raise PermissionDenied
    step = request.POST.get("do", "")
    actor, at = user_of(request), moment(request)
    try:
        if "chosen" in request.POST and step in ("choose", "try", "start"):
            words, owners = chosen_in(request)
            run = runs.choose(run, words=words, owners=owners, actor=actor, at=at)
        if step == "choose":
            messages.success(request, "Your choices are kept.")
        elif step in STEPS:
            call, said = STEPS[step]
            run = call(run, actor=actor, at=at)
            messages.success(request, said)
        else:
            raise SuspiciousOperation("no such step")
    except Refused as refused:
        messages.error(request, refusal_words(refused))
    return HttpResponseRedirect(page_of(run))


def chosen_in(request: HttpRequest) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """The choices of the form: of words as `word:map:theirs`, of owners as `owner:id`."""
    words, owners = {}, {}
    for name, value in request.POST.items():
        kind, _, rest = name.partition(":")
        if kind == "word":
            key, _, word = rest.partition(":")
            words[key, word] = str(value)
        elif kind == "owner":
            owners[rest] = str(value)
    return words, owners


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it is, for the page that watches; when the stage has changed, the page is loaded anew."""
    run = get_object_or_404(ImportRun.objects.select_related("job", "import_job", "by"), pk=pk)
    if not may(user_of(request), "view", run):
        raise PermissionDenied
    response = TemplateResponse(request, "admin/imports/run_progress.html", {"run": run, **progress_of(run)})
    if run.job is None or not run.job.unfinished or run.stage != request.GET.get("stage", run.stage):
        response["HX-Refresh"] = "true"
    return response


def progress_of(run: ImportRun) -> dict[str, Any]:
    """How far the present job is, in rows, and what it did so far."""
    job = run.job
    if job is None:
        return {"job": None}
    outcomes = job.counts.get("outcomes", {})
    so_far = [(outcomes[word], word) for word in ("created", "updated", "unchanged", "rejected") if word in outcomes]
    return {"job": job, "percent": job.percent, "so_far": so_far}


def context_of(run: ImportRun, request: HttpRequest) -> dict[str, Any]:
    """What the run's page shows at its stage."""
    user = user_of(request)
    administrator = user.is_administrator
    # Who may go on with it: a file is a manager's business, an export an administrator's.
    able = user.is_manager if run.is_csv else administrator
    job = run.job
    stopped = job is not None and job.state in (Job.State.FAILED, Job.State.CANCELLED)
    context: dict[str, Any] = {
        "run": run,
        "stage": run.stage,
        "administrator": administrator,
        "at_work": job is not None and job.unfinished,
        "stopped": stopped and run.stage in (Stage.LOOKING, Stage.TRYING, Stage.RUNNING, Stage.UNDOING),
        "rows": 0 if run.is_csv else runs.rows_found(run),
        "found": [] if run.is_csv else in_order(run.found),
        "may_import": able,
        "can_undo": able
        and run.import_job is not None
        and not run.import_job.unfinished
        and run.stage in (Stage.DONE, Stage.RUNNING),
        **progress_of(run),
    }
    if run.is_csv:
        context |= csv_context(run, request, user)
    elif run.stage in (Stage.CHOOSING, Stage.TRIED) or (run.stage == Stage.TRYING and stopped):
        words = unknown_words(run)
        context |= {
            "words": words[:SHOWN_WORDS],
            "words_left_out": max(0, len(words) - SHOWN_WORDS),
            "owners": [
                (one, rows, str(run.choices.get("owners", {}).get(one, ""))) for one, rows in unknown_owners(run)
            ],
            "people": [(str(user.pk), str(user)) for user in User.objects.active_people()],
            "lines": handbook_lines(run),
            "too_large": context["rows"] > runs.TRIED_AT_ONCE,
        }
    if run.stage in (Stage.UNDONE, Stage.UNDOING) and job is not None:
        context["left"] = list(_left(job))
    context |= report_of(run, run.trial if run.trial and run.stage in (Stage.TRIED, Stage.CHOOSING) else run.report)
    context["is_trial"] = bool(run.trial) and run.stage in (Stage.TRIED, Stage.CHOOSING)
    return context


def in_order(files: dict[str, Any]) -> list[tuple[str, Any]]:
    """Files as they are imported, and the others after them; the database keeps no order of keys."""
    return sorted(files.items(), key=lambda one: (place_of(one[0]), one[0].lower()))


def _left(job: Job) -> Iterator[dict[str, Any]]:
    """The records that an undo left alone."""
    count = 0
    for part in JobSlice.objects.filter(job=job).exclude(output=None).order_by("number").iterator(chunk_size=20):
        for row in part.output or []:
            if row.get("object") and count < SHOWN_LEFT:
                count += 1
                yield row


def report_of(run: ImportRun, report: dict[str, Any]) -> dict[str, Any]:
    """The report as tables; each problem leads to the record or to the held row it is about."""
    problems = list(report.get("problems", []))
    shown = problems[:SHOWN_PROBLEMS]
    waiting = HeldRow.objects.waiting().filter(run=run).count()
    where = csv_addresses(run, shown) if run.is_csv else addresses(run.system, [one.get("id", "") for one in shown])
    return {
        "files": in_order(report.get("files", {})),
        "problems": list(zip(shown, where, strict=True)),
        "kinds": [
            (rows, problem_of(code, "", rows).title)
            for code, rows in Counter(one.get("code", "") for one in problems).most_common(KINDS_SHOWN)
        ]
        if run.is_csv
        else [],
        "more": len(problems) - len(shown) + report.get("problems_left_out", 0),
        "waiting": waiting,
        "held_address": f"{reverse('admin:imports_heldrow_changelist')}?state=held&run={run.pk}",
    }


def addresses(system: str, ids: list[str]) -> list[str]:
    """Where the record, or else the held row, of each id of another system is; empty where there is neither."""
    wanted = {one for one in ids if one}
    found: dict[str, str] = {}
    for held in HeldRow.objects.filter(system=system, external_id__in=wanted):
        found[held.external_id] = address_of(held)
    for known in ExternalId.objects.filter(system=system, value__in=wanted):
        kind = kind_of(known.object)
        if kind is not None:
            found[known.value] = address_of(kind(pk=known.record_id))
    return [found.get(one, "") for one in ids]


@require_safe
def problems_file(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """All problems as a file for a spreadsheet."""
    run = get_object_or_404(ImportRun.objects.select_related("import_job"), pk=pk)
    if not may(user_of(request), "view", run):
        raise PermissionDenied
    if not run.report and not run.trial:
        raise Http404("There is no report yet.")
    response = StreamingHttpResponse(_lines(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{run.pk}-problems.csv"'
    return response


class _Echo:
    """What a CSV writer writes to: it hands the line back."""

    def write(self, line: str) -> str:
        return line


def _lines(run: ImportRun) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(["File", "Line", "Id there", "Code", "What"])
    for row in _problem_rows(run):
        yield writer.writerow([_cell(value) for value in row])


def _problem_rows(run: ImportRun) -> Iterator[list[Any]]:
    """Every problem, from the slices where a stored report leaves some out."""
    if run.import_job is not None and run.report.get("problems_left_out"):
        for one in runs.unread(run):
            yield [one["file"], "", "", one["code"], one["message"]]
        parts = JobSlice.objects.filter(job=run.import_job, input__do="store").exclude(output=None).order_by("number")
        for part in parts.iterator(chunk_size=20):
            for line, external_id, code, message in part.input["result"]["problems"]:
                yield [part.input["file"], line or "", external_id, code, message]
        return
    for one in (run.report or run.trial).get("problems", []):
        yield [one["file"], one["line"] or "", one["id"], one["code"], one["message"]]


def _cell(value: Any) -> str:
    """No cell begins a formula: the values came from a file that anybody may have written."""
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
