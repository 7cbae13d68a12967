"""Who asks, when, and what they may: the ground every admin page stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from crm.core.asking import moment, refusal_words, user_of, writing
from crm.core.permissions import may

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as Base

__all__ = ["RightsAdmin", "moment", "refusal_words", "user_of", "writing"]


class RightsAdmin(Base):
    """Answers every question about rights by `may`, for kinds of records and for one record."""

    def _may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        # Unfold's actions pass the id of the page's record instead of the record.
        if isinstance(obj, str | int):
            obj = self.get_object(request, str(obj))
            if obj is None:
                return False
        return may(user_of(request), verb, obj if obj is not None else self.model)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The record with what its rights and its page read along; read once for each attempt to answer."""
        known: dict[Any, Any] = request.__dict__.setdefault("records_read", {})
        key = (self.model, str(object_id))
        if key not in known:
            known[key] = super().get_object(request, object_id, from_field)
        return known[key]
