"""Keys that end soon: administrators are told two weeks before, once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from crm.core.display import plain_text
from crm.notifications.dead_ends import administrators
from crm.notifications.services import Notice, notify
from crm.sync.models import ApiKey

KIND = "key_expires"
BEFORE = timedelta(days=14)


def tell_expiring(*, at: datetime) -> int:
    """Tell of each key in use that ends within two weeks; of the same end only once. How many keys there are."""
    keys = list(
        ApiKey.objects.filter(
            revoked_at=None, user__is_active=True, expires_at__gt=at, expires_at__lte=at + BEFORE
        ).select_related("user")
    )
    people = administrators() if keys else []
    notify(
        [
            Notice(
                person,
                KIND,
                f"{KIND}:{key.pk}:{key.expires_at:%Y-%m-%dT%H:%M}",
                f"The key “{key}” ends on {plain_text(timezone.localtime(key.expires_at).date())}",
                f"What uses it acts as {key.user}. Give it a later end, or make another key.",
                reverse("admin:sync_apikey_change", args=[key.pk]),
            )
            for key in keys
            for person in people
        ],
        at=at,
    )
    return len(keys)
