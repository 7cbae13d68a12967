"""Who asks, when, and what they may: the ground every admin page stands on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest
from django.utils import timezone

from crm.core.acting import Acting, acting
from crm.core.errors import Refused
from crm.core.permissions import may

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from crm.people.models import User

    Base = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as Base


def user_of(request: HttpRequest) -> User:
    """Who asks; the admin lets nobody in who is not one of ours."""
    return cast("User", request.user)


def moment(request: HttpRequest) -> datetime:
    """The request's one "now": views read the clock, once."""
    if not hasattr(request, "moment"):
        request.moment = timezone.now()  # type: ignore[attr-defined]
    found: datetime = request.moment  # type: ignore[attr-defined]
    return found


def writing(request: HttpRequest, *, reason: str = "") -> AbstractContextManager[Acting]:
    """The frame of the request's one domain call."""
    return acting(actor=user_of(request), via="admin", at=moment(request), reason=reason)


def refusal_words(error: Refused) -> str:
    """A refusal in one text: every missing fact, or the refusal's own sentence."""
    return " ".join(item.message for item in error.missing) or error.message


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
