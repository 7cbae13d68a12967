"""Outreach in spite of a do not contact: the manager of who did it is told, once (D4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.test import Client

from crm.activities.models import Activity
from crm.activities.suppressing import suppress
from crm.activities.violations import ONE_BY_ONE, tell_managers
from crm.notifications.models import Notification
from crm.notifications.services import Notice, notify
from crm.people.models import Absence, Team, User
from leads.working import log_touch
from tests.factories import make_lead, make_user
from tests.races import in_thread

pytestmark = pytest.mark.django_db


def violate(actor: User, at: datetime, times: int = 1) -> list[Activity]:
    touches = []
    for _ in range(times):
        lead = make_lead()
        suppress(actor=actor, at=at, via="test", reason="asked_us", emails=[lead.email])
        touches.append(log_touch(lead, actor=actor, at=at, via="test", kind="email", outcome="sent", happened_at=at))
    return touches


def told() -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in Notification.objects.select_related("to"):
        counts[str(one.to)] = counts.get(str(one.to), 0) + 1
    return counts


def manage(team: Team, manager: User) -> None:
    team.manager = manager
    team.save()


def test_the_manager_of_the_team_is_told_once(alice: User, mona: User, team: Team, now: datetime) -> None:
    manage(team, mona)
    make_user("martin", role="manager")
    (touch,) = violate(alice, now)
    assert touch.violation_of is not None
    assert tell_managers(at=now) == 1
    assert tell_managers(at=now) == 0
    assert told() == {"Mona": 1}
    one = Notification.objects.get()
    assert one.title.startswith("Alice reached out to Lea Prospect")
    assert one.text == "The person was not to be contacted: They asked us not to contact them, since March 4, 2026."
    assert one.address == f"/admin/activities/activity/{touch.pk}/change/"
    touch.refresh_from_db()
    assert touch.version == 1, "being told of is no change of the touch"


def test_who_stands_in_is_told_while_the_manager_is_away(alice: User, mona: User, team: Team, now: datetime) -> None:
    manage(team, mona)
    martin, today = make_user("martin", role="manager"), now.date()
    Absence.objects.create(user=mona, first_day=today, last_day=today, stand_in=martin)
    violate(alice, now)
    tell_managers(at=now)
    assert told() == {"Martin": 1}


def test_without_a_manager_of_the_team_every_manager_is_told(alice: User, mona: User, now: datetime) -> None:
    make_user("martin", role="manager")
    make_user("gone", role="manager", is_active=False)
    violate(alice, now)
    tell_managers(at=now)
    assert told() == {"Mona": 1, "Martin": 1}


def test_a_managers_own_slip_is_told_to_the_others(mona: User, now: datetime) -> None:
    make_user("martin", role="manager")
    violate(mona, now)
    tell_managers(at=now)
    assert told() == {"Martin": 1}


def test_where_there_is_no_manager_an_administrator_is_told(alice: User, root: User, now: datetime) -> None:
    violate(alice, now)
    tell_managers(at=now)
    assert told() == {"Root": 1}


def test_many_are_one_notice_with_a_link(alice: User, mona: User, team: Team, now: datetime) -> None:
    manage(team, mona)
    violate(alice, now, ONE_BY_ONE + 1)
    assert tell_managers(at=now) == ONE_BY_ONE + 1
    one = Notification.objects.get()
    assert one.title == "21 touches with people who were not to be contacted"
    client = Client()
    client.force_login(mona)
    page = client.get(one.address)
    assert page.status_code == 200
    assert page.context["cl"].result_count == ONE_BY_ONE + 1


def test_the_same_cause_is_told_once(mona: User, now: datetime) -> None:
    notify([Notice(mona.pk, "test", "cause", "First")], at=now)
    notify([Notice(mona.pk, "test", "cause", "Second"), Notice(mona.pk, "test", "other", "Third")], at=now)
    assert sorted(Notification.objects.values_list("title", flat=True)) == ["First", "Third"]


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_tell_of_each_once(alice: User, mona: User, team: Team, now: datetime) -> None:
    manage(team, mona)
    violate(alice, now, 10)
    with ThreadPoolExecutor(4) as pool:
        sweeps = [in_thread(pool, lambda: tell_managers(at=now)) for _ in range(4)]
        assert sum(one.result(timeout=30) for one in sweeps) == 10
    assert told() == {"Mona": 10}


def test_a_touch_may_not_lie_in_the_future(alice: User) -> None:
    from django.utils import timezone

    client, lead = Client(), make_lead(owner=alice)
    client.force_login(alice)
    tomorrow = timezone.now() + timedelta(days=1)
    sent = {"kind": "call", "direction": "out", "outcome": "connected", "lead": str(lead.pk)}
    sent |= {
        "happened_at_0": f"{tomorrow:%Y-%m-%d}",
        "happened_at_1": "10:00",
        "happened_at": f"{tomorrow:%Y-%m-%d %H:%M}",
    }
    answer = client.post("/admin/activities/activity/add/", sent)
    assert answer.status_code == 200
    assert "That has not happened yet" in str(answer.context["adminform"].form.errors)
    assert not Activity.objects.exists()
