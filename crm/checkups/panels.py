"""On the page of a record: what checkups found on it and is not gone, for those who may put it right."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, When
from django.http import HttpRequest
from django.template.loader import render_to_string

from crm.checkups.models import Finding, Severity
from crm.checkups.rules import rule_of
from crm.core.asking import user_of
from crm.core.panels import panel
from crm.core.permissions import may
from crm.workspace.models import OBJECTS
from crm.workspace.validity import model_of

SHOWN = 10
WEIGHT = Case(*(When(severity=one, then=place) for place, one in enumerate(Severity)))


def offer() -> None:
    """Offer it to the pages of every kind of record, once all of them are known."""
    panel("findings", "Findings", *(model_of(kind) for kind, _ in OBJECTS), always=True)(findings)


def findings(request: HttpRequest, record: Any) -> str:
    """The open findings of this record, the weightiest first; one query, and none for who may not change it."""
    if not may(user_of(request), "change", record):
        return ""
    found = Finding.objects.open().of_record(str(record._meta.model_name), record.pk)
    rows = [(one, rule_of(one.rule)) for one in found.order_by(WEIGHT, "pk")[: SHOWN + 1]]
    if not rows:
        return ""
    context = {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}
    return render_to_string("checkups/panel.html", context, request)
