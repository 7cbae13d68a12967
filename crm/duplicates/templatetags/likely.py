"""`{% likely_duplicates %}`: who may be the same, above the form of a record, and while a new one is entered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.urls import reverse

from crm.core.permissions import may
from crm.duplicates.finding import likely
from crm.duplicates.kinds import kinds
from crm.duplicates.values import compare_address, ref

register = template.Library()
AT_ONCE = 4  # beside the record itself


@register.inclusion_tag("duplicates/note.html", takes_context=True)
def likely_duplicates(context: Mapping[str, Any]) -> dict[str, Any]:
    """Of a stored record who shares a key with it; of a new one a part that asks as it is filled in."""
    kind = kinds().get(str(getattr(context.get("opts"), "model_name", "")))
    record: Any = context.get("original")
    if kind is None or type(record) not in (kind.model, type(None)):
        return {}
    if record is None:
        name = kind.model._meta.model_name
        return {"check": f"{reverse('admin:duplicates_check')}?kind={name}", "form": f"{name}_form"}
    found = likely([record])[record.pk]
    return {
        "likely": [(one, compare_address([ref(record), one.ref])) for one in found],
        "all": compare_address([ref(record), *(one.ref for one in found[:AT_ONCE])]) if len(found) > 1 else "",
        "may_merge": may(context["request"].user, "merge", record),
    }
