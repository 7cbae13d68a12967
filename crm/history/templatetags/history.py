"""The history panel, wherever a page wants it: `{% load history %}{% history_panel record %}`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.db import models
from django.template.context import Context

from crm.core.flow import Stateful
from crm.core.text import whole_number
from crm.history.selectors import history_of, time_in_states

register = template.Library()
PAGE = 50
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


@register.inclusion_tag("history/panel.html", takes_context=True)
def history_panel(context: Context, record: models.Model, limit: int = PAGE) -> dict[str, Any]:
    """The newest changes of a record, older ones by `?before=` where the page hands the request on."""
    request = context.get("request")
    asked = request.GET.get("before", "") if request else ""
    # Entries from before the record came here have negative ids.
    before = whole_number(asked.removeprefix("-"))
    before = -before if before and asked.startswith("-") else before
    entries = history_of(record, limit + 1, before=before)
    more = len(entries) > limit
    return {"entries": entries[:limit], "older": entries[limit - 1].id if more else None, "paged": before is not None}


@register.inclusion_tag("history/states.html")
def states_panel(record: Stateful, at: datetime) -> dict[str, Any]:
    """How long a record has been in each status."""
    return {"states": time_in_states(record, at=at)}


@register.filter
def has_flow(record: object) -> bool:
    """Whether a record moves through statuses."""
    return isinstance(record, Stateful)


@register.filter
def long_time(seconds: float) -> str:
    """A length of time in its two largest units: "3 days, 4 hours"."""
    left = int(seconds)
    parts: list[str] = []
    for name, size in UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(parts[:2]) or "less than a minute"
