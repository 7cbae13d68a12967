"""Sending what waits: each message until it is taken, or until trying on makes no sense.

A message is claimed with SKIP LOCKED, and the claim is a lease: it is due again when that is over. It is sent outside
any transaction; a worker that is killed before it noted the success leaves a message that is sent once more, under the
same id. Only the worker whose try it still is notes a failure. A way that does not answer (the mail server, a room) is
let be until the next turn, so that it holds nobody else's messages up.
"""

from __future__ import annotations

import random
import time
import traceback
from contextlib import closing
from datetime import timedelta

import structlog
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest, Least, Now

from crm.notifications import chatting
from crm.notifications.dead_ends import tell_dead_end
from crm.notifications.mailing import Mailer
from crm.notifications.models import Delivery
from crm.notifications.outcomes import Failure, Outcome

log = structlog.get_logger(__name__)
State, Medium = Delivery.State, Delivery.Medium
LEASE = timedelta(minutes=3)  # longer than any try takes
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=30)
EMAIL_AWAY = "email"


def deliver(*, seconds: float) -> bool:
    """Send what is due, for so many seconds at most; whether some is left that could be sent now."""
    started = time.monotonic()
    with closing(Turn()) as turn:
        while True:
            delivery = claim(turn.away)
            if delivery is None:
                return False
            settle(delivery, turn.send(delivery))
            if time.monotonic() - started > seconds:
                return claimable(turn.away).exists()


class Turn:
    """One worker's turn: its connection to the mail server, and who did not answer in it."""

    def __init__(self) -> None:
        self.mailer = Mailer()
        self.away: set[str] = set()

    def send(self, delivery: Delivery) -> Outcome:
        """Try it once, whatever goes wrong."""
        try:
            outcome = self.mailer.send(delivery) if delivery.medium == Medium.EMAIL else chatting.send(delivery)
        except Exception as error:  # one message that cannot be written must not keep the others
            # Without the error's own words: they may quote the address of a room.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("delivery_failed", delivery=delivery.pk, error=type(error).__name__, trace=where)
            outcome = Failure(f"It could not be sent ({type(error).__name__}).")
        if outcome is not None and outcome.away:
            self.away.add(delivery.room or EMAIL_AWAY)
        return outcome

    def close(self) -> None:
        """Let the mail server go."""
        self.mailer.close()


def claimable(away: set[str]) -> models.QuerySet[Delivery]:
    """What is due, but for those whose way does not answer, in the order in which it is tried."""
    rows = Delivery.objects.due()
    if EMAIL_AWAY in away:
        rows = rows.exclude(medium=Medium.EMAIL)
    rooms = away - {EMAIL_AWAY}
    return (rows.exclude(room__in=rooms) if rooms else rows).order_by("next_at", "id")


def claim(away: set[str]) -> Delivery | None:
    """Take the next one for as long as the lease lasts; None when nothing is due that nobody else holds."""
    with transaction.atomic():
        found = claimable(away).select_for_update(skip_locked=True, of=("self",)).select_related("to").first()
        if found is None:
            return None
        Delivery.objects.filter(pk=found.pk).update(attempts=F("attempts") + 1, next_at=Now() + Value(LEASE))
        found.attempts += 1
    return found


def settle(delivery: Delivery, outcome: Outcome) -> None:
    """Note what became of a try."""
    if outcome is None:
        # Whoever else has claimed it since: it has arrived.
        Delivery.objects.filter(pk=delivery.pk).exclude(state=State.SENT).update(
            state=State.SENT, sent_at=Now(), last_error=""
        )
        return
    log.warning("not_delivered", delivery=delivery.pk, medium=delivery.medium, room=delivery.room, why=outcome.why)
    with transaction.atomic():
        mine = Delivery.objects.waiting().filter(pk=delivery.pk, attempts=delivery.attempts)
        mine.update(last_error=outcome.why[:500])
        if outcome.quiet:
            mine.update(state=State.DROPPED)
        elif mine.filter(Q() if outcome.final else Q(give_up_at__lte=Now())).update(state=State.DEAD):
            tell_dead_end(delivery, outcome)
        else:
            pause = max(pause_after(delivery.attempts), outcome.after or timedelta(0))
            # The last try is when it would be given up, not long before.
            mine.update(next_at=Least(Now() + Value(pause), Greatest(F("give_up_at"), Now() + Value(FIRST_PAUSE))))
        if outcome.after:
            leave_alone(delivery, outcome.after)


def leave_alone(delivery: Delivery, span: timedelta) -> None:
    """The other side asked for quiet: nothing else of the same way is tried before."""
    same = Delivery.objects.waiting().filter(medium=delivery.medium, room=delivery.room)
    same.filter(next_at__lt=Now() + Value(span)).update(next_at=Now() + Value(span))


def pause_after(attempts: int) -> timedelta:
    """How long until the next try: twice as long after each, up to half an hour, and never for all the same."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(max(attempts, 1) - 1, 10), LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads tries, hides nothing
