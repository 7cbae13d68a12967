"""Figures of response times, case by case: weeks, late answers, what is voided or held up, who left, who may see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from crm.clocks.models import Clock
from crm.core.charts import scale
from crm.core.errors import Refused
from crm.enquiries.attainment import Figures, attainment, standings
from crm.enquiries.attainment_asked import Asked, read_asked
from crm.enquiries.attainment_charts import stacked
from crm.enquiries.attainment_export import export_figures
from crm.enquiries.attainment_words import business_time, percent
from crm.enquiries.holding_up import hold_up
from crm.enquiries.responding import note_responses
from crm.enquiries.voiding import void_enquiry
from crm.jobs.models import Job
from crm.people.models import User
from tests.enquiries.asking import ask, clock_of, touched
from tests.enquiries.test_attainment import PAGE, log_in
from tests.factories import make_lead
from tests.keys import program

PACIFIC = ZoneInfo("America/Los_Angeles")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


def standing_of(enquiry: Any, at: datetime) -> str:
    """What became of the promise."""
    day = enquiry.received_at.astimezone(PACIFIC).date()
    return standings(Asked(day, day), at=at)[enquiry.pk][0]


def local(*parts: int) -> datetime:
    """A time in the company's zone."""
    return datetime(*parts, tzinfo=PACIFIC)  # type: ignore[arg-type,misc]


# --- weeks --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("received", "monday"),
    [
        (local(2026, 3, 8, 23, 59), date(2026, 3, 2)),  # the night in which clocks go forward
        (local(2026, 3, 9, 0, 0), date(2026, 3, 9)),
        (local(2025, 11, 2, 23, 59), date(2025, 10, 27)),  # the night in which they go back
        (local(2025, 11, 3, 0, 0), date(2025, 11, 3)),
        (local(2025, 12, 31, 23, 30), date(2025, 12, 29)),  # a week of two years, already next year in UTC
        (local(2026, 1, 4, 23, 59), date(2025, 12, 29)),
        (local(2024, 2, 29, 12, 0), date(2024, 2, 26)),
    ],
)
def test_a_week_is_the_company_s_from_monday_to_sunday(received: datetime, monday: date) -> None:
    ask(received + HOUR, received_at=received)
    found = attainment(Asked(monday - 7 * DAY, monday + 13 * DAY), at=received + HOUR)
    assert {week: one.received for week, one in found.week.items()} == {
        monday - 7 * DAY: 0,
        monday: 1,
        monday + 7 * DAY: 0,
    }
    alone = Asked(monday, monday + 6 * DAY)
    assert attainment(alone, at=received + HOUR).total.received == 1
    assert attainment(Asked(monday + 7 * DAY, monday + 8 * DAY), at=received + HOUR).total.received == 0


@given(DAYS, st.integers(0, 200))
def test_the_weeks_of_a_period_are_every_day_of_it_once(since: date, more: int) -> None:
    asked = Asked(since, since + timedelta(days=more))
    days = [day for monday in asked.mondays for day in every_day(asked.of_week(monday))]
    assert days == list(every_day(asked))
    # Whatever the clocks did: a week begins where the one before ends.
    bounds = [asked.of_week(monday).bounds for monday in asked.mondays]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]


def every_day(asked: Asked) -> list[date]:
    """The days of a period."""
    return [asked.since + timedelta(days=n) for n in range((asked.until - asked.since).days + 1)]


# --- what counts as what ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_answer_logged_late_counts_when_it_was_given(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    asked = ask(now, email=lead.email, channel="web_chat", received_at=now - 3 * HOUR)
    assert standing_of(asked, now) == "breached"
    touched(lead, alice, now - 3 * HOUR + 20 * MINUTE)
    note_responses(at=now)
    assert standing_of(asked, now) == "met"


