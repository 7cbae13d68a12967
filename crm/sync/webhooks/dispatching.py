"""Making messages out of the feed: each change is in exactly one message of each webhook that wants it.

A webhook's queue says how far it was told. Its messages and its new place are written in one transaction, under the
lock of the queue's row: whoever comes second finds it taken and leaves it, so two at once make nothing twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.feed import Cursor, latest, number_transactions
from crm.jobs import wake
from crm.people.models import User
from crm.sync.feed.reading import Page, read_page
from crm.sync.models import Webhook, WebhookMessage, WebhookQueue
from crm.sync.webhooks.matching import Told, told, views
from crm.sync.webhooks.messages import MOST_CHANGES, changed
from crm.sync.webhooks.notices import tell_silent
from crm.sync.webhooks.places import before, move, stands
from crm.sync.webhooks.rules import Unreadable
from crm.sync.webhooks.services import DELIVER, keep_paused, lock

log = structlog.get_logger(__name__)
PAGE = 1000
# So many pages of one webhook before it is the others' turn.
PAGES = 20
LOST = "Its place is of another feed, as after a restored backup: replay from a date, then resume it."


def active() -> list[int]:
    """Those that are told now, in the order in which they were made."""
    rows = Webhook.objects.filter(stopped_at=None, paused_at=None, user__is_active=True)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def dispatch(*, at: datetime) -> bool:
    """Make the messages of everything that changed; whether some is left to be read."""
    wanted = active()
    if not wanted:
        return False
    number_transactions()
    left = False
    for pk in wanted:
        left = all(dispatch_page(pk, at=at) for _ in range(PAGES)) or left
    return left


def dispatch_page(pk: int, *, at: datetime) -> bool:
    """Tell one webhook the next page of the feed; whether there may be more. False where somebody else is at it."""
    try:
        with transaction.atomic():
            rows = WebhookQueue.objects.select_for_update(skip_locked=True, of=("self",))
            queue = rows.select_related("webhook__user").filter(pk=pk).first()
            return queue is not None and queue.webhook.state(at) == "active" and _tell(queue, at=at)
    except Unreadable as error:
        _pause(pk, str(error), at=at)
        return False


def _tell(queue: WebhookQueue, *, at: datetime) -> bool:
    webhook, start = queue.webhook, stands(queue)
    page = next_page(webhook, start, at=at)
    if page is None:
        # Too old to be told, as of one whose user was away for long: on with what still is.
        move(queue, before(at - timedelta(days=handbook.current().sync.feed_days)))
        return True
    if page.cursor == start:
        return False
    found = told(webhook, (one for group in page.transactions for one in group["changes"]))
    made = [changed(webhook, start, page.cursor.pos, some, at=at) for some in _parts(found)]
    WebhookMessage.objects.bulk_create(made)
    move(queue, page.cursor)
    if made:
        WebhookQueue.objects.filter(pk=queue.pk, next_at=None).update(next_at=Now())
        wake.on_commit(DELIVER)
    return page.more


def next_page(webhook: Webhook, after: Cursor, *, at: datetime) -> Page | None:
    """The next page of the feed for a webhook; None when what comes next is not told any more.

    Raises:
        Unreadable: its place is of another feed.
    """
    objects = list(views(webhook))
    if not objects:
        return Page([], latest(), False)
    try:
        return read_page(objects, after, PAGE, at=at, numbered=True)
    except Refused as refused:
        if refused.code == "expired":
            return None
        raise Unreadable(LOST) from refused


def _parts(found: list[Told]) -> list[list[Told]]:
    return [found[n : n + MOST_CHANGES] for n in range(0, len(found), MOST_CHANGES)]


def _pause(pk: int, because: str, *, at: datetime) -> None:
    """Nothing can be told: pause it, and tell who can mend it."""
    log.warning("webhook_paused", webhook=pk, why=because)
    with acting(actor=User.objects.system(), via="task", at=at, reason=because):
        locked = lock(Webhook(pk=pk))
        if locked.paused_at is None:
            keep_paused(locked, at=at, because=because)
            tell_silent(locked, because, at=at)
