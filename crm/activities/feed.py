"""The panel of a record's timeline: what is to do, what happened, and the forms that add to both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode

from crm import handbook
from crm.activities.models import ABOUT, Activity, Task
from crm.activities.timeline import PAGE, kinds_of, parts_seen, timeline
from crm.activities.timeline_rows import Place, open_tasks_of, write_place
from crm.activities.touch_forms import TaskForm, TouchForm
from crm.core.asking import moment, user_of
from crm.core.panels import panel
from crm.core.permissions import may
from crm.history.words import address_of
from crm.people.models import User

# What a record shows of what is to do; the whole list is one click away.
OPEN_TASKS = 10
# And of what happened: beside other things on its page, it begins with less than on a page of its own.
FIRST = 10
RECORDS = {
    "lead": "leads.Lead",
    "contact": "accounts.Contact",
    "account": "accounts.Account",
    "opportunity": "contracts.Opportunity",
    "contract": "contracts.Contract",
}


def register_panels() -> None:
    """Offer the timeline to the pages of every kind of record that has one; called once all models are there."""
    kinds = [apps.get_model(label) for name, label in RECORDS.items() if name != "lead"]
    panel("activity_feed", "Activity feed", *kinds)(activity_feed)


def activity_feed(request: HttpRequest, record: Any) -> str:
    """Touches, tasks and everything else that happened, with the forms to add to it."""
    return render_to_string("activities/feed_panel.html", feed(request, record, at=moment(request)), request)


def feed(
    request: HttpRequest,
    record: Any,
    *,
    at: datetime,
    touch_form: TouchForm | None = None,
    task_form: TaskForm | None = None,
    only: str = "",
) -> dict[str, Any]:
    """What the panel shows; the forms as they were sent, where something in them will not do."""
    user = user_of(request)
    first = {"kind": request.GET.get("kind", "call")}
    return {
        "record": record,
        "feed_title": "Activity feed",
        "touch_form": touch_form or TouchForm(at=at, record=record, initial=first),
        "task_form": task_form or TaskForm(at=at, record=record),
        "touch_open": touch_form is not None,
        "task_open": task_form is not None,
        "may_log": may(user, "add", Activity),
        "may_plan": may(user, "add", Task),
        **addresses(record),
        **open_tasks(record, user, at=at),
        **entries(record, user, only=only, limit=FIRST),
    }


def addresses(record: models.Model) -> dict[str, str]:
    """Where the forms are sent, and where the timeline goes on."""
    where = [record._meta.model_name, record.pk]
    return {
        "touch_url": reverse("admin:activities_touch_on", args=where),
        "task_url": reverse("admin:activities_task_on", args=where),
        "timeline_url": reverse("admin:activities_timeline", args=where),
        "on": f"{record._meta.model_name}-{record.pk}",
    }


def open_tasks(record: models.Model, user: User, *, at: datetime) -> dict[str, Any]:
    """What is still to do about the record and what belongs to it, the first due first."""
    found: list[Any] = []
    if may(user, "view", Task):
        of_it = open_tasks_of(record, kinds=parts_seen(record, user))
        found = list(Task.objects.open().filter(pk__in=of_it).select_related("owner", *ABOUT)[: OPEN_TASKS + 1])
    for task in found:
        task.yours_to_do = may(user, "change", task)
        task.elsewhere = None if task.about == record else task.about
        task.address = address_of(task)
    return {
        "tasks": [task for task in found[:OPEN_TASKS] if may(user, "view", task)],
        "more_tasks": len(found) > OPEN_TASKS,
        "tasks_url": f"{reverse('admin:activities_task_changelist')}?state=open",
        "today": handbook.current().today(at),
    }


def entries(
    record: models.Model, user: User, *, only: str = "", after: Place | None = None, limit: int = PAGE
) -> dict[str, Any]:
    """One page of the timeline, with the address of the next one, and what it may be narrowed to."""
    page = timeline(record, user=user, only=only, after=after, limit=limit)
    base = reverse("admin:activities_timeline", args=[record._meta.model_name, record.pk])
    older: Mapping[str, str] = {"after": write_place(page.following)} if page.following else {}
    return {
        "events": page.events,
        "only": only,
        "kinds": [(kind, kind.capitalize()) for kind in kinds_of(record)],
        "older_url": f"{base}?{urlencode({**({'only': only} if only else {}), **older})}" if older else "",
    }
