"""The pages of a CSV import: upload, the steps of its choices, what became of each row."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Account
from crm.core.admin import moment, refusal_words, user_of
from crm.core.errors import Missing, Refused
from crm.core.keys import key_of
from crm.core.permissions import may
from crm.core.text import tidy
from crm.imports import runs as every_run
from crm.imports.csv import runs
from crm.imports.csv.plan import Column, Plan
from crm.imports.csv.results import result_file
from crm.imports.csv.targets import OBJECTS
from crm.imports.csv.templates import drop_template, keep_template
from crm.imports.models import ImportRun, ImportTemplate
from crm.imports.views_runs import page_of, ticket_of
from crm.site import site

STEPS: dict[str, tuple[Any, str]] = {
    "try": (runs.try_csv, "The dry run has begun."),
    "start": (runs.start_csv, "The import has begun."),
    "cancel": (every_run.cancel, "Cancelled: it stops after the rows that are at work."),
    "resume": (every_run.resume, "It goes on where it stopped."),
    "undo": (every_run.undo, "The import is being undone."),
    "drop": (every_run.drop_run, "The file was dropped, and removed."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Choose a file and what its rows are; what is wrong with it is said at once."""
    user = user_of(request)
    if not user.is_manager:
        raise PermissionDenied
    problem, field, status = "", "", 200
    ticket = ticket_of(request)
    if request.method == "POST":
        try:
            run = runs.upload_csv(
                request.FILES.get("files"),
                object=request.POST.get("object", ""),
                ticket=ticket,
                actor=user,
                at=moment(request),
            )
            return HttpResponseRedirect(page_of(run))
        except Refused as refused:
            problem, status, ticket = refusal_words(refused), 422, uuid4()
            field = next((one.field for one in refused.missing), "files")
    context = {
        **site.each_context(request),
        "title": "Import a CSV file",
        "problem": problem,
        "wrong": field,
        "ticket": ticket,
        "limit": runs.most_bytes() // 1024 // 1024,
        "objects": [(one.key, one.label) for one in OBJECTS.values()],
        "object": request.POST.get("object", ""),
        "templates": ImportTemplate.objects.select_related("by"),
        "labels": {one.key: one.label for one in OBJECTS.values()},
        "back": reverse("admin:imports_importrun_changelist"),
        "opts": ImportRun._meta,
        "list_title": "Imports",
    }
    return TemplateResponse(request, "admin/imports/csv/upload.html", context, status=status)


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """One step of one import: read anew, keep columns or values, keep the matching, try, start, cancel, undo."""
    user = user_of(request)
    if not user.is_manager:
        raise PermissionDenied
    run = get_object_or_404(ImportRun, pk=pk, system="csv")
    do = request.POST.get("do", "")
    try:
        return HttpResponseRedirect(_carry_out(request, run, do))
    except Refused as refused:
        messages.error(request, refusal_words(refused))
        return HttpResponseRedirect(page_of(run, do if do in ("file", "columns", "values") else ""))


def _carry_out(request: HttpRequest, run: ImportRun, do: str) -> str:
    """Where to go after the step.

    Raises:
        Refused: what the step's service says.
        SuspiciousOperation: for a step that no page offers.
    """
    user, at, sent = user_of(request), moment(request), request.POST
    if do == "file":
        runs.change_file(
            run,
            object=sent.get("object", ""),
            encoding=sent.get("encoding", ""),
            # A browser does not send a tab by itself.
            delimiter={"tab": "\t"}.get(sent.get("delimiter", ""), sent.get("delimiter", "")),
            template=sent.get("template", ""),
            actor=user,
            at=at,
        )
        return page_of(run)
    if do in ("columns", "values"):
        plan = Plan.from_json(run.choices)
        changes = _columns(request, plan, run) if do == "columns" else _values(request, plan, run)
        runs.keep_plan(run, changes, actor=user, at=at)
        return page_of(run, "values" if do == "columns" else "check")
    if do == "template":
        kept = keep_template(
            Plan.from_json(run.choices), run.found.get("header", []), sent.get("template_name", ""), actor=user, at=at
        )
        messages.success(request, f"The matching is kept as “{kept.name}”.")
        return page_of(run, "check")
    if do not in STEPS:
        raise SuspiciousOperation("no such step")
    call, said = STEPS[do]
    call(run, actor=user, at=at)
    messages.success(request, said)
    return page_of(run)


def _columns(request: HttpRequest, plan: Plan, run: ImportRun) -> dict[str, Any]:
    """What each column becomes, by its place in the file, and by what rows are known."""
    sent = request.POST
    columns = {}
    for place, name in enumerate(run.found.get("header", [])):
        before = plan.columns.get(name, Column())
        to = sent.get(f"to:{place}", before.to)
        columns[name] = Column(to, before.format if to == before.to else "")
    return {
        "columns": columns,
        "key": sent.get("key", plan.key),
        "system": tidy(sent.get("system", plan.system)).lower(),
        "mode": sent.get("mode", plan.mode),
    }


def _values(request: HttpRequest, plan: Plan, run: ImportRun) -> dict[str, Any]:
    """Formats, words and people as they were chosen, by the columns' places in the file.

    Raises:
        Refused: `unknown_account`.
    """
    sent, header = request.POST, run.found.get("header", [])
    columns = dict(plan.columns)
    words: dict[str, dict[str, str]] = {name: dict(chosen) for name, chosen in plan.words.items()}
    people = dict(plan.people)
    for field, value in sent.items():
        kind, _, rest = field.partition(":")
        if kind == "format" and rest in columns:
            columns[rest] = Column(columns[rest].to, str(value))
        elif kind == "word":
            place, _, word = rest.partition(":")
            if place.isdecimal() and int(place) < len(header):
                words.setdefault(header[int(place)], {})[word] = str(value)
        elif kind == "person":
            people[rest] = str(value) or sent.get("people_left", "")
    changes: dict[str, Any] = {
        "columns": columns,
        "words": {name: {word: key for word, key in chosen.items() if key} for name, chosen in words.items()},
        "people": {text: value for text, value in people.items() if value},
        "pattern": tidy(sent.get("pattern", plan.pattern))[:500],
        "owner": sent.get("owner", plan.owner),
    }
    if "account" in sent:
        changes["account"] = _account(sent.get("account", ""))
    return changes


def _account(text: str) -> int | None:
    """The account of that name.

    Raises:
        Refused: `unknown_account`, when none or several have it.
    """
    if not tidy(text):
        return None
    found = list(Account.objects.filter(name_key=key_of("name_key", tidy(text))).values_list("pk", flat=True)[:2])
    if len(found) != 1:
        said = f"{'Several accounts have' if found else 'No account here has'} the name “{tidy(text)[:80]}”."
        raise Refused("unknown_account", said, [Missing("unknown_account", said, "account")])
    return int(found[0])


@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a matching that was kept."""
    if not may(user_of(request), "delete", ImportTemplate):
        raise PermissionDenied
    template = get_object_or_404(ImportTemplate, pk=pk)
    drop_template(template, actor=user_of(request))
    messages.success(request, f"The matching “{template.name}” is forgotten.")
    return HttpResponseRedirect(reverse("admin:imports_importrun_csv"))


@require_safe
def results(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """What became of each row, as a file for a spreadsheet."""
    if not may(user_of(request), "view", ImportRun):
        raise PermissionDenied
    run = get_object_or_404(ImportRun.objects.select_related("import_job", "job"), pk=pk, system="csv")
    if run.import_job is None and not run.trial:
        raise Http404("Nothing became of the rows yet.")
    response = StreamingHttpResponse(result_file(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{run.pk}-rows.csv"'
    return response
