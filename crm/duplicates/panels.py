"""On the page of a record: which records were merged into it, and how that is undone."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from crm.core.asking import moment, user_of
from crm.core.panels import panel
from crm.duplicates.kinds import kinds
from crm.duplicates.models import Tombstone
from crm.duplicates.undoing import DAYS
from crm.history.words import kind_name

SHOWN = 5


def offer() -> None:
    """Offer it to the pages of every kind that can be merged; once all of them are known."""
    models = [kind.model for kind in kinds().values()]
    panel("merged", "Merged into this", *models, always=True)(merged)


def merged(request: HttpRequest, record: Any) -> str:
    """Which records were merged into this one, by whom, and how that is undone."""
    name = str(record._meta.model_name)
    found = Tombstone.objects.filter(survivor_object=name, survivor_id=record.pk).select_related("by")[:SHOWN]
    at, user = moment(request), user_of(request)
    rows = [
        (
            f"{kind_name(stone.object).capitalize()} {stone.merged_id}",
            stone,
            reverse("admin:duplicates_undo", args=[stone.transaction_id])
            if (at - stone.at).days < DAYS and (user.is_manager or user.pk == stone.by_id)
            else "",
            reverse("admin:history_transaction_change", args=[stone.transaction_id]) if user.is_manager else "",
        )
        for stone in found
    ]
    return render_to_string("duplicates/merged.html", {"rows": rows}, request) if rows else ""
