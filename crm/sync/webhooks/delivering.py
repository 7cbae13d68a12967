"""Sending messages: each until it is taken, or for about three days.

Every webhook has a queue, and the claim of one is a lease: it is due again when that is over. Requests are made by
threads that ask nobody else, one for each queue, so that a server that hangs keeps its own messages waiting and nobody
else's; those that failed the last time have no more than half of the threads. A worker that is killed between sending
and noting leaves a message that is sent once more, under the same id. Only whose lease it still is notes a failure.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils import timezone

from crm.core import outbound
from crm.core.acting import acting
from crm.core.standard_webhooks import signed_headers
from crm.notifications.chatting import wait_asked
from crm.people.models import User
from crm.sync.models import Webhook, WebhookAttempt, WebhookMessage, WebhookQueue
from crm.sync.webhooks.hosts import host_of, why_not_host
from crm.sync.webhooks.notices import tell_silent
from crm.sync.webhooks.secrets import secrets_of
from crm.sync.webhooks.services import keep_paused

log = structlog.get_logger(__name__)
State = WebhookMessage.State
SECONDS = 10.0
LEASE = timedelta(minutes=2)  # longer than any try takes
MOST_ANSWER = 2000  # of what the other side says, in bytes
THREADS, FAILING = 16, 8
GLANCE = 0.2  # seconds, while something is being sent, until the next look for what is due
DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
GONE = 410


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send for as long as the lease lasts."""

    queue: int
    lease: uuid.UUID
    message: WebhookMessage
    failing: bool
    # Why it is not sent at all; empty when it is.
    refusal: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a try: the status and the first of the answer, or why there is none."""

    status: int | None = None
    error: str = ""
    answer: str = ""
    after: timedelta | None = None
    milliseconds: int = 0

    @property
    def delivered(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


def deliver(*, seconds: float) -> bool:
    """Send what is due, for so many seconds and what was begun; whether some is left that could be sent now."""
    started = time.monotonic()
    going: dict[Future[Result], Claim] = {}
    with ThreadPoolExecutor(THREADS, "webhooks") as pool:
        while True:
            in_time = time.monotonic() - started <= seconds
            while in_time and len(going) < THREADS:
                claimed = claim(failing=sum(one.failing for one in going.values()) < FAILING)
                if claimed is None:
                    break
                going[pool.submit(send, claimed)] = claimed
            if not going:
                return not in_time and due().exists()
            done, _ = wait(going, timeout=GLANCE if in_time else None, return_when=FIRST_COMPLETED)
            for one in done:
                settle(going.pop(one), one.result())


def due(*, failing: bool = True) -> models.QuerySet[WebhookQueue]:
    """The queues whose oldest message may be sent now, who waits longest first."""
    rows = WebhookQueue.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=Now()),
        next_at__lte=Now(),
        webhook__paused_at=None,
        webhook__stopped_at=None,
        webhook__user__is_active=True,
    )
    return (rows if failing else rows.filter(failures=0)).order_by("next_at", "pk")


def claim(*, failing: bool = True) -> Claim | None:
    """Take the oldest message of the queue that waits longest; None when nothing is due that nobody else holds."""
    while True:
        with transaction.atomic():
            rows = due(failing=failing).select_for_update(skip_locked=True, of=("self",))
            queue = rows.select_related("webhook").first()
            if queue is None:
                return None
            waiting = WebhookMessage.objects.filter(webhook=queue.pk, state=State.WAITING).order_by("pk")
            message = waiting.first()
            if message is None:
                WebhookQueue.objects.filter(pk=queue.pk).update(next_at=None, lease=None, leased_until=None)
                continue
            lease = uuid.uuid4()
            WebhookQueue.objects.filter(pk=queue.pk).update(lease=lease, leased_until=Now() + Value(LEASE))
            WebhookMessage.objects.filter(pk=message.pk).update(attempts=F("attempts") + 1)
            message.webhook = queue.webhook
            refusal = why_not_host(host_of(queue.webhook.url))
            return Claim(queue.pk, lease, message, queue.failures > 0, refusal)


def send(claimed: Claim) -> Result:
    """Send it once, whatever goes wrong. It asks nothing of the database."""
    started = time.monotonic()
    if claimed.refusal:
        return Result(error=claimed.refusal)
    message, at = claimed.message, timezone.now()
    body = message.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Plumb",
        **signed_headers(secrets_of(message.webhook, at=at), message.message_id, int(at.timestamp()), body),
    }
    try:
        answer = outbound.post(message.webhook.url, body, headers=headers, seconds=SECONDS, most=MOST_ANSWER)
    except (outbound.Forbidden, outbound.NoAnswer) as error:
        return Result(error=str(error)[:500], milliseconds=_since(started))
    except Exception as error:  # one that cannot be sent must not keep the others
        log.exception("webhook_failed", message=message.message_id)
        return Result(error=f"It could not be sent ({type(error).__name__}).", milliseconds=_since(started))
    said = answer.body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    after = wait_asked(answer.headers.get("retry-after", ""))
    return Result(answer.status, words_of(answer.status), said, after, _since(started))


def words_of(status: int) -> str:
    """What a status means where it is no success."""
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It answers {status}, a redirect, which is not followed."
    return f"It answers {status}: nobody wants these messages any more." if status == GONE else f"It answers {status}."


def settle(claimed: Claim, result: Result) -> None:
    """Note what became of a try."""
    message = claimed.message
    with transaction.atomic():
        # The webhook before its queue, as everybody who changes one does.
        webhook = Webhook.objects.select_for_update(of=("self",), no_key=True).get(pk=claimed.queue)
        queue = WebhookQueue.objects.select_for_update().get(pk=claimed.queue)
        here = WebhookMessage.objects.filter(pk=message.pk)
        if not here.exists():
            return
        WebhookAttempt.objects.create(
            message=message,
            at=Now(),
            status=result.status,
            error=result.error,
            answer=result.answer,
            milliseconds=result.milliseconds,
        )
        mine = queue.lease == claimed.lease
        if result.delivered:
            # Whoever else has claimed it since: it has arrived.
            here.exclude(state=State.DELIVERED).update(state=State.DELIVERED, ended_at=Now())
            if mine:
                let_go(queue, failures=0, failing_since=None)
        elif mine:
            log.warning("not_delivered", webhook=webhook.pk, message=message.message_id, why=result.error)
            failed(webhook, queue, here, result)


def failed(webhook: Webhook, queue: WebhookQueue, message: models.QuerySet[WebhookMessage], result: Result) -> None:
    """Try it again later; after the last delay, and where nobody wants any more, give it up and pause."""
    tries = queue.failures + 1
    since = queue.failing_since or Now()
    if result.status != GONE and tries <= len(DELAYS):
        pause = max(DELAYS[tries - 1], result.after or timedelta(0))
        let_go(queue, failures=tries, failing_since=since, next_at=Now() + Value(pause))
        return
    message.filter(state=State.WAITING).update(state=State.FAILED, ended_at=Now())
    let_go(queue, failures=tries, failing_since=since)
    if webhook.paused_at is None and webhook.stopped_at is None:
        at = timezone.now()
        because = result.error if result.status == GONE else f"For about three days nothing was taken. {result.error}"
        with acting(actor=User.objects.system(), via="task", at=at, reason=because):
            keep_paused(webhook, at=at, because=because)
            tell_silent(webhook, because, at=at)


def let_go(queue: WebhookQueue, **values: object) -> None:
    """End the lease; what waits next is due at once, unless it is said when."""
    if "next_at" not in values:
        waits = WebhookMessage.objects.filter(webhook=queue.pk, state=State.WAITING).exists()
        values["next_at"] = Now() if waits else None
    WebhookQueue.objects.filter(pk=queue.pk).update(lease=None, leased_until=None, **values)


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
