"""Webhooks that tell what somebody may see fall silent when they leave: administrators hear of it."""

from __future__ import annotations

from crm.people.leaving import Ending, Leaving, ends, named
from crm.people.models import User
from crm.sync.models import Webhook
from crm.sync.webhooks.notices import tell_silent


def said(user: User) -> str:
    """Which: the first few by name."""
    names = list(Webhook.objects.filter(user=user, stopped_at=None).order_by("name").values_list("name", flat=True))
    if not names:
        return ""
    count = f"{len(names)} webhook{'s' if len(names) > 1 else ''}"
    return f"{count} ({named(names)}): nothing is sent until somebody else is chosen"


def fall_silent(leaving: Leaving) -> None:
    """Say which send nothing any more. They go on where they stood once another user is chosen, or this one is back."""
    for webhook in Webhook.objects.filter(user=leaving.user, stopped_at=None, paused_at=None):
        because = f"It tells what {leaving.user} may see, who was deactivated: choose somebody else."
        tell_silent(webhook, because, at=leaving.at)


ends(Ending(said, fall_silent))
