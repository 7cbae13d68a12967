"""The change log in the admin: every writing transaction with its changes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path

from crm.core.admin_list import OwnerFilter, PickFilter
from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.history.models import Change, Move, Transaction
from crm.history.selectors import HOW, Entry, Words
from crm.history.views import undo, undo_offer
from crm.history.words import address_of, kind_name, kind_of
from crm.site import site

SHOWN = 100


class ByFilter(OwnerFilter):
    """By who wrote; nobody is the database itself."""

    title = "who"
    parameter_name = "who"
    column = "actor_id"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        service: Any = get_user_model()._default_manager
        programs = service.filter(is_service=True)
        return [*super().options(request), *((str(one.pk), f"{one} (service account)") for one in programs)]


class HowFilter(PickFilter):
    """By the door."""

    title = "how"
    parameter_name = "how"
    column = "via"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(key or "outside", words[:1].upper() + words[1:]) for key, words in HOW.items() if key != "database"]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        outside = ["", "database"] if "outside" in picked else []
        return models.Q(via__in=[*picked, *outside])


@admin.register(Transaction, site=site)
class TransactionAdmin(ReadAdmin):
    """Who wrote what, by which door, when and why."""

    list_display = ("shown_when", "shown_who", "shown_how", "shown_what", "reason")
    list_display_links = ("shown_when",)
    list_title = "Change log"
    sortable = {}
    filters = (ByFilter, HowFilter)
    empty_title = "Nothing written yet"
    empty_hint = "Every change of a record is written down here by the database, by whatever way it is made."

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """What each transaction of this page changed, counted by kind of record."""
        changes = Change.objects.filter(transaction__in=[row.pk for row in rows]).order_by()
        counts: dict[int, list[str]] = defaultdict(list)
        for row in changes.values("transaction", "object", "op").annotate(many=models.Count("pk")):
            verb = {"I": "made", "U": "changed", "D": "deleted"}[row["op"]]
            counts[row["transaction"]].append(f"{row['many']:,} × {kind_name(row['object'])} {verb}")
        for row in rows:
            row.what = ", ".join(sorted(counts.get(row.pk, [])))

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The changes of one transaction, the first hundred of a big one."""
        changes = list(Change.objects.filter(transaction=obj.pk).select_related("transaction").order_by("id")[:SHOWN])
        return {
            "groups": told(changes),
            "how": HOW.get(obj.via, obj.via),
            "shown": SHOWN,
            "more": Change.objects.filter(transaction=obj.pk).count() if len(changes) == SHOWN else 0,
            **undo_offer(obj, request),
        }

    def get_urls(self) -> list[URLPattern]:
        """The page that undoes it, before the admin's catch-all."""
        own = [path("<int:pk>/undo/", self.admin_site.admin_view(undo), name="history_transaction_undo")]
        return own + super().get_urls()

    @admin.display(description="when")
    def shown_when(self, log: Any) -> str:
        """When it was written."""
        return plain_text(log.recorded_at)

    @admin.display(description="who")
    def shown_who(self, log: Any) -> str:
        """Who wrote."""
        return str(log.actor_name) or "Somebody outside Plumb"

    @admin.display(description="how")
    def shown_how(self, log: Any) -> str:
        """By which door."""
        return HOW.get(log.via, str(log.via))

    @admin.display(description="what")
    def shown_what(self, log: Any) -> str:
        """How many records of which kind."""
        return str(log.what)


def told(changes: list[Change]) -> list[tuple[str, str, Entry]]:
    """Each change as (record, address of its page, entry): names are read once for each kind of record."""
    by_kind: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_kind[change.object].append(change)
    told_by_id: dict[int, tuple[str, str, Entry]] = {}
    for name, group in by_kind.items():
        kind = kind_of(name)
        ids = {change.record_id for change in group}
        found = kind._base_manager.in_bulk(ids) if kind else {}
        moves = {(step.record_id, step.version): step for step in Move.objects.filter(object=name, record_id__in=ids)}
        words = Words(kind(), group) if kind else None
        for change in group:
            record = found.get(change.record_id)
            title = f"{kind_name(name).capitalize()} {record if record else change.record_id}"
            entry = words.entry(change, moves.get((change.record_id, change.version))) if words else None
            if entry is not None:
                told_by_id[change.pk] = (title, address_of(record), entry)
    return [told_by_id[change.pk] for change in changes if change.pk in told_by_id]
