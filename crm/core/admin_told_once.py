"""Records that are made with a secret: one page tells it, once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from crm.core.admin import RecordAdmin


class ToldOnceAdmin(RecordAdmin):
    """Stores a new record by its service, and shows its secret where others return to the page."""

    def make(self, request: HttpRequest, obj: Any, form: Any) -> tuple[Any, str]:
        """Store a new record with these values: the record, and its secret."""
        raise NotImplementedError

    def show_once(self, request: HttpRequest, obj: Any, secret: str) -> HttpResponse:
        """The one page that shows the secret."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store a new record by its service, which tells its secret once."""
        if change:
            super().save_model(request, obj, form, change)
            return
        made, secret = self.make(request, obj, form)
        obj.__dict__.update(made.__dict__)
        request.told_once = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the secret."""
        return self.show_once(request, obj, request.told_once)  # type: ignore[attr-defined]

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """One way to save: what was made is shown on a page of its own."""
        context.update(show_save_and_continue=False, show_save_and_add_another=False)
        return super().render_change_form(request, context, *args, **kwargs)
