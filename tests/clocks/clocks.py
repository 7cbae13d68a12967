"""Clocks for tests that are about clocks alone, and what they are said to be about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from crm import handbook
from crm.clocks import subjects
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.services import start_clock
from crm.clocks.subjects import Named, Subject
from crm.notifications.models import Notification
from crm.people.models import Team, User

# A Wednesday, ten in the morning in Los Angeles.
TEN = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)


def make_clock(
    channel: str = "web_chat", *, started_at: datetime = TEN, at: datetime | None = None, **given: Any
) -> Clock:
    """The clock of a request by this channel that came in at ten, by the policy that the handbook has for it."""
    given.setdefault("segment", "prospect")
    policy = handbook.current().policy_for(
        channel, **{name: given[name] for name in ("priority", "segment", "tier") if name in given}
    )
    clock = start_clock(policy, channel=channel, started_at=started_at, at=at or started_at, **given)
    assert clock is not None
    return clock


@contextmanager
def about(owner: User | None = None, team: Team | None = None) -> Iterator[dict[int, Subject]]:
    """Every clock is of this owner, or waits in this team's queue; the dictionary that is yielded knows better."""
    special: dict[int, Subject] = {}

    def ask(ids: Sequence[int]) -> dict[int, Named]:
        return {pk: named(special.get(pk, Subject(f"Request {pk}", f"/request/{pk}/", owner, team))) for pk in ids}

    def named(one: Subject) -> Named:
        return Named(one.title, one.address, one.owner.pk if one.owner else None, one.team.pk if one.team else None)

    before = subjects._asks[:]
    subjects._asks[:] = [ask]
    try:
        yield special
    finally:
        subjects._asks[:] = before


def steps(clock: Clock) -> list[str]:
    """The steps it has taken, in order."""
    return [
        f"{event.step}" if event.round == 0 else f"{event.step}/{event.round}"
        for event in ClockEvent.objects.filter(clock=clock).exclude(step="").order_by("id")
    ]


def told(user: User) -> list[str]:
    """The kinds of what somebody was told, in order."""
    return [one.kind.removeprefix("response_") for one in Notification.objects.filter(to=user).order_by("id")]