@pytest.mark.django_db
def test_what_came_by_an_import_has_the_verdict_of_its_own_time(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    old = ask(now, email=lead.email, received_at=now - 40 * DAY, came_by="import")
    assert clock_of(old).quiet
    assert standing_of(old, now) == "breached"
    day = (now - 40 * DAY).astimezone(PACIFIC).date()
    found = attainment(Asked(day, day), at=now)
    assert (found.total.breached, list(found.owner)) == (1, [alice.pk])


@pytest.mark.django_db
def test_what_waits_for_them_is_open_however_long(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    asked = ask(now, email=lead.email, channel="web_chat", received_at=now - MINUTE)
    hold_up(asked, reason="asked_to_wait", actor=alice, at=now, via="test")
    assert standing_of(asked, now + 30 * DAY) == "open"


@pytest.mark.django_db
def test_voided_ones_are_in_no_percentage_and_are_told_of_who_voided(alice: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    for n in range(3):
        one = ask(now, email=lead.email, received_at=now - 5 * DAY - n * HOUR)
        void_enquiry(one, reason="spam", actor=alice if n else mona, at=now, via="test")
    found = attainment(Asked.weeks(2, now), at=now)
    assert (found.total.voided, found.total.breached, found.total.kept) == (3, 0, None)
    assert found.voiders == {alice.pk: 2, mona.pk: 1}


@pytest.mark.django_db
def test_a_breach_stays_with_who_left(alice: User, bob: User, mona: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    asked = ask(now - 10 * DAY, email=lead.email, received_at=now - 10 * DAY)
    touched(lead, alice, now - 5 * DAY)
    note_responses(at=now)
    assert standing_of(asked, now) == "breached"
    type(lead).objects.filter(pk=lead.pk).update(owner=bob)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    found = attainment(Asked.weeks(4, now), at=now)
    assert list(found.owner) == [alice.pk]
    page = log_in(mona).get(PAGE, Asked.weeks(4, now).parameters)
    assert "Alice (left)" in page.content.decode()


@pytest.mark.django_db
def test_one_that_is_open_counts_for_whose_it_is_now(alice: User, bob: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    ask(now, email=lead.email, received_at=now - MINUTE)
    assert list(attainment(Asked.weeks(1, now), at=now).owner) == [alice.pk]
    type(lead).objects.filter(pk=lead.pk).update(owner=bob)
    found = attainment(Asked.weeks(1, now), at=now)
    assert (list(found.owner), list(found.team)) == ([bob.pk], [bob.team_id])


@pytest.mark.django_db
def test_half_of_the_answers_took_longer_than_the_median(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    for minutes in (10, 20, 60, 240):
        one = ask(now, email=lead.email, channel="web_chat", received_at=now - 6 * DAY)
        Clock.objects.filter(enquiry=one).update(
            stopped_at=now, stopped_by="response", next_at=None, worked_seconds=minutes * 60
        )
    found = attainment(Asked.weeks(3, now), at=now).total
    assert found.median == 40 * 60
    assert found.ninetieth == pytest.approx((60 + 0.7 * 180) * 60)


# --- who may, and what will not do --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_refuses_whom_it_does_not_concern(alice: User, ann: User, mona: User, root: User, now: datetime) -> None:
    for person, status in ((alice, 403), (ann, 403), (mona, 200), (root, 200)):
        assert log_in(person).get(PAGE).status_code == status
        tabs = log_in(person).get("/admin/leads/lead/").content.decode()
        assert (f'href="{PAGE}"' in tabs) == (status == 200)
    assert log_in(alice).post("/admin/response-times/export/").status_code == 403
    assert log_in(mona).post("/admin/response-times/export/", {"since": "soon"}).status_code == 400
    with pytest.raises(Refused):
        export_figures(Asked.weeks(1, now), actor=alice, at=now, via="test")
    assert Client().get(PAGE).status_code == 302


@pytest.mark.django_db
def test_a_key_needs_the_scope_and_a_user_whom_it_concerns(alice: User, mona: User, robot: User) -> None:
    assert program(alice, "enquiries:response_times")("GET", "response-times/").status_code == 403
    assert program(mona, "enquiries:read")("GET", "response-times/").json()["code"] == "missing_scope"
    for user in (mona, robot):
        assert program(user, "enquiries:response_times")("GET", "response-times").json()["by"] == "channel"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("nonsense=1", "unknown_parameter", "nonsense"),
        ("by=colour", "invalid_by", "by"),
        ("since=yesterday", "invalid_since", "since"),
        ("since=2026-02-30", "invalid_since", "since"),
        ("until=0001-01-01", "invalid_until", "until"),
        ("since=2026-03-02&until=2026-03-01", "invalid_since", "since"),
        ("since=2020-01-01&until=2026-03-01", "invalid_since", "since"),
        ("channel=pigeon", "invalid_channel", "channel"),
        ("owner=me", "invalid_owner", "owner"),
        ("team=99999999999999999999", "invalid_team", "team"),
        ("standing=met", "unknown_parameter", "standing"),
        ("by=week&by=team", "repeated_parameter", "by"),
    ],
)
def test_the_api_names_what_will_not_do(query: str, code: str, field: str, robot: User) -> None:
    answer = program(robot, "enquiries:response_times")("GET", f"response-times/?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


@pytest.mark.django_db
def test_the_page_says_what_will_not_do_and_what_to_do_where_nothing_is(mona: User) -> None:
    browser = log_in(mona)
    empty = browser.get(PAGE).content.decode()
    assert "Nobody asked in this time" in empty
    assert f'href="{reverse("admin:clocks_replay")}"' in empty
    wrong = browser.get(PAGE, {"since": "soon", "owner": "x\x00"})
    assert wrong.status_code == 400
    assert "a day, as 2026-03-04" in wrong.content.decode()
    listed = browser.get("/admin/enquiries/enquiry/", {"figures": "since=soon"}, follow=True)
    assert "The list is shown unfiltered" in listed.content.decode()


@pytest.mark.django_db
def test_the_file_is_on_record_and_begins_no_formula(alice: User, mona: User, now: datetime) -> None:
    User.objects.filter(pk=alice.pk).update(first_name="=HYPERLINK(1)")
    lead = make_lead(owner=alice)
    ask(now, email=lead.email, received_at=now - MINUTE)
    job = export_figures(Asked.weeks(1, now), actor=mona, at=now, via="test")
    assert job.state == Job.State.DONE
    browser = log_in(mona)
    answer: Any = browser.get(f"/admin/jobs/{job.pk}/file/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "'=HYPERLINK" in text
    assert ",=HYPERLINK" not in text
    exports = browser.get("/admin/privacy/export/").content.decode()
    assert "Enquiries" in exports
    assert job.input["query"] in browser.get(f"/admin/privacy/export/{job.pk}/change/").content.decode()


@pytest.mark.django_db
def test_it_asks_as_much_for_many_as_for_few(alice: User, bob: User, mona: User, now: datetime) -> None:
    asked = Asked.weeks(8, now).parameters
    ask(now, email=make_lead(owner=alice).email, received_at=now - MINUTE)
    browser = log_in(mona)
    browser.get(PAGE, asked)
    with CaptureQueriesContext(connection) as few:
        browser.get(PAGE, asked)
    for n in range(12):
        channel = ["web_chat", "contact_form", "event"][n % 3]
        lead = make_lead(owner=[alice, bob, None][n % 3])
        ask(now, email=lead.email, channel=channel, received_at=now - n * 4 * DAY)
    with CaptureQueriesContext(connection) as many:
        browser.get(PAGE, asked)
    assert len(many) <= len(few) <= 15


# --- words and drawings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "1 h 0 min"),
        (3600, "1 h 0 min"),
        (400_000, "111 h 7 min"),
    ],
)
def test_business_time_is_said_in_hours_and_minutes(seconds: float | None, words: str) -> None:
    assert business_time(seconds) == words


def test_all_is_said_only_where_it_is_all() -> None:
    assert [percent(one) for one in (None, 0, 0.001, 0.5, 0.999, 1)] == [
        "–",
        "0%",
        "under 1%",
        "50%",
        "over 99%",
        "100%",
    ]


@given(st.integers(0, 10**7))
def test_no_bar_is_taller_than_the_scale(most: int) -> None:
    assert most <= scale(most) <= max(2, most * 2.5)
    chart = stacked([("a", "", Figures(met=most)), ("b", "", Figures(open=1, breached=most))], what="x")
    for bar in chart.bars:
        assert all(piece.y >= -0.2 for piece in bar.pieces)


def test_a_number_s_address_says_what_it_counts() -> None:
    asked = Asked(date(2026, 3, 2), date(2026, 3, 8), channel="web_chat", owner=0, standing="met", voider=3)
    assert read_asked(asked.parameters, at=datetime(2026, 3, 9, tzinfo=UTC)) == asked
