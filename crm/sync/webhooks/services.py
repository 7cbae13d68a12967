"""Letting another system be told of changes: its secret is shown once and exchanged, it is paused, resumed, stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.core.salted import OVERLAP_HOURS, new_salt, refuse_hours
from crm.core.text import tidy
from crm.history.feed import latest
from crm.jobs import wake
from crm.people.models import User
from crm.sync.models import Webhook, WebhookMessage, WebhookQueue
from crm.sync.webhooks.places import is_of_this_feed, stands
from crm.sync.webhooks.rules import refuse_wrong
from crm.sync.webhooks.secrets import secret_of

WHO = "Only administrators let other systems be told."
DISPATCH, DELIVER = "crm.sync.webhooks.tasks.dispatch", "crm.sync.webhooks.tasks.deliver"
CHANGEABLE = ("name", "url", "user", "objects_told", "events", "fields", "filter")


@retry_deadlocks
def add_webhook(
    *,
    name: str,
    url: str,
    user: User,
    objects: Sequence[str],
    events: Sequence[str],
    fields: Sequence[str] = (),
    filter: str = "",
    actor: User,
    at: datetime,
    via: str,
) -> tuple[Webhook, str]:
    """Tell another system from now on; the second value is the secret that messages are signed with, told this once.

    Raises:
        Refused: `forbidden`, or with everything that will not do.
    """
    if not may(actor, "add", Webhook):
        raise Refused("forbidden", WHO)
    webhook = Webhook(
        name=tidy(name),
        url=tidy(url),
        user=user,
        objects_told=list(dict.fromkeys(objects)),
        events=list(dict.fromkeys(events)),
        fields=list(dict.fromkeys(fields)),
        filter=tidy(filter),
        salt=new_salt(),
        made_by=actor,
    )
    refuse_wrong(webhook)
    with acting(actor=actor, via=via, at=at):
        webhook.save(force_insert=True)
        start = latest()
        WebhookQueue.objects.create(webhook=webhook, pos=start.pos, change_id=start.change_id, token=start.token)
    return webhook, secret_of(webhook, webhook.salt)


@retry_deadlocks
def change_webhook(
    webhook: Webhook, values: Mapping[str, Any], *, actor: User, at: datetime, via: str, version: int | None = None
) -> Webhook:
    """Change what it is called, where and of what it is told, from the next message on.

    Raises:
        Refused: `forbidden`, `stopped`, or with everything that will not do; `Stale` when no longer at `version`.
    """
    refuse_others(webhook, actor)
    if strangers := set(values) - set(CHANGEABLE):
        raise ValueError(f"no fields of a webhook: {', '.join(sorted(strangers))}")
    with acting(actor=actor, via=via, at=at):
        locked = lock(webhook, version)
        for name, value in values.items():
            setattr(locked, name, tidy(value) if isinstance(value, str) else value)
        refuse_wrong(locked)
        locked.save(update_fields=list(values))
    return locked


@retry_deadlocks
def rotate_secret(
    webhook: Webhook, *, hours: int = OVERLAP_HOURS, actor: User, at: datetime, via: str, version: int | None = None
) -> tuple[Webhook, str]:
    """Sign with another secret, told this once, and for so many hours more with the present one too.

    Raises:
        Refused: `forbidden`, `stopped`, `missing_facts` with `invalid_hours`; `Stale` when no longer at `version`.
    """
    refuse_others(webhook, actor)
    refuse_hours(hours)
    with acting(actor=actor, via=via, at=at, reason="Another secret."):
        locked = lock(webhook, version)
        locked.exchange_salt(hours=hours, at=at)
        locked.save(update_fields=locked.KEPT)
    return locked, secret_of(locked, locked.salt)


@retry_deadlocks
def pause_webhook(
    webhook: Webhook, *, actor: User, at: datetime, via: str, reason: str = "", version: int | None = None
) -> Webhook:
    """Send nothing until it is resumed; what changes meanwhile is told then.

    Raises:
        Refused: `forbidden`, `stopped`, `paused` when it is already; `Stale` when no longer at `version`.
    """
    refuse_others(webhook, actor)
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = lock(webhook, version)
        if locked.paused_at is not None:
            raise Refused("paused", "This webhook is paused already.")
        keep_paused(locked, at=at, because=tidy(reason))
    return locked


def keep_paused(locked: Webhook, *, at: datetime, because: str) -> None:
    """Note that a locked webhook is paused, and why; inside a domain call."""
    locked.paused_at, locked.paused_because = at, because[:500]
    locked.save(update_fields=["paused_at", "paused_because"])


@retry_deadlocks
def resume_webhook(
    webhook: Webhook, *, actor: User, at: datetime, via: str, reason: str = "", version: int | None = None
) -> Webhook:
    """Go on where it was paused: first what waits, then what changed meanwhile, as far back as the feed answers.

    Raises:
        Refused: `forbidden`, `stopped`, `not_paused`; `Stale` when no longer at `version`.
    """
    refuse_others(webhook, actor)
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = lock(webhook, version)
        if locked.paused_at is None:
            raise Refused("not_paused", "This webhook is not paused.")
        refuse_wrong(locked)
        locked.paused_at, locked.paused_because = None, ""
        locked.save(update_fields=["paused_at", "paused_because"])
        queue = WebhookQueue.objects.select_for_update().get(webhook=locked)
        if not is_of_this_feed(stands(queue)):
            said = "Its place is of another feed, as after a restored backup: replay from a date first."
            raise Refused("lost_place", said)
        WebhookQueue.objects.filter(pk=queue.pk).update(
            failures=0, failing_since=None, lease=None, leased_until=None, next_at=Now() if _waits(locked) else None
        )
        wake.on_commit(DISPATCH)
        wake.on_commit(DELIVER)
    return locked


def _waits(webhook: Webhook) -> bool:
    return WebhookMessage.objects.filter(webhook=webhook, state=WebhookMessage.State.WAITING).exists()


@retry_deadlocks
def stop_webhook(
    webhook: Webhook, *, actor: User, at: datetime, via: str, reason: str = "", version: int | None = None
) -> Webhook:
    """Stop it for good: nothing more is sent, and what waits is given up.

    Raises:
        Refused: `forbidden`, `stopped` when it is already; `Stale` when it is no longer at `version`.
    """
    refuse_others(webhook, actor)
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = lock(webhook, version)
        locked.stopped_at, locked.old_salt, locked.old_until = at, "", None
        locked.save(update_fields=["stopped_at", "old_salt", "old_until"])
        WebhookQueue.objects.filter(webhook=locked).update(next_at=None)
        waiting = WebhookMessage.objects.filter(webhook=locked, state=WebhookMessage.State.WAITING)
        waiting.update(state=WebhookMessage.State.FAILED, ended_at=at)
    return locked


def refuse_others(webhook: Webhook, actor: User) -> None:
    """Raises Refused for who may not change it."""
    if not may(actor, "change", webhook):
        raise Refused("forbidden", WHO)


def lock(webhook: Webhook, version: int | None = None) -> Webhook:
    """The webhook as it is stored, kept from others' changes until the transaction ends; before its queue, always.

    Raises:
        Refused: `stopped`; `Stale` when it is no longer at `version`.
    """
    # Messages refer to it meanwhile, as they are made: that is no change of it.
    rows = Webhook.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    locked = rows.get(pk=webhook.pk)
    if version is not None and locked.version != version:
        raise Stale(f"{locked} was changed by somebody else since you opened it.")
    if locked.stopped_at is not None:
        raise Refused("stopped", "This webhook is stopped.")
    return locked
