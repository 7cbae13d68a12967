"""Many clocks that fall due one after another in the present of the database, and what has to have become of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm import handbook
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.storing import Event, add_events
from crm.clocks.sweeping import database_now
from crm.clocks.terms import Step, Terms, terms_of
from crm.clocks.versions import version_in_force
from crm.core.acting import acting
from crm.enquiries.models import Enquiry
from crm.notifications.models import Notification
from crm.people.models import User

# Four hours around the clock, warned of at half and three quarters: what falls due does not depend on the time of day.
ASKED = {"channel": "support", "priority": "p0", "segment": "customer", "tier": "premium"}
OVER = {"warn_50": timedelta(hours=2), "warn_75": timedelta(hours=3), "limit": timedelta(hours=4)}


@dataclass(frozen=True)
class Waiting:
    """Clocks with everything of theirs that was due before `first` taken, and a step of each due until `last`."""

    terms: dict[int, Terms]
    first: datetime
    last: datetime

    def expected(self) -> Counter[tuple[int, str]]:
        """Each step that is due by `last`, once."""
        return Counter(
            (pk, step.name) for pk, terms in self.terms.items() for step in terms.steps if step.at <= self.last
        )

    def written(self) -> Counter[tuple[int, str]]:
        """Each step of theirs that is written, as often as it is."""
        rows = ClockEvent.objects.filter(clock__in=list(self.terms)).exclude(step="").values_list("clock_id", "step")
        return Counter((clock_id, step) for clock_id, step in rows)

    def is_over(self) -> bool:
        """Whether every step is written."""
        return not self.expected() - self.written()

    def check(self, owner: User) -> None:
        """Each step exactly once as an event, and exactly one notification for each who was told of it."""
        assert self.written() == self.expected()
        told: Counter[tuple[int, str]] = Counter()
        for event in ClockEvent.objects.filter(clock__in=list(self.terms), at__gte=self.first).exclude(step=""):
            who = event.facts["told"]
            assert len(set(who)) == len(who)
            if event.step in OVER:
                assert owner.pk in who, f"{event.step} was told to nobody"
            told.update((to, f"clock:{event.clock_id}:0:{event.step}") for to in who)
        assert told, "nobody was told of anything"
        assert Counter(Notification.objects.values_list("to_id", "key")) == told


def fall_due(count: int, *, owner: User, within: timedelta) -> Waiting:
    """So many clocks of enquiries of the owner, a step of each due at some time from now until `within`."""
    first = database_now() + timedelta(seconds=0.5)
    book, version = handbook.current(), version_in_force()
    policy = book.policy_for(**ASKED)
    clocks, taken, all_terms = [], [], []
    for number in range(count):
        name = list(OVER)[number % len(OVER)]
        due = first + within * number / count
        terms = terms_of(policy, book.calendar(policy), book.zone, due - OVER[name])
        all_terms.append(terms)
        clocks.append(_clock(policy.key, version.pk, due - OVER[name], terms, first))
    with acting(actor=owner, via="test", at=first):
        stored = Clock.objects.bulk_create(clocks)
        by_id = {clock.pk: terms for clock, terms in zip(stored, all_terms, strict=True)}
        for pk, terms in by_id.items():
            taken += [_taken(pk, step) for step in terms.steps if step.at < first]
        add_events(taken)
        Enquiry.objects.bulk_create(_enquiry(clock, owner) for clock in stored)
    return Waiting(by_id, first, first + within)


def _clock(policy: str, version_id: int, started_at: datetime, terms: Terms, first: datetime) -> Clock:
    return Clock(
        policy=policy,
        handbook_id=version_id,
        started_at=started_at,
        in_hours=terms.in_hours,
        target_at=terms.target,
        limit_at=terms.limit,
        next_at=next(step.at for step in terms.steps if step.at >= first),
        **ASKED,
    )


def _enquiry(clock: Clock, owner: User) -> Enquiry:
    return Enquiry(
        channel="support", priority="p0", received_at=clock.started_at, came_by="api", owner=owner, clock=clock
    )


def _taken(pk: int, step: Step) -> Event:
    return Event(pk, step.kind, 0, step.at, step.name, recorded_at=step.at, facts={"told": []})
