"""How promises were kept: the page, the API, the file, the list and the timer agree for every record (R7)."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from crm.clocks.models import Clock, ClockEvent
from crm.clocks.sweeping import sweep_batch
from crm.enquiries.attainment import DIMENSIONS, Figures, attainment, standings
from crm.enquiries.attainment_asked import Asked
from crm.enquiries.claiming import claim_enquiry
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.people.models import User
from tests.enquiries.asking import ask, touched
from tests.factories import make_lead
from tests.keys import make_key

pytestmark = pytest.mark.django_db
PACIFIC = ZoneInfo("America/Los_Angeles")
MANY = 40
FATES = ["answered", "answered", "answered", "late", "held", "voided", "unvoided", "waits", "claimed"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAGE, API = "/admin/response-times/", "/api/v1/response-times/"


def of(since: date, until: date, **more: Any) -> Asked:
    """What is asked of these days."""
    return Asked(since, until, **more)


def around(at: datetime, days: int = 60) -> Asked:
    """A period that has everything of a test."""
    day = at.astimezone(PACIFIC).date()
    return of(day - timedelta(days=days), day)


def log_in(user: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


def model_verdict(enquiry: Enquiry, seen: datetime) -> str:
    """What became of the promise, from the times alone: what the database says in one function, said again here."""
    if enquiry.voided_at is not None:
        return "voided"
    if enquiry.clock is None:
        return "barred" if enquiry.barred else "no_promise"
    clock = enquiry.clock
    waited_until = clock.stopped_at or clock.paused_at or seen
    if waited_until > clock.limit_at:
        return "breached"
    return "met" if clock.stopped_at else "open"


def model_percentile(values: Sequence[float], part: float) -> float | None:
    """The value so far into the values, between two of them in proportion."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * part
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True)
class Expected:
    """What one enquiry counts as."""

    standing: str
    channel: str
    owner: int | None
    team: int | None
    week: date
    seconds: int | None


def model(at: datetime) -> dict[int, Expected]:
    """Every enquiry, looked at one by one with nothing but its own record."""
    found = {}
    for one in Enquiry.objects.with_people().select_related("clock__verdict_owner", "clock__verdict_team"):
        standing = model_verdict(one, at)
        clock = one.clock
        owner, team = one.responsible, one.waits_in
        whose = (owner.pk if owner else None, owner.team_id if owner else (team.pk if team else None))
        if clock is not None and standing != "open" and (clock.verdict_owner_id or clock.verdict_team_id):
            whose = (clock.verdict_owner_id, clock.verdict_team_id)
        day = one.received_at.astimezone(PACIFIC).date()
        answered = clock is not None and standing in ("met", "breached")
        found[one.pk] = Expected(
            standing,
            one.channel,
            *whose,
            day - timedelta(days=day.weekday()),
            clock.worked_seconds if clock is not None and answered else None,
        )
    return found


def model_figures(rows: Sequence[Expected]) -> Figures:
    """The figures of these."""
    counts = Counter(one.standing for one in rows)
    seconds = [one.seconds for one in rows if one.seconds is not None]
    return Figures(**counts, median=model_percentile(seconds, 0.5), ninetieth=model_percentile(seconds, 0.9))


@pytest.fixture
def many(alice: User, bob: User, charlie: User, mona: User) -> datetime:
    """Enquiries of every kind over eight weeks, dealt with in every way; the moment after all."""
    now = timezone.now()
    chance = random.Random(7)
    channels = ["web_chat", "contact_form", "talk_to_expert", "email", "support", "customer_message", "event"]
    owners: list[User | None] = [alice, bob, charlie, None]
    leads = [make_lead(owner=chance.choice(owners)) for _ in range(20)]
    for n in range(MANY):
        # The last few came in just now.
        came = now - timedelta(minutes=chance.randrange(8 * 7 * 24 * 60) if n < MANY - 4 else 1)
        channel = chance.choice(channels)
        details: dict[str, Any] = {"channel": channel, "received_at": came}
        if channel == "support":
            details["priority"] = chance.choice(["p0", "p1", "p2", "p3"])
        if n % 10:
            details["email"] = chance.choice(leads).email
        # Some came in at once, some by an import long after.
        one = ask(came if n % 3 else now, **details)
        seen = came + timedelta(minutes=chance.randrange(1, 5 * 24 * 60))
        fate = chance.choice(FATES)
        one = Enquiry.objects.with_people().get(pk=one.pk)
        by = one.responsible or alice
        if n >= MANY - 4:
            continue
        if fate == "voided" or fate == "unvoided":
            void_enquiry(one, reason="spam", actor=chance.choice([mona, by]), at=seen, via="test")
            if fate == "unvoided":
                unvoid_enquiry(one, actor=mona, at=seen + HOUR, via="test")
            continue
        if fate == "claimed" and one.responsible is None:
            claim_enquiry(one, actor=mona, at=seen, via="test")
        clock = one.clock
        if fate == "held" and clock is not None and clock.stopped_at is None:
            hold_up(one, reason="asked_to_wait", actor=mona, at=seen, via="test")
            if chance.random() < 0.6:
                resume(one, actor=mona, at=seen + timedelta(hours=chance.randrange(1, 80)), via="test")
        if fate in ("answered", "late", "held") and one.about is not None and chance.random() < 0.9:
            touched(one.about, by, min(seen, now), outcome="sent")
    note_responses(at=now)
    while sweep_batch(at=now, size=1000):
        pass
    # Whose they were at the verdict stays, also when the leads go to somebody else.
    for lead in leads[:8]:
        type(lead).objects.filter(pk=lead.pk).update(owner=bob)
    return now


