"""Who asks, when, and the frame of what they ask for: for pages, panels and dialogs, without the admin itself."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest
from django.utils import timezone

from crm.core.acting import Acting, acting
from crm.core.errors import Refused

if TYPE_CHECKING:
    from crm.people.models import User


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
