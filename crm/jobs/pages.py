"""Pages of jobs: one's own in a list, and each with its count, its progress, what became of it, and its undo."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.jobs import files, heartbeats
from crm.jobs.models import Job
from crm.jobs.results import read_results
from crm.jobs.services import cancel_job, confirm_job, resume_job
from crm.jobs.undo import ENDED, KIND, undo_job, why_not_undone
from crm.jobs.words import judged_words, reasons_of, spoken_counts
from crm.jobs.work import work_here
from crm.site import site

PER_PAGE = 50
HERE = 500  # so many rows are done while the browser waits; more are a worker's


def job_address(job: Job) -> str:
    """Where a job's page is."""
    return reverse("admin:job", args=[job.pk])


def work_now(job: Job) -> Job:
    """Do a job while the browser waits, when it is small enough for that."""
    return work_here(job, via="admin") if job.total <= HERE else job


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """One's own jobs, the newest first; a manager's page shows everybody's."""
    user = user_of(request)
    if not may(user, "view", Job):
        raise PermissionDenied
    mine = "mine" in request.GET or not user.is_manager
    rows = Job.objects.visible_to(user).select_related("by")
    if mine:
        rows = rows.filter(by=user)
    before = whole_number(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    page = list(rows[: PER_PAGE + 1])
    context = {
        **frame(request, "Jobs"),
        "jobs": page[:PER_PAGE],
        "older": page[PER_PAGE - 1].pk if len(page) > PER_PAGE else None,
        "mine": mine,
        "first_page": before is None,
        "may_see_all": user.is_manager,
        "polls": before is None and any(job.unfinished for job in page[:PER_PAGE]),
        "worker": worker_words(request) if any(job.unfinished for job in page) else "",
    }
    return TemplateResponse(request, "jobs/list_body.html" if in_part(request) else "jobs/list.html", context)


@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job: what is asked, how far it is, what became of each row."""
    return show(request, find(request, pk))


def show(request: HttpRequest, found: Job, *, problem: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    """The page of a job, or the part of it that is renewed while it works."""
    user = user_of(request)
    ended = found.state in ENDED
    undoable = ended and found.counts
    not_undone = why_not_undone(found, user, at=moment(request)) if undoable else Refused("unfinished", "")
    undone_from = Job.objects.filter(undone_by=found).first() if found.kind == KIND else None
    context = {
        **frame(request, "Job"),
        "job": found,
        "problem": problem,
        "may_answer": may(user, "change", found),
        "waits": found.state == Job.State.READY,
        "ended": ended,
        "previewing": found.state == Job.State.PREVIEWING,
        "counts": judged_words(found) if not found.counts else spoken_counts(found),
        "reasons": reasons_of(found),
        "outcomes": sorted(found.counts.get("outcomes", {})),
        "results": read_results(found, request.GET) if found.counts else None,
        "can_undo": not_undone is None,
        "undone_from": undone_from,
        "has_file": ended and files.has_file(found),
        "file_removed": files.KEPT_DAYS if files.REMOVED in found.input else 0,
        "worker": worker_words(request) if found.unfinished and found.lease is None else "",
        "back": found.input.get("list", ""),
    }
    template = "jobs/job_body.html" if in_part(request) else "jobs/job.html"
    return TemplateResponse(request, template, context, status=status)


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm, cancel, resume or undo a job; what cannot be done is said on its page."""
    found, user, at = find(request, pk), user_of(request), moment(request)
    acts: dict[str, Callable[[], Job]] = {
        "confirm": lambda: work_now(
            confirm_job(found, by=user, at=at, typed=request.POST.get("typed", ""), woken=found.total > HERE)
        ),
        "cancel": lambda: cancel_job(found, by=user, at=at),
        "resume": lambda: resume_job(found, by=user, at=at),
        "undo": lambda: work_now(undo_job(found, by=user, at=at, woken=found.total > HERE)),
    }
    act = acts.get(request.POST.get("answer", ""))
    if act is None:
        raise Http404("There is no such answer.")
    try:
        answered = act()
    except Refused as refusal:
        if refusal.code == "forbidden":
            raise PermissionDenied(refusal.message) from refusal
        status = HTTPStatus.BAD_REQUEST if refusal.code == "not_typed" else HTTPStatus.CONFLICT
        return show(request, find(request, pk), problem=refusal.message, status=status)
    if answered.state == Job.State.CANCELLED and request.POST["answer"] == "cancel" and not answered.done:
        messages.info(request, "Nothing was changed.")
    return HttpResponseRedirect(job_address(answered))


@require_safe
def results_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What became of each row, as a file."""
    found = find(request, pk)
    return attachment(files.result_file(found), f"job-{found.pk}-results.csv")


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file that an export wrote."""
    found = find(request, pk)
    if found.state not in ENDED or not files.has_file(found):
        raise Http404("This job has no file.")
    if not files.is_whole(found):
        gone = "The file is no longer there in full: a person in it was erased since. Export again."
        return show(request, found, problem=gone, status=HTTPStatus.GONE)
    plural = str(found.input.get("plural", "records")).replace(" ", "-")
    return attachment(files.export_file(found), f"{plural}-{found.asked_at:%Y-%m-%d}-{found.pk}.csv")


def attachment(pieces: Any, name: str) -> StreamingHttpResponse:
    """A CSV file that the browser stores."""
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def find(request: HttpRequest, pk: int) -> Job:
    """The job, for whom it is to see."""
    found = get_object_or_404(Job.objects.select_related("by", "undone_by"), pk=pk)
    if not may(user_of(request), "view", found):
        raise PermissionDenied
    return found


def frame(request: HttpRequest, title: str) -> dict[str, Any]:
    """What every page of the admin has."""
    return {**site.each_context(request), "title": title, "at": moment(request)}


def in_part(request: HttpRequest) -> bool:
    """Whether htmx asks for what changes on the page."""
    return bool(getattr(request, "htmx", False))


def worker_words(request: HttpRequest) -> str:
    """What keeps jobs from being worked, if anything is known to."""
    worker = heartbeats.judge(at=moment(request))["worker"]
    if worker == heartbeats.OK:
        return ""
    return f"No worker is at work now ({worker}). This waits until one is; nothing is lost."


site.page("jobs/", "jobs")(jobs)
site.page("jobs/<int:pk>/", "job")(job)
site.page("jobs/<int:pk>/answer/", "job_answer")(answer)
site.page("jobs/<int:pk>/results.csv", "job_results")(results_csv)
site.page("jobs/<int:pk>/file/", "job_file")(download)
