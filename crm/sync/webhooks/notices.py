"""Telling administrators, and who made it, that a webhook sends nothing any more."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from crm.notifications.dead_ends import administrators
from crm.notifications.services import Notice, notify
from crm.people.models import User
from crm.sync.models import Webhook

KIND = "webhook_silent"


def tell_silent(webhook: Webhook, because: str, *, at: datetime) -> None:
    """Tell them once for each time it falls silent. In the transaction in which it does."""
    makers = User.objects.active_people().filter(pk=webhook.made_by_id).values_list("pk", flat=True)
    notify(
        [
            Notice(
                person,
                KIND,
                f"{KIND}:{webhook.pk}:{webhook.version}:{at.isoformat()}",
                f"The webhook {webhook.name} sends nothing any more",
                f"{because} What changes meanwhile is told when it goes on.",
                reverse("admin:sync_webhook_change", args=[webhook.pk]),
            )
            for person in sorted({*administrators(), *makers})
        ],
        at=at,
    )
