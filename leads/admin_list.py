"""The list of leads: who, where they stand, who works them, and what comes next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import source_choices
from crm import handbook
from crm.activities.gate import bars_of
from crm.activities.marks import marked
from crm.activities.models import Activity, kind_choices
from crm.core.admin import moment
from crm.core.admin_list import OneFilter, OwnerFilter, PickFilter, pick
from crm.core.display import short_day
from crm.people.admin import team_choices
from crm.workspace.lists import ListsMixin
from leads.models import rating_choices
from leads.statuses import CLOSED, Status

# Colour says only this much: untouched, being worked, won, put aside, never again.
TONES: dict[str, str] = {str(status): "none" for status in Status} | {
    Status.WORKING_TO_ENGAGE: "info",
    Status.ENGAGED: "info",
    Status.MEETING_SCHEDULED: "info",
    Status.WORKING_TO_CONVERT: "info",
    Status.SAO_CONVERTED: "success",
    Status.CLOSED_NURTURE: "warning",
    Status.CLOSED_DO_NOT_CONTACT: "danger",
}
RATING_TONES = {"hot": "danger", "warm": "warning", "cold": "info"}


def company_today(request: HttpRequest) -> date:
    """Today where the company is: due dates are its calendar's."""
    return handbook.current().today(moment(request))


class NextTouchFilter(OneFilter):
    """Leads by their next touch."""

    title = "next touch"
    parameter_name = "next"
    field = "next_touch"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("due", "Due today or earlier"), ("none", "Open, and nothing planned")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        if "due" in picked:
            return models.Q(next_touch__due_on__lte=company_today(request))
        return models.Q(next_touch__isnull=True) & ~models.Q(status__in=CLOSED)

    def as_conditions(self) -> list[dict[str, Any]]:
        if "due" in self.picked:
            return [{"field": self.about, "operator": "at_most", "values": ["today"]}]
        return [{"field": self.about, "operator": "empty", "values": []}, {"field": "open", "values": ["yes"]}]


class QueueFilter(PickFilter):
    """Leads that nobody owns, by the team in whose queue they wait."""

    title = "queue"
    parameter_name = "queue"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        own = getattr(request.user, "team_id", None)
        mine = [("mine", "My team's")] if own else []
        return [*mine, ("none", "No queue"), *team_choices()]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        own = getattr(request.user, "team_id", None)
        wanted = models.Q()
        for value in picked:
            team = own if value == "mine" else None if value == "none" else int(value)
            wanted |= models.Q(queue=team) if team else models.Q(queue__isnull=True)
        return wanted & models.Q(owner__isnull=True)

    def as_conditions(self) -> list[dict[str, Any]]:
        words = {"mine": "my_team", "none": "nobody"}
        queues = [words.get(value, value) for value in self.picked]
        return [{"field": "queue", "values": queues}, {"field": "owner", "values": ["nobody"]}]


class LeadListMixin(ListsMixin):
    """The list part of the leads' admin."""

    rich = {"name": "shown_name", "last_touch": "last_touch", "next_touch": "next_one"}
    rich_related = {"next_touch": ("next_touch",)}
    tones = {"status": TONES, "rating": RATING_TONES}
    board = ("company", "owner", "next_touch")
    sortable = {"created": ("id",)}
    filters = (
        pick("status", "status", lambda: Status.choices),
        OwnerFilter,
        QueueFilter,
        pick("lead source", "source", source_choices, column="lead_source"),
        pick("rating", "rating", rating_choices),
        NextTouchFilter,
    )
    search_help_text = "Name, company, email or domain"
    empty_title = "No leads yet"
    empty_hint = "Add one, or bring them in from Salesforce with the command import_salesforce."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """Name, company, email or domain; a whole address by its key, one or two letters at the beginning."""
        found: models.QuerySet[Any] = queryset.search(term)  # type: ignore[attr-defined]
        return found

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """The last touch of each lead of this page, in one query."""
        super().prepare_rows(request, rows)
        today = company_today(request)
        newest = (
            Activity.objects.filter(lead__in=[row.pk for row in rows])
            .order_by("lead_id", "-happened_at", "-id")
            .distinct("lead_id")
        )
        last = {touch.lead_id: touch for touch in newest}
        bars = bars_of("lead", [row.pk for row in rows])
        for row in rows:
            row.last, row.today, row.bars = last.get(row.pk), today, bars.get(row.pk, [])

    @admin.display(description="name")
    def shown_name(self, lead: Any) -> str:
        """First and last name, or what they are reached by; and that they are not to be contacted."""
        return marked(lead.name, [] if lead.status == Status.CLOSED_DO_NOT_CONTACT else lead.bars)

    @admin.display(description="last touch", empty_value="Never")
    def last_touch(self, lead: Any) -> str | None:
        """What it was, and when."""
        touch = getattr(lead, "last", None)
        return f"{touch}, {_day(touch.happened_at, lead.today)}" if touch else None

    @admin.display(description="next touch", empty_value="")
    def next_one(self, lead: Any) -> str | None:
        """What is planned, and whether it is due."""
        planned = getattr(lead, "next_touch", None)
        if planned is None:
            return None
        due = " (due)" if planned.due_on <= lead.today else ""
        kind = dict(kind_choices()).get(planned.kind, planned.kind)
        return f"{kind}, {short_day(planned.due_on, lead.today)}{due}"


def _day(moment: datetime, today: date) -> str:
    """The reader's day of a moment."""
    return short_day(timezone.localtime(moment).date(), today)
