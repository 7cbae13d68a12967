"""What the forms beside a timeline do, and its further pages: one domain call each, its answer shown in place."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from crm.activities.feed import FIRST, RECORDS, entries, feed
from crm.activities.models import Task
from crm.activities.planning import finish_task, plan_task, reopen_task
from crm.activities.timeline import PAGE, kinds_of
from crm.activities.timeline_rows import read_place
from crm.activities.touch_forms import TaskForm, TouchForm
from crm.activities.touching import log_touch
from crm.core.asking import user_of
from crm.core.dialogs import status_of, told, url_of
from crm.core.errors import Refused
from crm.core.offers import VIA
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.history.words import address_of
from crm.site import site


def record_named(request: HttpRequest, name: str, pk: int) -> models.Model:
    """The record an address names, if this person may see it.

    Raises:
        Http404, PermissionDenied.
    """
    if name not in RECORDS:
        raise Http404(f"There is no timeline of a {name}.")
    record: models.Model = get_object_or_404(apps.get_model(RECORDS[name])._default_manager.all(), pk=pk)
    if not may(user_of(request), "view", record):
        raise PermissionDenied
    return record


@require_safe
def show_timeline(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """A page of a record's timeline: within its page by htmx, else a page of its own."""
    record = record_named(request, name, pk)
    only = request.GET.get("only", "")
    if only and only not in kinds_of(record):
        raise Http404(f"A timeline has no {only}.")
    place = read_place(request.GET["after"]) if "after" in request.GET else {}
    if place is None:
        raise Http404("This page of the timeline is none: begin with the newest entries.")
    inside = request.htmx  # type: ignore[attr-defined]
    context = {
        "record": record,
        "timeline_url": request.path,
        "newest": not place,
        **entries(record, user_of(request), only=only, after=place, limit=FIRST if inside and not place else PAGE),
    }
    if inside:
        template = "activities/events.html" if place else "activities/timeline.html"
        return render(request, template, context)
    whole = {**site.each_context(request), "title": f"Timeline of {record}", "back": address_of(record), **context}
    return render(request, "activities/timeline_page.html", whole)


@require_POST
def touch_on(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Log a touch with the record."""
    return _add(request, record_named(request, name, pk), "touch", TouchForm, log_touch)


@require_POST
def task_on(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Add a task about the record."""
    return _add(request, record_named(request, name, pk), "task", TaskForm, plan_task)


def _add(request: HttpRequest, record: models.Model, what: str, kind: Any, add: Any) -> HttpResponse:
    at = timezone.now()
    form, refusal, made = kind(request.POST, at=at, record=record), None, None
    if form.is_valid():
        try:
            made = add(form.about(), actor=user_of(request), at=at, via=VIA, **form.values())
        except Refused as refused:
            refusal = refused
    forms: dict[str, Any] = {f"{what}_form": None if made else form}
    said = {f"{what}_saved": made is not None, f"{what}_refusal": refusal}
    said["violated"] = getattr(made, "violation_of", None)
    return answer(request, record, feed(request, record, at=at, **forms) | said, form, refusal)


@require_POST
def task_done(request: HttpRequest, pk: int) -> HttpResponse:
    """It is done."""
    return _change_task(request, pk, finish_task, "Done")


@require_POST
def task_open(request: HttpRequest, pk: int) -> HttpResponse:
    """It is still to be done."""
    return _change_task(request, pk, reopen_task, "Taken up again")


def _change_task(request: HttpRequest, pk: int, change: Any, said: str) -> HttpResponse:
    task = get_object_or_404(Task.objects.all(), pk=pk)
    if not may(user_of(request), "view", task):
        raise PermissionDenied
    at, refusal = timezone.now(), None
    try:
        task = change(task, actor=user_of(request), at=at, via=VIA)
    except Refused as refused:
        refusal = refused
    name, _, number = request.POST.get("on", "").partition("-")
    if name not in RECORDS or whole_number(number) is None:
        return _back(request, task, f"{said}: {task}", refusal)
    record = record_named(request, name, int(number))
    context = feed(request, record, at=at) | {
        "tasks_refusal": refusal,
        "just_done": task if refusal is None and task.done_at else None,
    }
    return answer(request, record, context, None, refusal, said=f"{said}: {task}")


def _back(request: HttpRequest, record: models.Model, said: str, refusal: Refused | None) -> HttpResponse:
    if refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    home = request.POST.get("next") == "home"
    return told(HttpResponseRedirect(reverse("admin:index") if home else url_of(record, "change")), refusal)


def answer(
    request: HttpRequest,
    record: Any,
    context: dict[str, Any],
    form: BaseForm | None,
    refusal: Refused | None,
    *,
    said: str = "",
    template: str = "activities/feed.html",
) -> HttpResponse:
    """The changed part of the page; without htmx, the record's page, or the forms with what was typed and is wrong."""
    if not request.htmx:  # type: ignore[attr-defined]
        wrong = (
            [f"{form[field].label}: {' '.join(map(str, errors))}" for field, errors in form.errors.items()]
            if form
            else []
        )
        for sentence in wrong:
            messages.error(request, sentence)
        if violated := context.get("violated"):
            messages.warning(request, f"Logged. They were not to be contacted ({violated}): their manager is told.")
        if form is not None and (wrong or refusal):
            page = {"title": str(record), "back": address_of(record), "record": record, "part": template}
            whole = {**site.each_context(request), **page, **context}
            return told(render(request, "activities/feed_page.html", whole, status=status_of(refusal)), refusal)
        return _back(request, record, said or "Saved.", refusal)
    return told(render(request, template, context, status=status_of(refusal)), refusal)
