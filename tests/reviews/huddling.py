"""Opportunities and huddles for tests: what is fine by itself, and what a test changes of it."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.models import Opportunity
from crm.activities.models import Activity
from crm.core.acting import acting
from crm.core.door import create
from crm.people.models import User
from crm.reviews.huddle.agenda import Place, places
from crm.reviews.models import Item, Meeting
from tests.conftest import NOW
from tests.factories import START, make_account

DAY = timedelta(days=1)
# In the tests' "now" it is 4 March 2026 in the company's zone; the last huddle was two days ago, an hour ago is since.
TODAY, LAST, SINCE = date(2026, 3, 4), NOW - 2 * DAY, NOW - timedelta(hours=1)
_numbers = itertools.count(1)


def deal(*, at: datetime = START, stage: str = "meeting_set", **fields: Any) -> Opportunity:
    """An opportunity about which there is nothing to say: a next step and a close date that are to come."""
    values: dict[str, Any] = {
        "name": f"Deal {next(_numbers)} 2026",
        "amount": Decimal(100),
        "next_step": "Call them",
        "next_step_due": TODAY + 5 * DAY,
        "close_on": TODAY + 60 * DAY,
        **fields,
    }
    if "account" not in values:
        values["account"] = make_account()
    system = User.objects.system()
    return create(Opportunity(stage="meeting_set", **values), actor=system, at=at, via="test", state=stage)


def change(record: Opportunity, actor: User, at: datetime, *, via: str = "admin", **values: Any) -> Opportunity:
    """Store these values, as somebody did at that moment."""
    record.refresh_from_db()
    with acting(actor=actor, via=via, at=at):
        for name, value in values.items():
            setattr(record, name, value)
        record.save(update_fields=list(values))
    return record


def touch(at: datetime, by: User, **about: Any) -> Activity:
    """A call at that moment."""
    with acting(actor=by, via="test", at=at):
        return Activity.objects.create(kind="call", direction="in", happened_at=at, by=by, **about)


def held(by: User, *, ended: datetime = LAST, scope_key: str = "", **scope: int) -> Meeting:
    """A huddle that was held, an hour long."""
    return Meeting.objects.create(
        kind="huddle",
        scope=scope,
        scope_key=scope_key or "&".join(f"{name}={value}" for name, value in sorted(scope.items())),
        state="held",
        started_at=ended - timedelta(hours=1),
        started_by=by,
        ended_at=ended,
        ended_by=by,
    )


def agenda(at: datetime = NOW, **scope: int) -> list[tuple[str, tuple[str, ...]]]:
    """The names on the agenda with the codes of why, in order."""
    return [(place.row.name, place.reasons) for place in found(at, **scope)]


def found(at: datetime = NOW, **scope: int) -> list[Place]:
    """The agenda."""
    return places(scope, at=at)


def item_of(record: Opportunity, by: User, at: datetime = NOW) -> Item:
    """An item of a huddle that runs."""
    begun = {"started_at": at, "started_by": by, "holder": by, "held_since": at}
    meeting, _ = Meeting.objects.get_or_create(kind="huddle", state="running", scope_key="", defaults=begun)
    known = meeting.items.filter(record_id=record.pk).first()
    place = meeting.items.count() + 1
    return known or meeting.items.create(position=place, record_id=record.pk, name=record.name)
