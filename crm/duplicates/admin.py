"""The tab of duplicates: pairs that may be one, by kind of record, with what speaks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from crm import handbook
from crm.core.admin_list import pick
from crm.core.admin_read import ReadAdmin
from crm.core.asking import moment
from crm.core.display import short_day
from crm.duplicates import undo_page  # noqa: F401 - registers its page
from crm.duplicates.evidence import NAME, WORDS, spoken
from crm.duplicates.kinds import kind_of, kinds
from crm.duplicates.models import Pair
from crm.duplicates.views import compare_these, dismiss_pair
from crm.site import site


def in_order(item: tuple[str, Any]) -> int:
    """What is exact comes first."""
    return list(WORDS).index(item[0]) if item[0] in WORDS else len(WORDS)


EXACT = (("True", "The same"), ("False", "Only alike"))


@admin.register(Pair, site=site)
class PairAdmin(ReadAdmin):
    """Pairs; each opens side by side."""

    list_display = ("shown_pair", "object", "shown_why", "shown_state", "shown_found")
    list_display_links = ("shown_pair",)
    list_title = "Duplicates"
    sortable = {}
    list_select_related = ("answered_by",)
    filters = (
        pick("records", "object", lambda: Pair.Of.choices),
        pick("what became of it", "state", lambda: Pair.State.choices),
        pick("evidence", "exact", lambda: EXACT),
    )
    named_filters: ClassVar[Mapping[str, Mapping[str, str]]] = {"To be looked at": {"state": "open"}}
    empty_title = "No duplicates"
    empty_hint = "They are looked for every night, and when somebody enters a record."

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """The names of both records of each pair: one query for each kind."""
        today = handbook.current().today(moment(request))
        ids: dict[str, set[int]] = {name: set() for name in kinds()}
        for pair in rows:
            for one in pair.refs:
                name, _, pk = one.partition(":")
                ids[name].add(int(pk))
        found: dict[str, Any] = {}
        for name, wanted in ids.items():
            if wanted:
                records = kind_of(name).model._base_manager.in_bulk(list(wanted))
                found |= {f"{name}:{pk}": record for pk, record in records.items()}
        for pair in rows:
            pair.both = [(one, found.get(one)) for one in pair.refs]
            pair.today = today

    def get_urls(self) -> list[URLPattern]:
        """Dismissing one, before the admin's catch-all."""
        view = self.admin_site.admin_view(dismiss_pair)
        own = path("<int:pk>/dismiss/", view, name="duplicates_pair_dismiss")
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A pair is looked at side by side."""
        pair = self.get_object(request, object_id)
        if pair is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if not self.has_view_permission(request, pair):
            raise PermissionDenied
        return compare_these(request, pair.refs)

    @admin.display(description="these two")
    def shown_pair(self, pair: Any) -> str:
        """Both names; of one that is gone, its number."""
        both = getattr(pair, "both", [(one, None) for one in pair.refs])
        return " and ".join(str(record) if record is not None else one.replace(":", " ") for one, record in both)

    @admin.display(description="why")
    def shown_why(self, pair: Any) -> SafeString:
        """What both have."""
        said = [
            (spoken(by), "" if by == NAME else ", ".join(keys)) for by, keys in sorted(pair.why.items(), key=in_order)
        ]
        tone = "plumb-label-warning" if pair.exact else ""
        return format_html_join(
            " ", '<span class="plumb-label {}" title="{}">{}</span>', [(tone, keys, words) for words, keys in said]
        )

    @admin.display(description="what became of it")
    def shown_state(self, pair: Any) -> str:
        """Its state, and who said so."""
        label = str(pair.get_state_display())
        return f"{label} ({pair.answered_by})" if pair.answered_by_id else label

    @admin.display(description="found")
    def shown_found(self, pair: Any) -> str:
        """The day it was found."""
        book = handbook.current()
        return short_day(pair.found_at.astimezone(book.zone).date(), getattr(pair, "today", pair.found_at.date()))
