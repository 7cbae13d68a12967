"""The handbook in the admin: the file in force as it was read, and the versions before it. Only read here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.core.labels import use_writer
from crm.handbook import configured_path, current, policies  # noqa: F401 - registers who may read it
from crm.handbook.models import HandbookVersion
from crm.site import site

# Labels of every form are written as the handbook says (L15).
use_writer(lambda label, met: current().wording.corrected(label, met))


@admin.register(HandbookVersion, site=site)
class HandbookAdmin(ReadAdmin):
    """The versions of the handbook, the one in force first."""

    list_display = ("shown_when", "shown_state", "applied_by_name", "shown_hash")
    list_display_links = ("shown_when",)
    list_title = "Handbook"
    sortable = {}
    empty_title = "No handbook has been applied"
    empty_hint = "Run manage.py handbook --apply."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the file this process works by below it."""
        book = current()
        page = {"title": "Handbook", "book": book, "path": str(configured_path()), "lines": list(book.lines())}
        return super().changelist_view(request, page | (extra_context or {}))

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Whether this version is the one in force."""
        return {"in_force": obj.sha256 == current().sha256}

    @admin.display(description="applied")
    def shown_when(self, version: Any) -> str:
        """When it was put in force."""
        return plain_text(version.applied_at)

    @admin.display(description="state")
    def shown_state(self, version: Any) -> str:
        """Whether it is the text that this process works by."""
        return "In force" if version.sha256 == current().sha256 else "Earlier"

    @admin.display(description="hash")
    def shown_hash(self, version: Any) -> str:
        """Enough of the hash to compare by eye."""
        return str(version.sha256[:12])
