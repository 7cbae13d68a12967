"""What a list offers for its selection: `class LeadAdmin(BulkMixin, RecordAdmin): bulk = ("move", "reassign", ...)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from crm.bulk.operations import Operation, operation_named
from crm.bulk.selection import ALL, IDS
from crm.bulk.views import BulkPage
from crm.core.asking import moment, user_of


class BulkMixin:
    """Actions that lead to the page of an operation, with the selection in its address."""

    bulk: ClassVar[tuple[str, ...]] = ()

    def get_actions(self, request: HttpRequest) -> Any:
        """Those that this person may ask for."""
        found = dict(super().get_actions(request))  # type: ignore[misc]
        kind, user, at = self.model, user_of(request), moment(request)  # type: ignore[attr-defined]
        for name in self.bulk:
            operation = operation_named(name)
            if operation is not None and operation.bar(user, kind, {}, 1, at) is None:
                found[f"bulk_{name}"] = (to_page_of(operation), f"bulk_{name}", operation.label)
        return found

    def get_urls(self) -> list[URLPattern]:
        """The pages of the operations, before the admin's catch-all."""
        view = self.admin_site.admin_view(BulkPage.as_view(model_admin=self))  # type: ignore[attr-defined]
        own = path("bulk/<slug:operation>/", view, name=f"{name_of(self)}_bulk")
        return [own, *super().get_urls()]  # type: ignore[misc]


def name_of(model_admin: Any) -> str:
    """How Django names the pages of a list."""
    return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def to_page_of(operation: Operation) -> Callable[[Any, HttpRequest, Any], HttpResponse]:
    """An action of Django's list: it goes to the operation's page, which can be gone back from and opened twice."""

    def act(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse:
        address = reverse(f"admin:{name_of(model_admin)}_bulk", args=[operation.name])
        chosen = [(ALL, "1")] if request.POST.get("select_across") == "1" else []
        chosen = chosen or [(IDS, ",".join(str(pk) for pk in request.POST.getlist("_selected_action")))]
        filters = [(name, value) for name, values in request.GET.lists() for value in values]
        return HttpResponseRedirect(f"{address}?{urlencode([*chosen, *filters])}")

    return act
