"""Telling again: from a date, what was given up, or a message to see whether any arrives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Now

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.paging import COUNT_LIMIT
from crm.history.feed import Cursor
from crm.jobs import wake
from crm.people.models import User
from crm.sync.models import Webhook, WebhookMessage, WebhookQueue
from crm.sync.webhooks import messages
from crm.sync.webhooks.dispatching import next_page
from crm.sync.webhooks.matching import told
from crm.sync.webhooks.places import before, is_of_this_feed, move, stands
from crm.sync.webhooks.rules import Unreadable
from crm.sync.webhooks.services import DELIVER, DISPATCH, lock, refuse_others

State = WebhookMessage.State


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay would tell: so many changes, in so many messages; `more`: at least so many."""

    changes: int
    messages: int
    more: bool


def preview_replay(webhook: Webhook, since: datetime, *, actor: User, at: datetime) -> Preview:
    """How much a replay from a moment would tell, as it stands; counted up to 10,000 changes.

    Raises:
        Refused: `forbidden`, `missing_facts` with `invalid_since`.
    """
    refuse_others(webhook, actor)
    refuse_since(since, at=at)
    place: Cursor = before(since)
    changes = count = 0
    while True:
        try:
            page = next_page(webhook, place, at=at)
            found = told(webhook, (one for group in page.transactions for one in group["changes"])) if page else []
        except Unreadable as error:
            raise Refused("unreadable", str(error)) from error
        changes += len(found)
        count += -(-len(found) // messages.MOST_CHANGES)
        more = page is not None and page.more
        if page is None or not more or changes > COUNT_LIMIT:
            return Preview(changes, count, more)
        place = page.cursor


@retry_deadlocks
def replay(
    webhook: Webhook, since: datetime, *, actor: User, at: datetime, via: str, version: int | None = None
) -> None:
    """Tell again what was recorded at this moment or later, in messages of their own. What waits is sent too.

    Raises:
        Refused: `forbidden`, `stopped`, `missing_facts` with `invalid_since`; `Stale` when no longer at `version`.
    """
    refuse_others(webhook, actor)
    refuse_since(since, at=at)
    with acting(actor=actor, via=via, at=at):
        locked = lock(webhook, version)
        queue = WebhookQueue.objects.select_for_update().get(webhook=locked)
        place = before(since)
        # Never forward: nothing is left out.
        if place.pos < queue.pos or not is_of_this_feed(stands(queue)):
            move(queue, place)
        wake.on_commit(DISPATCH)


def refuse_since(since: datetime, *, at: datetime) -> None:
    """Raises Refused for a moment that is to come, or that the feed does not answer for any more."""
    days = handbook.current().sync.feed_days
    if not at - timedelta(days=days) <= since <= at:
        said = f"From when: a moment of the last {days} days."
        raise Refused("missing_facts", said, [Missing("invalid_since", said, "since")])


@retry_deadlocks
def redeliver(message: WebhookMessage, *, actor: User, at: datetime, via: str) -> WebhookMessage:
    """Send a message again, under the same id, byte for byte the same.

    Raises:
        Refused: `forbidden`, `stopped`, `paused`; `waiting` when it has not been sent to its end yet.
    """
    refuse_others(message.webhook, actor)
    with acting(actor=actor, via=via, at=at):
        locked = _going(message.webhook)
        if not _put_back(locked, [message.pk]):
            raise Refused("waiting", "This message waits to be sent already.")
    message.refresh_from_db()
    return message


@retry_deadlocks
def redeliver_failed(webhook: Webhook, *, actor: User, at: datetime, via: str) -> int:
    """Send everything again that was given up; how many messages that are.

    Raises:
        Refused: `forbidden`, `stopped`, `paused`.
    """
    refuse_others(webhook, actor)
    with acting(actor=actor, via=via, at=at):
        locked = _going(webhook)
        return _put_back(locked, None)


def _put_back(locked: Webhook, ids: list[int] | None) -> int:
    _due(locked)
    ended = WebhookMessage.objects.filter(webhook=locked)
    ended = ended.filter(state=State.FAILED) if ids is None else ended.filter(pk__in=ids).exclude(state=State.WAITING)
    return ended.update(state=State.WAITING, ended_at=None)


@retry_deadlocks
def send_test(webhook: Webhook, *, actor: User, at: datetime, via: str) -> WebhookMessage:
    """Send a message that says nothing but that it came; it waits its turn as any other.

    Raises:
        Refused: `forbidden`, `stopped`, `paused`.
    """
    refuse_others(webhook, actor)
    with acting(actor=actor, via=via, at=at):
        locked = _going(webhook)
        _due(locked)
        message = messages.test(locked, at=at)
        message.save(force_insert=True)
    return message


def _due(locked: Webhook) -> None:
    """Try what waits now, whatever failed before."""
    WebhookQueue.objects.filter(webhook=locked).update(next_at=Now())
    wake.on_commit(DELIVER)


def _going(webhook: Webhook) -> Webhook:
    """The webhook, locked, when anything is sent to it now."""
    locked = lock(webhook)
    if locked.paused_at is not None:
        raise Refused("paused", "This webhook is paused: resume it first.")
    if not locked.user.is_active:
        raise Refused("idle", f"{locked.user} is deactivated: it is told what an active user may see.")
    return locked
