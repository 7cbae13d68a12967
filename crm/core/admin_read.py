"""The base of pages that are only read: what the database or a command writes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from crm.core.admin import RecordAdmin
from crm.core.records import Record


class ReadAdmin(RecordAdmin):
    """A list and a page without a form, whatever the policy would allow: nobody writes these by hand."""

    page_template = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """No field is a field here: the page's own template shows the record."""
        return ()

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """No way to a history where none is kept."""
        context["show_history"] = issubclass(self.model, Record)
        return super().render_change_form(request, context, *args, **kwargs)
