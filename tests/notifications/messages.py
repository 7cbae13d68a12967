"""Telling people of a breach, a worker's turn, and time that passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import F

from crm.notifications.delivering import deliver
from crm.notifications.models import Delivery
from crm.notifications.services import Notice, Post, notify
from crm.people.models import User

NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
BREACH = "response_breached"


def tell(
    *people: User, key: str = "cause", title: str = "A limit has passed: Web chat", text: str = "Waiting."
) -> None:
    """Tell these people of a breach."""
    notices = [Notice(one.pk, BREACH, key, title, text, "/admin/enquiries/enquiry/1/") for one in people]
    notify(notices, at=NOW)


def post(key: str = "cause", title: str = "A limit has passed: Web chat") -> None:
    """Write of a breach into its room."""
    notify([], posts=[Post(BREACH, key, title, "Waiting.", "/admin/enquiries/enquiry/1/")], at=NOW)


def go() -> None:
    """A worker's turn."""
    deliver(seconds=60)


def later(span: timedelta = timedelta(hours=1)) -> None:
    """That time passes: what waits has been waiting for so much longer."""
    Delivery.objects.waiting().update(next_at=F("next_at") - span, give_up_at=F("give_up_at") - span)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))
