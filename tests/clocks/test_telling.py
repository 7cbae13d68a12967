"""Who is told of a step, and what: never nobody, and each in their own time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from crm import handbook
from crm.clocks.models import Clock
from crm.clocks.recipients import People
from crm.clocks.subjects import Subject
from crm.clocks.sweeping import sweep
from crm.clocks.telling import Due, posts_of, tell
from crm.clocks.terms import Step
from crm.notifications.models import Delivery, Notification
from crm.people.models import Absence, Team, User
from tests.clocks.clocks import TEN, about, make_clock
from tests.factories import make_user

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def today() -> date:
    return handbook.current().today(TEN)


def away(user: User, stand_in: User | None = None) -> None:
    Absence.objects.create(user=user, first_day=today(), last_day=today(), stand_in=stand_in)


def told(subject: Subject | None, *to: str) -> list[str]:
    """The first names of who is told, of a warning or of an escalation to these."""
    step = Step("escalate_1", "escalated", TEN, to) if to else Step("warn_75", "warned", TEN)
    people = People([subject], at=TEN)
    return [user.first_name for user in people.of(step, subject)]


@pytest.fixture
def managed(team: Team, mona: User) -> Team:
    """Alice's and Bob's team, which Mona manages."""
    Team.objects.filter(pk=team.pk).update(manager=mona)
    return Team.objects.select_related("manager").get(pk=team.pk)


def of(owner: User | None, team: Team | None = None) -> Subject:
    owner = User.objects.select_related("team__manager__team").get(pk=owner.pk) if owner else None
    return Subject("Web chat from Nia Park (Hooli)", "/request/", owner, team)


def test_the_owner_is_warned_and_the_manager_hears_when_nobody_answers(alice: User, managed: Team) -> None:
    assert told(of(alice)) == ["Alice"]
    assert told(of(alice), "manager") == ["Mona"]
    assert told(of(alice), "owner", "manager", "owner") == ["Alice", "Mona"]


def test_an_unowned_one_is_told_to_the_people_of_the_queue_and_its_manager(
    alice: User, bob: User, charlie: User, managed: Team
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    make_user("rita", role="service", is_service=True, team=managed)
    assert told(of(None, managed)) == ["Alice", "Mona"]
    away(alice)
    assert told(of(None, managed)) == ["Mona"]
    assert told(of(None, managed), "manager") == ["Mona"]


def test_who_is_away_is_stood_in_for_to_the_end_of_the_chain(alice: User, bob: User, ann: User, managed: Team) -> None:
    away(alice, bob)
    assert told(of(alice)) == ["Bob"]
    away(bob, ann)
    assert told(of(alice)) == ["Ann"]
    away(ann)
    assert told(of(alice)) == ["Mona"], "nobody is left in the chain"


def test_it_is_never_told_to_nobody(alice: User, managed: Team, mona: User, root: User) -> None:
    max_ = make_user("max", role="manager")
    away(alice)
    away(mona)
    assert told(of(alice)) == ["Max"], "any manager who is here"
    assert told(of(alice), "manager") == ["Max"]
    assert told(of(None)) == ["Max"]
    assert told(None) == ["Max"]
    away(max_)
    assert told(of(alice)) == ["Root"]
    away(root)
    assert told(of(alice)) == ["Root"], "an administrator who is away is better than nobody"


def test_a_team_without_a_manager_escalates_to_the_managers(alice: User, mona: User) -> None:
    assert told(of(alice), "owner", "manager") == ["Alice", "Mona"]


def test_administrators_are_those_who_are_here(alice: User, mona: User, root: User) -> None:
    away(make_user("rudi", role="administrator"))
    assert told(of(alice), "administrators") == ["Root"]


def test_somebody_named_by_email_is_told_however_it_is_written(
    alice: User, ann: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "crm.clocks.recipients.emails_named", lambda: {"Ann+crm@Example.com", "gone@example.com", "not a name"}
    )
    assert told(of(alice), "Ann+crm@Example.com") == ["Ann"]
    assert told(of(alice), "gone@example.com") == ["Mona"], "the address is nobody's any more"
    away(ann, alice)
    assert told(of(alice), "Ann+crm@Example.com") == ["Alice"]


def due_of(clock: Clock, subject: Subject, *steps: Step) -> list[Due]:
    return [Due(clock, subject, steps)]


def test_each_reads_it_in_their_own_time_with_the_company_s_beside(alice: User, managed: Team) -> None:
    User.objects.filter(pk=alice.pk).update(zone="Europe/Berlin")
    clock = make_clock()
    steps = (Step("warn_75", "warned", TEN + 45 * timedelta(minutes=1)),)
    (one,) = tell(due_of(clock, of(alice), *steps), at=TEN + 45 * timedelta(minutes=1))
    assert one.notice.title == "A limit is near: Web chat from Nia Park (Hooli)"
    assert one.notice.text == (
        "Waiting since Wed, Mar 4, 2026, 19:00 CET (10:00 PST)."
        " An answer is promised by Wed, Mar 4, 2026, 20:00 CET (11:00 PST). It is yours."
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Nowhere/Land", "../etc/passwd"])
def test_another_day_is_said_and_a_zone_that_is_none_is_the_company_s(alice: User, managed: Team, zone: str) -> None:
    User.objects.filter(pk=alice.pk).update(zone=zone)
    steps = (Step("limit", "breached", TEN + HOUR),)
    (one,) = tell(due_of(make_clock(), of(alice), *steps), at=TEN + HOUR)
    if zone == "Asia/Tokyo":
        assert "Thu, Mar 5, 2026, 03:00 JST (Wed, Mar 4, 10:00 PST)" in one.notice.text
    else:
        assert "since Wed, Mar 4, 2026, 10:00 PST." in one.notice.text


def test_a_breach_says_so_and_whose_it_is(alice: User, managed: Team) -> None:
    clock, step = make_clock(), Step("escalate_1", "escalated", TEN + HOUR, ("manager",))
    (one,) = tell(due_of(clock, of(alice), step), at=TEN + HOUR)
    assert one.notice.title.startswith("Nobody has answered yet: ")
    assert "An answer was promised by Wed, Mar 4, 2026, 11:00 PST, and nobody has answered." in one.notice.text
    assert one.notice.text.endswith("It is with Alice.")
    (one, *_) = tell(due_of(clock, of(None, managed), step), at=TEN + HOUR)
    assert one.notice.text.endswith("Nobody has it yet: it waits in the queue of North.")


def test_what_comes_late_says_so(alice: User, managed: Team) -> None:
    step = Step("limit", "breached", TEN + HOUR)
    (one,) = tell(due_of(make_clock(), of(alice), step), at=TEN + 3 * HOUR)
    assert one.notice.text.endswith("This should have been told at Wed, Mar 4, 2026, 11:00 PST.")


def test_the_room_reads_the_most_important_step_once_with_who_was_told(
    alice: User, managed: Team, mona: User, settings: Settings
) -> None:
    settings.CHAT_WEBHOOKS = {"response_times": "https://chat.example/a"}
    settings.SENDS_EMAIL = True
    with about(alice, managed):
        clock = make_clock()
        for _ in range(2):
            sweep(seconds=60, at=TEN + 61 * timedelta(minutes=1))
    (message,) = Delivery.objects.filter(medium="chat")
    assert message.key == f"clock:{clock.pk}:0:escalate_1"
    assert message.text.endswith("Told: Alice, Mona.")
    emails = Delivery.objects.filter(medium="email").order_by("key").values_list("to__first_name", "key")
    assert list(emails) == [("Mona", f"clock:{clock.pk}:0:escalate_1"), ("Alice", f"clock:{clock.pk}:0:limit")]
    assert Notification.objects.count() == 2


def test_nobody_and_no_room_is_told_of_a_quiet_one(alice: User, managed: Team, settings: Settings) -> None:
    settings.CHAT_WEBHOOKS = {"response_times": "https://chat.example/a"}
    dues = due_of(make_clock(at=TEN + 30 * HOUR), of(alice), Step("limit", "breached", TEN + HOUR))
    assert (tell(dues, at=TEN + 30 * HOUR), posts_of(dues, [], at=TEN + 30 * HOUR)) == ([], [])


def test_many_are_told_in_as_many_queries_as_few(alice: User, managed: Team, root: User, settings: Settings) -> None:
    steps = (Step("limit", "breached", TEN), Step("escalate_1", "escalated", TEN, ("manager", "administrators")))
    counts = []
    for many in (1, 20):
        clocks = [make_clock() for _ in range(many)]
        dues = [Due(clock, of(None, managed) if n % 2 else of(alice), steps) for n, clock in enumerate(clocks, 1)]
        with CaptureQueriesContext(connection) as taken:
            assert tell(dues, at=TEN + HOUR)
        counts.append(len(taken))
    assert counts[0] == counts[1]