def shown(figures: Figures) -> tuple[Any, ...]:
    """Figures to compare."""
    times = tuple(None if value is None else round(value, 6) for value in (figures.median, figures.ninetieth))
    counts = (figures.met, figures.breached, figures.open, figures.voided, figures.no_promise, figures.barred)
    return (*counts, *times)


def test_every_record_counts_as_its_own_times_say_and_page_api_file_and_list_say_the_same(
    many: datetime, mona: User, robot: User
) -> None:
    compare_with_the_records(many)
    compare_with_one_another(many, mona, robot)


def compare_with_the_records(many: datetime) -> None:
    """Every enquiry counts as its own times say, and the figures are a plain count of these."""
    records = model(many)
    assert {one.standing for one in records.values()} >= {"met", "breached", "open", "voided"}
    got = standings(around(many), at=many)
    assert got == {pk: (one.standing, one.owner, one.team) for pk, one in records.items()}
    compare_with_the_timer(got, many)
    # The figures are a plain count of the records.
    expected = list(records.values())
    found = attainment(around(many), at=many)
    assert shown(found.total) == shown(model_figures(expected))
    for by in DIMENSIONS:
        groups = defaultdict(list)
        for one in expected:
            groups[getattr(one, by)].append(one)
        filled = {key: shown(one) for key, one in found.by(by).items() if one.received}
        assert filled == {key: shown(model_figures(rows)) for key, rows in groups.items()}
    voided = Counter(Enquiry.objects.exclude(voided_at=None).values_list("voided_by", flat=True))
    assert found.voiders == dict(voided)


def compare_with_the_timer(got: dict[int, Any], many: datetime) -> None:
    """The verdict of every clock is the timer's, and the sweep has written down every breach that still waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, clock_verdict(c.limit_at, c.paused_at, c.stopped_at, c.voided_at, %s)"
            " FROM clocks_clock c JOIN enquiries_enquiry e ON e.clock_id = c.id",
            [many],
        )
        timer = dict(cursor.fetchall())
    assert {pk: got[pk][0] for pk in timer} == timer
    waits = Clock.objects.running()
    told = set(ClockEvent.objects.filter(clock__in=waits, kind="breached").values_list("clock__enquiry", flat=True))
    assert told == {pk for pk in waits.values_list("enquiry", flat=True) if got[pk][0] == "breached"}


def compare_with_one_another(many: datetime, mona: User, robot: User) -> None:
    """The page, the API, the file and the list say the same."""
    asked = around(many)
    browser, program = log_in(mona), Client()
    key = make_key(robot, "enquiries:response_times")
    page = browser.get(PAGE, asked.parameters)
    assert page.status_code == 200
    file = read_file(browser, asked)
    for by in DIMENSIONS:
        answer = program.get(API, {"by": by, **asked.parameters}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.content
        body = answer.json()
        told = {str(one["label"]): one for one in body["results"]}
        (table,) = [one for one in page.context["tables"] if one.by == by]
        assert {line.label for line in table.lines} == set(told)
        for line in table.lines:
            one = told[line.label]
            counts = [number.count for number in (line.received, *line.numbers)]
            assert counts == [one[name] for name in ("received", "met", "breached", "open", "voided")]
            written = file[by, one["key"] if by == "week" else line.label]
            assert written[:7] == [
                str(one[name]) for name in ("received", "met", "breached", "open", "voided", "no_promise", "barred")
            ]
            assert written[8] == ("" if one["median_seconds"] is None else str(round(one["median_seconds"])))
            for number in (line.received, *line.numbers) if by == "owner" else (line.received,):
                if number.count:
                    assert listed(browser, number.address) == number.count
        assert body["total"]["received"] == sum(one["received"] for one in body["results"]) == MANY
        assert {"user_id", "name", "voided"} == set(body["voided_by"][0])
    assert page.context["total"].received.count == MANY
    for one in page.context["voiders"]:
        assert listed(browser, one.address) == one.count


def listed(browser: Client, address: str) -> int:
    """How many enquiries the list shows at this address."""
    answer = browser.get(address)
    assert answer.status_code == 200
    count: int = answer.context["cl"].result_count
    return count


def read_file(browser: Client, asked: Asked) -> dict[tuple[str, str], list[str]]:
    """The file of these figures, by dimension and value."""
    sent = browser.post("/admin/response-times/export/", asked.parameters)
    assert sent.status_code == 302
    answer: Any = browser.get(sent["Location"])
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text))
    assert header[:4] == ["By", "Value", "Received", "Met"]
    names = {"Channel": "channel", "Owner": "owner", "Team": "team", "Week of": "week", "All": "all"}
    return {(names[row[0]], row[1]): row[2:] for row in rows}
