"""Fields of leads that layouts and lists name, beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q

from crm.activities.models import Activity, NextTouch
from crm.workspace.fields import Field, declare
from leads.models import Lead
from leads.statuses import CLOSED, OPEN


def names(leads: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """First and last name; without one, what they are reached by."""
    return {lead.pk: lead.name for lead in leads}


def last_touches(leads: Sequence[Any], at: datetime) -> Mapping[int, datetime]:
    """When each was last touched."""
    rows = Activity.objects.filter(lead__in=[lead.pk for lead in leads]).order_by().values_list("lead")
    return dict(rows.annotate(last=Max("happened_at")))


def next_touches(leads: Sequence[Any], at: datetime) -> Mapping[int, date]:
    """When each is to be touched next."""
    return dict(NextTouch.objects.filter(lead__in=[lead.pk for lead in leads]).values_list("lead", "due_on"))


def next_touch_rows(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Leads by the day of their next touch."""
    if operator in ("empty", "not_empty"):
        return Q(next_touch__isnull=operator == "empty")
    days = [date.fromisoformat(value) for value in values]
    if operator in ("is", "is_not"):
        found = Q(next_touch__due_on__in=days)
        return found if operator == "is" else ~found
    return Q(**{f"next_touch__due_on__{'gte' if operator == 'at_least' else 'lte'}": days[0]})


def are_open(leads: Sequence[Any], at: datetime) -> Mapping[int, bool]:
    """Whether each is still worked, or to be."""
    return {lead.pk: lead.status not in CLOSED for lead in leads}


def open_rows(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Leads that are still worked, or to be; with “no”, the closed ones."""
    wanted = [status for word, statuses in (("yes", OPEN), ("no", CLOSED)) if word in values for status in statuses]
    return Q(status__in=wanted)


declare(
    Lead,
    Field("name", "name", parts=("first_name", "last_name"), values=names),
    Field("last_touch", "last touch", kind="datetime", values=last_touches),
    Field("next_touch", "next touch", kind="date", values=next_touches, condition=next_touch_rows),
    Field("open", "open", kind="yes_no", values=are_open, condition=open_rows),
    Field("created", "created", kind="datetime", column="created_at", order=("id",)),
)
