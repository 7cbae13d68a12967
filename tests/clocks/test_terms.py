"""What was promised, by hand: each request written out with the time it has to be answered by (R1-R4, S1, S2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.clocks.terms import LIMIT, TARGET, Pause, Terms, terms_of
from crm.handbook import SHIPPED
from crm.handbook.document import Handbook
from crm.handbook.promises import Policy
from crm.handbook.reader import parse, read

BOOK = read(SHIPPED)
PACIFIC = ZoneInfo("America/Los_Angeles")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def local(text: str) -> datetime:
    """A time of the wall clock in Los Angeles, as "2026-03-06 15:59"; of an hour that is there twice, the first."""
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).astimezone(UTC)


def said(at: datetime | None) -> str | None:
    return at.astimezone(PACIFIC).strftime("%Y-%m-%d %H:%M") if at else None


def promised(policy: str, received: str, *pauses: tuple[str, str], book: Handbook = BOOK) -> Terms:
    found = book.policy(policy)
    waits = [Pause(local(start), local(end)) for start, end in pauses]
    return terms_of(found, book.calendar(found), book.zone, local(received), waits)


def steps(terms: Terms) -> dict[str, str]:
    return {step.name: said(step.at) or "" for step in terms.steps}


# --- the table of the hand: policy, received, within hours, target, limit --------------------------------------------

OUTSIDE, INSIDE = False, True
TABLE = [
    # R1, web chat: one hour by the clock when it came within business hours, else eight.
    ("web_chat", "2026-03-04 10:00", INSIDE, None, "2026-03-04 11:00"),
    ("web_chat", "2026-03-04 06:00", INSIDE, None, "2026-03-04 07:00"),
    ("web_chat", "2026-03-04 05:59", OUTSIDE, None, "2026-03-04 13:59"),
    ("web_chat", "2026-03-04 20:00", OUTSIDE, None, "2026-03-05 04:00"),
    ("web_chat", "2026-03-06 15:59", INSIDE, None, "2026-03-06 16:59"),  # Friday: one hour by the clock all the same
    ("web_chat", "2026-03-06 16:00", OUTSIDE, None, "2026-03-07 00:00"),  # the first minute that is closed
    ("web_chat", "2026-03-07 12:00", OUTSIDE, None, "2026-03-07 20:00"),  # Saturday
    ("web_chat", "2026-03-04 23:59", OUTSIDE, None, "2026-03-05 07:59"),
    ("web_chat", "2026-11-25 15:30", INSIDE, None, "2026-11-25 16:30"),  # the eve of Thanksgiving
    ("web_chat", "2026-11-26 10:00", OUTSIDE, None, "2026-11-26 18:00"),  # Thanksgiving
    ("web_chat", "2026-11-27 10:00", INSIDE, None, "2026-11-27 11:00"),  # the day after is no federal holiday
    ("web_chat", "2026-07-03 10:00", OUTSIDE, None, "2026-07-03 18:00"),  # Friday: the Fourth, observed
    ("web_chat", "2026-03-07 20:00", OUTSIDE, None, "2026-03-08 05:00"),  # over the night that is an hour short
    ("web_chat", "2026-03-08 01:30", OUTSIDE, None, "2026-03-08 10:30"),
    ("web_chat", "2026-10-31 20:00", OUTSIDE, None, "2026-11-01 03:00"),  # over the night that is an hour longer
    ("web_chat", "2026-11-01 01:30", OUTSIDE, None, "2026-11-01 08:30"),  # in the hour that is there twice
    ("web_chat", "2028-02-29 10:00", INSIDE, None, "2028-02-29 11:00"),
    ("web_chat", "2028-02-28 18:00", OUTSIDE, None, "2028-02-29 02:00"),
    ("web_chat", "2026-12-31 23:30", OUTSIDE, None, "2027-01-01 07:30"),
    # R2, a request to talk to an expert without a slot: as R3.
    ("talk_to_expert", "2026-03-04 10:00", INSIDE, "2026-03-05 10:00", "2026-03-06 10:00"),
    ("talk_to_expert", "2026-03-06 15:59", INSIDE, "2026-03-07 15:59", "2026-03-08 15:59"),
    # R3, every other enquiry: one day is aimed at, two are the limit, by the calendar.
    ("enquiry", "2026-03-04 10:00", INSIDE, "2026-03-05 10:00", "2026-03-06 10:00"),
    ("enquiry", "2026-03-06 10:00", INSIDE, "2026-03-07 10:00", "2026-03-08 10:00"),  # the same time, an hour sooner
    ("enquiry", "2026-03-07 02:30", OUTSIDE, "2026-03-08 03:30", "2026-03-09 02:30"),  # half past two is left out
    ("enquiry", "2026-10-31 10:00", OUTSIDE, "2026-11-01 10:00", "2026-11-02 10:00"),
    ("enquiry", "2026-11-25 15:30", INSIDE, "2026-11-26 15:30", "2026-11-27 15:30"),
    ("enquiry", "2026-07-02 12:00", INSIDE, "2026-07-03 12:00", "2026-07-04 12:00"),
    ("enquiry", "2028-02-28 10:00", INSIDE, "2028-02-29 10:00", "2028-03-01 10:00"),
    ("enquiry", "2028-02-29 10:00", INSIDE, "2028-03-01 10:00", "2028-03-02 10:00"),
    ("enquiry", "2026-02-27 10:00", INSIDE, "2026-02-28 10:00", "2026-03-01 10:00"),
    ("enquiry", "2026-03-04 23:59", OUTSIDE, "2026-03-05 23:59", "2026-03-06 23:59"),
    ("email", "2026-03-04 10:00", INSIDE, "2026-03-05 10:00", "2026-03-06 10:00"),
    # S2, the first response to a customer: one hour within business hours, else four.
    ("customer_message", "2026-03-04 10:00", INSIDE, None, "2026-03-04 11:00"),
    ("customer_message", "2026-03-06 15:59", INSIDE, None, "2026-03-06 16:59"),
    ("customer_message", "2026-03-06 16:00", OUTSIDE, None, "2026-03-06 20:00"),
    ("customer_message", "2026-11-26 10:00", OUTSIDE, None, "2026-11-26 14:00"),
    ("customer_message", "2026-03-07 23:00", OUTSIDE, None, "2026-03-08 04:00"),
    ("customer_message", "2026-10-31 23:00", OUTSIDE, None, "2026-11-01 02:00"),
    ("customer_email", "2026-03-04 10:00", INSIDE, None, "2026-03-04 11:00"),
    ("customer_email", "2026-03-04 17:00", OUTSIDE, None, "2026-03-04 21:00"),
    # S1, P0: four hours around the clock.
    ("support_p0", "2026-03-04 10:00", INSIDE, None, "2026-03-04 14:00"),
    ("support_p0", "2026-03-06 15:59", INSIDE, None, "2026-03-06 19:59"),
    ("support_p0", "2026-03-07 23:30", OUTSIDE, None, "2026-03-08 04:30"),
    ("support_p0", "2026-11-26 03:00", OUTSIDE, None, "2026-11-26 07:00"),
    # S1, P1: four business hours; a holiday is a day as any.
    ("support_p1", "2026-03-04 10:00", INSIDE, None, "2026-03-04 14:00"),
    ("support_p1", "2026-03-04 12:00", INSIDE, None, "2026-03-04 16:00"),  # at closing, not at the next opening
    ("support_p1", "2026-03-06 15:59", INSIDE, None, "2026-03-09 09:59"),
    ("support_p1", "2026-03-04 23:59", OUTSIDE, None, "2026-03-05 10:00"),
    ("support_p1", "2026-03-07 12:00", OUTSIDE, None, "2026-03-09 10:00"),  # counted from Monday's opening
    ("support_p1", "2026-11-25 15:30", INSIDE, None, "2026-11-26 09:30"),
    ("support_p1", "2026-11-26 10:00", INSIDE, None, "2026-11-26 14:00"),
    ("support_p1", "2026-07-03 10:00", INSIDE, None, "2026-07-03 14:00"),
    ("support_p1", "2026-10-30 15:00", INSIDE, None, "2026-11-02 09:00"),
    # S1, P2: one business day. P3: one is aimed at, two are the limit.
    ("support_p2", "2026-03-04 10:00", INSIDE, None, "2026-03-05 10:00"),
    ("support_p2", "2026-03-06 15:59", INSIDE, None, "2026-03-09 15:59"),
    ("support_p2", "2026-03-07 12:00", OUTSIDE, None, "2026-03-10 06:00"),
    ("support_p2", "2026-11-25 15:30", INSIDE, None, "2026-11-27 15:30"),
    ("support_p2", "2026-11-26 10:00", OUTSIDE, None, "2026-11-30 06:00"),  # on a holiday: from Friday's opening
    ("support_p2", "2026-03-04 23:59", OUTSIDE, None, "2026-03-06 06:00"),
    ("support_p2", "2026-07-02 15:30", INSIDE, None, "2026-07-06 15:30"),
    ("support_p2", "2028-02-28 10:00", INSIDE, None, "2028-02-29 10:00"),
    ("support_p3", "2026-03-04 10:00", INSIDE, "2026-03-05 10:00", "2026-03-06 10:00"),
    ("support_p3", "2026-03-05 10:00", INSIDE, "2026-03-06 10:00", "2026-03-09 10:00"),
    ("support_p3", "2026-11-25 15:30", INSIDE, "2026-11-27 15:30", "2026-11-30 15:30"),
    ("support_p3", "2026-07-02 15:30", INSIDE, "2026-07-06 15:30", "2026-07-07 15:30"),
    ("department", "2026-03-06 10:00", INSIDE, None, "2026-03-09 10:00"),
    # Received long ago, and imported today: the time it was received is what counts.
    ("web_chat", "2019-11-27 15:59", INSIDE, None, "2019-11-27 16:59"),
    ("support_p3", "2019-11-27 15:30", INSIDE, "2019-11-29 15:30", "2019-12-02 15:30"),
    ("support_p2", "2020-06-18 10:00", INSIDE, None, "2020-06-19 10:00"),  # Juneteenth was no holiday yet
    ("support_p2", "2026-06-18 10:00", INSIDE, None, "2026-06-22 10:00"),
]


@pytest.mark.parametrize(("policy", "received", "in_hours", "target", "limit"), TABLE)
def test_it_promises_what_the_handbook_says(
    policy: str, received: str, in_hours: bool, target: str | None, limit: str
) -> None:
    found = promised(policy, received)
    assert (found.in_hours, said(found.target), said(found.limit)) == (in_hours, target, limit)


def test_the_hour_that_is_there_twice_is_two_hours() -> None:
    first, second = local("2026-11-01 01:30"), local("2026-11-01 01:30") + HOUR
    policy = BOOK.policy("web_chat")
    limits = [terms_of(policy, BOOK.calendar(policy), BOOK.zone, at).limit for at in (first, second)]
    assert limits[1] - limits[0] == HOUR


@pytest.mark.parametrize(
    ("channel", "asked", "policy"),
    [
        ("web_chat", {}, "web_chat"),
        ("event", {}, "enquiry"),
        ("email", {"segment": "prospect"}, "email"),
        ("email", {"segment": "customer"}, "customer_email"),
        ("support", {"priority": "p0", "segment": "customer", "tier": "ultimate"}, "support_p0"),
        ("support", {"priority": "p3", "segment": "customer", "tier": "premium"}, "support_p3"),
        ("support", {"priority": "p0", "segment": "customer", "tier": "free"}, "support_free"),
    ],
)
def test_each_request_has_its_policy(channel: str, asked: dict[str, str], policy: str) -> None:
    assert BOOK.policy_for(channel, **asked).key == policy


def test_the_free_tier_is_promised_nothing() -> None:
    with pytest.raises(ValueError, match="support_free promises nothing"):
        promised("support_free", "2026-03-04 10:00")


# --- steps -----------------------------------------------------------------------------------------------------------


def test_the_steps_of_a_chat_within_hours() -> None:
    assert steps(promised("web_chat", "2026-03-04 10:00")) == {
        "warn_75": "2026-03-04 10:45",
        "limit": "2026-03-04 11:00",
        "escalate_1": "2026-03-04 11:00",
        "escalate_2": "2026-03-04 15:00",
    }


def test_a_limit_in_closed_time_is_warned_about_before_closing_and_at_the_next_opening() -> None:
    """R3."""
    assert steps(promised("enquiry", "2026-03-06 10:00")) == {
        "before_closing": "2026-03-06 15:00",
        "target": "2026-03-07 10:00",
        "warn_90": "2026-03-08 05:18",  # nine tenths of the 47 hours that two days have on this weekend
        "limit": "2026-03-08 10:00",
        "escalate_1": "2026-03-08 10:00",
        "at_opening": "2026-03-09 06:00",
        "escalate_2": "2026-03-09 10:00",
    }


@pytest.mark.parametrize(
    ("policy", "received", "before", "opening"),
    [
        ("web_chat", "2026-03-06 15:59", "2026-03-06 15:59", "2026-03-09 06:00"),  # no time left: at once
        ("web_chat", "2026-03-06 15:00", None, None),  # over at closing, in open time to the last
        ("web_chat", "2026-03-06 16:00", None, "2026-03-09 06:00"),  # came after closing
        ("enquiry", "2026-11-24 12:00", "2026-11-25 15:00", "2026-11-27 06:00"),  # over on Thanksgiving
        ("enquiry", "2026-07-01 12:00", "2026-07-02 15:00", "2026-07-06 06:00"),  # on the Fourth, observed
        ("enquiry", "2026-03-04 10:00", None, None),
        ("enquiry", "2026-03-04 18:00", "2026-03-06 15:00", "2026-03-09 06:00"),
        ("support_p1", "2026-03-04 12:00", None, None),  # business time is over in business time
        ("support_p0", "2026-03-06 20:00", None, "2026-03-09 06:00"),
    ],
)
def test_closing_and_opening_around_a_limit(
    policy: str, received: str, before: str | None, opening: str | None
) -> None:
    found = steps(promised(policy, received))
    assert (found.get("before_closing"), found.get("at_opening")) == (before, opening)


def test_a_break_at_noon_is_closed_time_too() -> None:
    changed = 'weekdays = { wednesday = ["06:00-12:00", "13:00-16:00"] }\nholidays = "US"  '
    book = parse(BOOK.text.replace('holidays = "US"  ', changed, 1), SHIPPED)
    found = promised("web_chat", "2026-03-04 11:30", book=book)
    assert said(found.limit) == "2026-03-04 12:30"
    assert steps(found)["before_closing"] == "2026-03-04 11:30"
    assert steps(found)["at_opening"] == "2026-03-04 13:00"
    assert said(promised("support_p1", "2026-03-04 10:00", book=book).limit) == "2026-03-04 15:00"


def test_parts_of_business_time_are_parts_of_business_time() -> None:
    # Four business hours from Friday, three o'clock: half of them are over on Monday at seven.
    found = steps(promised("support_p1", "2026-03-06 15:00"))
    assert (found["warn_50"], found["warn_75"], found["limit"]) == (
        "2026-03-09 07:00",
        "2026-03-09 08:00",
        "2026-03-09 09:00",
    )


def test_the_target_is_a_warning_and_the_breach_comes_before_its_escalation() -> None:
    found = promised("support_p3", "2026-03-04 10:00")
    kinds = [(step.name, step.kind) for step in found.steps]
    assert (TARGET, "warned") in kinds
    assert kinds.index((LIMIT, "breached")) < kinds.index(("escalate_1", "escalated"))
    assert next(step.to for step in found.steps if step.name == "escalate_1") == ("manager",)


# --- holding up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "received", "pause", "limit"),
    [
        # By the clock: all of it.
        ("web_chat", "2026-03-04 10:00", ("2026-03-04 10:15", "2026-03-04 10:45"), "2026-03-04 11:30"),
        ("web_chat", "2026-03-04 10:00", ("2026-03-04 10:30", "2026-03-05 10:30"), "2026-03-05 11:00"),
        ("enquiry", "2026-03-04 10:00", ("2026-03-04 20:00", "2026-03-05 04:00"), "2026-03-06 18:00"),
        ("web_chat", "2026-03-07 22:00", ("2026-03-08 01:00", "2026-03-08 04:00"), "2026-03-08 09:00"),  # two hours
        ("web_chat", "2026-10-31 22:00", ("2026-11-01 00:30", "2026-11-01 03:30"), "2026-11-01 09:00"),  # four hours
        # By business time: what was open of it. Over a night, nothing of the night.
        ("support_p1", "2026-03-04 15:00", ("2026-03-04 15:30", "2026-03-05 06:30"), "2026-03-05 10:00"),
        ("support_p1", "2026-03-04 10:00", ("2026-03-04 20:00", "2026-03-05 04:00"), "2026-03-04 14:00"),  # too late
        ("support_p2", "2026-03-04 10:00", ("2026-03-04 20:00", "2026-03-05 04:00"), "2026-03-05 10:00"),  # only night
        ("support_p2", "2026-03-04 10:00", ("2026-03-04 12:00", "2026-03-04 14:00"), "2026-03-05 12:00"),
        ("support_p3", "2026-03-06 10:00", ("2026-03-07 09:00", "2026-03-08 20:00"), "2026-03-10 10:00"),  # a weekend
        ("support_p1", "2026-03-06 15:00", ("2026-03-06 15:30", "2026-03-09 06:30"), "2026-03-09 10:00"),  # over DST
        ("support_p2", "2026-11-24 10:00", ("2026-11-25 09:00", "2026-11-27 07:00"), "2026-11-27 08:00"),  # a holiday
        # From after the limit on, nothing is moved any more.
        ("web_chat", "2026-03-04 10:00", ("2026-03-04 11:00", "2026-03-04 12:00"), "2026-03-04 11:00"),
    ],
)
def test_what_is_held_up_moves_the_limit(policy: str, received: str, pause: tuple[str, str], limit: str) -> None:
    assert said(promised(policy, received, pause).limit) == limit


def test_two_pauses_move_it_twice_also_when_only_the_first_reaches_the_second() -> None:
    pauses = (("2026-03-04 10:30", "2026-03-04 11:30"), ("2026-03-04 11:45", "2026-03-04 12:45"))
    assert said(promised("web_chat", "2026-03-04 10:00", *pauses).limit) == "2026-03-04 13:00"


def test_a_pause_after_the_limit_moves_the_escalations_that_were_left() -> None:
    found = steps(promised("web_chat", "2026-03-04 10:00", ("2026-03-04 12:00", "2026-03-04 14:00")))
    assert (found["limit"], found["escalate_1"]) == ("2026-03-04 11:00", "2026-03-04 11:00")
    assert found["escalate_2"] == "2026-03-04 17:00"


def test_a_pause_before_the_limit_moves_an_escalation_once() -> None:
    found = steps(promised("web_chat", "2026-03-04 10:00", ("2026-03-04 10:30", "2026-03-04 11:30")))
    assert found["escalate_2"] == "2026-03-04 16:00"


# --- whatever is promised, and whenever it comes ---------------------------------------------------------------------

POLICIES = [policy for policy in BOOK.policies if policy.promise]
# Three years with every kind of night, leap day and holiday.
STARTS = st.integers(0, 3 * 366 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * MINUTE)


@st.composite
def requests(draw: Any) -> tuple[Policy, datetime, list[Pause]]:
    """A policy, a time of receipt, and up to three pauses in order."""
    start, pauses = draw(STARTS), []
    end = start
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 6000)), max_size=3)):
        begin = end + gap * MINUTE
        end = begin + length * MINUTE
        pauses.append(Pause(begin, end))
    return draw(st.sampled_from(POLICIES)), start, pauses


def terms(policy: Policy, start: datetime, pauses: list[Pause]) -> Terms:
    return terms_of(policy, BOOK.calendar(policy), BOOK.zone, start, pauses)


@given(requests())
@settings(max_examples=120, deadline=None)
def test_holding_up_never_moves_a_time_backwards(asked: tuple[Policy, datetime, list[Pause]]) -> None:
    policy, start, pauses = asked
    for n in range(len(pauses)):
        less, more = terms(policy, start, pauses[:n]), terms(policy, start, pauses[: n + 1])
        assert more.limit >= less.limit
        assert less.target is None or (more.target is not None and more.target >= less.target)
        for name in ("limit", "target", "escalate_1", "escalate_2", "warn_50", "warn_75", "warn_90"):
            before = next((step.at for step in less.steps if step.name == name), None)
            after = next((step.at for step in more.steps if step.name == name), None)
            assert before is None or (after is not None and after >= before)


@given(requests(), st.integers(0, 5000))
@settings(max_examples=100, deadline=None)
def test_a_pause_of_no_time_changes_nothing(asked: tuple[Policy, datetime, list[Pause]], minutes: int) -> None:
    policy, start, _ = asked
    moment = start + minutes * MINUTE
    assert terms(policy, start, [Pause(moment, moment)]) == terms(policy, start, [])


@given(requests())
@settings(max_examples=120, deadline=None)
def test_steps_are_in_order_each_once_and_after_the_request(asked: tuple[Policy, datetime, list[Pause]]) -> None:
    policy, start, pauses = asked
    found = terms(policy, start, pauses)
    times = [step.at for step in found.steps]
    assert times == sorted(times)
    assert len({step.name for step in found.steps}) == len(found.steps)
    assert all(at >= start for at in times)
    assert found.limit > start
    assert found.target is None or start < found.target <= found.limit
    by_name = {step.name: step.at for step in found.steps}
    assert by_name[LIMIT] == found.limit
    for name, at in by_name.items():
        if name.startswith("warn_") or name in ("target", "before_closing"):
            assert at <= found.limit, name
        if name.startswith("escalate_") or name == "at_opening":
            assert at >= found.limit, name


@given(requests())
@settings(max_examples=100, deadline=None)
def test_a_limit_in_closed_time_never_passes_without_a_warning_in_open_time(
    asked: tuple[Policy, datetime, list[Pause]],
) -> None:
    policy, start, pauses = asked
    found, calendar = terms(policy, start, pauses), BOOK.calendar(policy)
    closing = calendar.last_closing(found.limit)
    if calendar.is_open(found.limit) or closing == found.limit:
        return
    by_name = {step.name: step.at for step in found.steps}
    assert calendar.is_open(by_name["at_opening"])
    assert calendar.working_time_between(found.limit, by_name["at_opening"]) == timedelta()
    assert ("before_closing" in by_name) == (closing is not None and closing > start)


@given(STARTS)
@settings(max_examples=100, deadline=None)
def test_later_requests_are_never_due_sooner_by_business_time(start: datetime) -> None:
    for key in ("support_p1", "support_p2", "support_p3"):
        policy = BOOK.policy(key)
        assert terms(policy, start + MINUTE, []).limit >= terms(policy, start, []).limit


@given(requests())
@settings(max_examples=100, deadline=None)
def test_the_same_is_due_whatever_zone_it_is_asked_in(asked: tuple[Policy, datetime, list[Pause]]) -> None:
    policy, start, pauses = asked
    tokyo = ZoneInfo("Asia/Tokyo")
    there = [Pause(pause.start.astimezone(tokyo), pause.end.astimezone(tokyo)) for pause in pauses]
    assert terms(policy, start.astimezone(tokyo), there) == terms(policy, start, pauses)


def test_the_table_has_the_days_it_was_made_for() -> None:
    days = {date.fromisoformat(row[1][:10]) for row in TABLE}
    assert {date(2026, 3, 8), date(2026, 11, 1), date(2028, 2, 29), date(2026, 7, 3), date(2026, 11, 26)} <= days
    assert {row[0] for row in TABLE} == {policy.key for policy in POLICIES}
