"""Enquiries as people look at them: whose they are, how each stands, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils.safestring import SafeString

from crm import handbook
from crm.clocks.countdown import countdown, span_words, stands_still
from crm.clocks.explained import Verdict
from crm.clocks.models import ClockEvent
from crm.enquiries.models import Enquiry
from crm.people.models import Team, User
from crm.people.presence import Presence

UNANSWERED, OPEN, AT_RISK, OVERDUE, HELD_UP = "unanswered", "open", "at_risk", "overdue", "held_up"
BREACHED, ANSWERED, VOIDED, ALONE = "breached", "answered", "voided", "alone"
STATES = {
    UNANSWERED: "Unanswered",
    OPEN: "Open, in time",
    AT_RISK: "At risk",
    OVERDUE: "Overdue",
    HELD_UP: "Held up",
    ANSWERED: "Answered",
    BREACHED: "Breached",
    VOIDED: "Voided",
    ALONE: "Stands alone",
}
# Those whose clocks run are listed by time left, the others by when they came.
BY_TIME_LEFT = (UNANSWERED, OPEN, AT_RISK, OVERDUE)


def with_whose(rows: QuerySet[Enquiry]) -> QuerySet[Enquiry]:
    """As `Enquiry.responsible` and `waits_in`, for conditions: `whose` and, of what is nobody's, `queue_now`."""
    whose = Coalesce("opportunity__owner", "lead__owner", "account__owner", "owner")
    found = rows.alias(whose=whose)
    return found.alias(queue_now=Case(When(whose__isnull=True, then=Coalesce("lead__queue", "queue"))))


def in_state(state: str, at: datetime) -> Q:
    """The enquiries that are in one of the `STATES`."""
    waits = Q(clock__isnull=False, clock__stopped_at=None, clock__voided_at=None)
    runs = waits & Q(clock__paused_at=None)
    in_time = runs & Q(clock__limit_at__gt=at)
    if state == AT_RISK:
        warned = ClockEvent.objects.filter(
            clock=OuterRef("clock"), kind=ClockEvent.Kind.WARNED, round=OuterRef("clock__round")
        )
        return in_time & Q(Exists(warned))
    if state == BREACHED:
        return Q(clock__isnull=False, verdict="breached")
    return {
        UNANSWERED: waits,
        OPEN: in_time,
        OVERDUE: runs & Q(clock__limit_at__lte=at),
        HELD_UP: waits & Q(clock__paused_at__isnull=False),
        ANSWERED: Q(clock__stopped_at__isnull=False, voided_at=None),
        VOIDED: Q(voided_at__isnull=False),
        ALONE: Q(lead=None, contact=None, voided_at=None),
    }[state]


def with_verdict(rows: QuerySet[Enquiry]) -> QuerySet[Enquiry]:
    """With `verdict` on each, by the database's one definition; of an enquiry without a clock it says nothing."""
    return rows.annotate(verdict=Verdict("clock__"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one enquiry stands: its state, in a word, and what a list shows of it (a countdown while it runs)."""

    state: str
    words: str
    shown: SafeString
    tone: str = "none"

    @property
    def runs(self) -> bool:
        """Whether its time is running out."""
        return self.state in BY_TIME_LEFT


def standing_of(enquiry: Any, *, at: datetime, warned: bool = False) -> Standing:
    """How it stands; `enquiry` was read with its clock and `with_verdict`."""
    clock = enquiry.clock
    if enquiry.voided_at is not None:
        said = f"Voided: {handbook.current().label('enquiry.void_reasons', enquiry.void_reason)}"
        return Standing(VOIDED, said, stands_still(said))
    if clock is None:
        said = "Not to be contacted" if enquiry.barred else "No answer promised"
        return Standing("none", said, stands_still(said), "danger" if enquiry.barred else "none")
    if clock.stopped_at is not None:
        took = span_words(int((clock.stopped_at - clock.started_at).total_seconds()))
        late = enquiry.verdict == "breached"
        said = f"Answered after {took}{', late' if late else ''}"
        return Standing(ANSWERED, said, stands_still(said), "warning" if late else "success")
    if clock.paused_at is not None:
        said = "Not to be contacted" if enquiry.barred else "Held up"
        return Standing(HELD_UP, said, stands_still(said), "danger" if enquiry.barred else "none")
    late = clock.limit_at <= at
    state = OVERDUE if late else AT_RISK if warned else OPEN
    tone = {OVERDUE: "danger", AT_RISK: "warning"}.get(state, "info")
    return Standing(state, STATES[state], countdown(clock.limit_at, at, near=warned), tone)


def stand(enquiries: Iterable[Any], *, at: datetime) -> None:
    """Give each its `standing`; one query for all of them."""
    rows = list(enquiries)
    open_ones = [row.clock_id for row in rows if row.clock is not None and row.clock.stopped_at is None]
    warned = set(
        ClockEvent.objects.filter(
            clock__in=open_ones, kind=ClockEvent.Kind.WARNED, round=F("clock__round")
        ).values_list("clock", flat=True)
        if open_ones
        else ()
    )
    for row in rows:
        row.standing = standing_of(row, at=at, warned=row.clock_id in warned)


# --- what waits -------------------------------------------------------------------------------------------------------


def waiting_for(user: User, *, at: datetime) -> QuerySet[Enquiry]:
    """What this person is to answer: their own and of those they stand in for, and what nobody has yet in their team's
    queue, or in none."""
    theirs = [user.pk, *Presence(handbook.current().today(at)).covered_by(user)]
    rows = with_whose(_running())
    free = Q(queue_now=user.team_id) | Q(queue_now=None) if user.team_id else Q(queue_now=None)
    return rows.filter(Q(whose__in=theirs) | (Q(whose=None) & free))


def waiting_under(user: User, *, at: datetime) -> QuerySet[Enquiry] | None:
    """Of the teams that a manager has: what is overdue, and what nobody has. None for who manages none."""
    if not user.is_manager:
        return None
    teams = list(Team.objects.filter(manager=user).values_list("pk", flat=True))
    rows: QuerySet[Any] = with_whose(_running()).filter(
        Q(whose=None) | (Q(clock__limit_at__lte=at) & ~Q(whose=user.pk))
    )
    if teams:
        theirs = User.objects.filter(team__in=teams).values("pk")
        rows = rows.filter(Q(whose__in=theirs) | Q(queue_now__in=teams) | Q(whose=None, queue_now=None))
    return rows


def _running() -> QuerySet[Enquiry]:
    found = Enquiry.objects.filter(in_state(UNANSWERED, datetime.max), clock__paused_at=None)
    return found.with_people().order_by("clock__limit_at", "pk")
