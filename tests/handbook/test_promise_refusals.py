"""What the reader refuses about answering people: hours, enquiries, policies and notices, each with its place."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.handbook import SHIPPED
from crm.handbook.promise_rules import WEEK, broken_promises
from crm.handbook.reader import read
from tests.handbook.conftest import Spoil

HOLIDAYS = 'holidays = "US"  '
DAYS = 'days = ["monday", "tuesday", "wednesday", "thursday", "friday"]'
CHAT = 'promise = { limit = "1 hour" }\noutside = { limit = "8 hours" }'
EXPERT = 'promise = { target = "1 day", limit = "2 days" }'
ESCALATE = 'escalate = [{ to = ["manager"] }, { after = "4 hours", to = ["administrators"] }]'
NIGHTS = '[[other_hours]]\nkey = "nights"\ndays = ["monday"]\nopens = "20:00"\ncloses = "23:00"\nholidays = "none"\n'
ALWAYS = 'label = "A limit has passed", chat = "response_times", always = true'
FREE = 'channels = ["support"]\ntiers = ["free"]'


def hours(line: str) -> tuple[str, str]:
    """The company's hours with a line more."""
    return HOLIDAYS, f"{line}\n{HOLIDAYS}"


def own_days(*days: str) -> tuple[str, str]:
    return hours(f"own_days = [{', '.join(f'{{ {day} }}' for day in days)}]")


@pytest.mark.parametrize(
    ("change", "where", "found", "allowed"),
    [
        # --- hours
        (hours("weekdays = { funday = [] }"), "hours.weekdays.funday", "funday", "monday, tuesday"),
        (hours('weekdays = { friday = ["6-12"] }'), "hours.weekdays.friday[0]", '"6-12"', '"06:00-12:00"'),
        (hours('weekdays = { friday = ["06:00-24:01"] }'), "hours.weekdays.friday[0]", "24:01", "ends after it begins"),
        (hours('weekdays = { friday = ["12:00-06:00"] }'), "hours.weekdays.friday[0]", "12:00-06", "ends after it"),
        (hours('weekdays = { friday = ["06:00-06:00"] }'), "hours.weekdays.friday[0]", "06:00-06", "ends after it"),
        (
            hours('weekdays = { friday = ["06:00-12:00", "11:59-15:00"] }'),
            "hours.weekdays.friday[1]",
            '"11:59-15:00"',
            'in order, after "06:00-12:00"',
        ),
        (
            hours('weekdays = { friday = ["13:00-15:00", "06:00-12:00"] }'),
            "hours.weekdays.friday[1]",
            '"06:00-12:00"',
            'in order, after "13:00-15:00"',
        ),
        (own_days('day = 2026-12-24, label = "Closed", opens = []'), "hours.own_days[0].opens", "not known", "open"),
        (own_days('day = "2026-12-24", label = "Closed"'), "hours.own_days[0].day", "2026-12-24", "a date"),
        (own_days("day = 2026-12-24"), "hours.own_days[0].label", "nothing", "has to be given"),
        (
            own_days('day = 2026-12-24, label = "Half", open = ["06:00-12:00", "10:00-11:00"]'),
            "hours.own_days[0].open[1]",
            '"10:00-11:00"',
            "in order",
        ),
        (
            own_days('day = 2026-12-24, label = "Closed"', 'day = 2026-12-24, label = "Half", open = ["06:00-11:00"]'),
            "hours.own_days[1].day",
            "2026-12-24 a second time",
            "each day once",
        ),
        (
            own_days('day = 2026-12-24, last = 2026-12-31, label = "Winter"', 'day = 2026-12-28, label = "Party"'),
            "hours.own_days[1].day",
            "2026-12-28 a second time",
            "each day once",
        ),
        (
            own_days('day = 2026-12-24, last = 2026-12-23, label = "Winter"'),
            "hours.own_days[0].last",
            "2026-12-23",
            "a day after day, within a year",
        ),
        (
            own_days('day = 2026-12-24, last = 2036-12-23, label = "Winter"'),
            "hours.own_days[0].last",
            "2036-12-23",
            "within a year",
        ),
        (
            own_days('day = 2026-12-24, last = 2026-12-31T00:00:00, label = "Winter"'),
            "hours.own_days[0].last",
            "2026-12-31",
            "a date",
        ),
        ((DAYS, "days = []"), "hours.days", "an empty list", "at least 1"),
        (
            (DAYS, 'days = ["monday"]\nweekdays = { monday = [] }'),
            "hours",
            "hours that are never open",
            "at least one weekday",
        ),
        (
            hours(f"weekdays = {{ {', '.join(f'{day} = []' for day in WEEK[:5])} }}"),
            "hours",
            "hours that are never open",
            "at least one weekday",
        ),
        (
            ("[[policies]]", NIGHTS.replace("23:00", "19:00") + "[[policies]]"),
            "other_hours[0].closes",
            '"19:00"',
            'a time after other_hours[0].opens, "20:00"',
        ),
        (("[[policies]]", NIGHTS.replace('key = "nights"\n', "") + "[[policies]]"), "other_hours[0].key", "", "given"),
        # --- enquiries
        (('default_priority = "p3"', 'default_priority = "p4"'), "enquiry.default_priority", '"p4"', "p0, p1, p2, p3"),
        (('default_priority = "p3"', ""), "enquiry.default_priority", "nothing", "has to be given"),
        (
            ('label = "Event" }', 'label = "Event", forms = true }'),
            "enquiry.channels[8].forms",
            "not known",
            'did you mean "form"',
        ),
        (
            ('{ key = "spam", label = "Spam" }', '{ key = "spam", label = "Test" }'),
            "enquiry.void_reasons[3].label",
            '"Test" a second time',
            "each once",
        ),
        # --- policies
        ((CHAT, CHAT.replace("1 hour", "1 week")), "policies[0].promise.limit", '"1 week"', "business days"),
        ((CHAT, CHAT.replace("1 hour", "0 hours")), "policies[0].promise.limit", '"0 hours"', "a number and one of"),
        ((CHAT, CHAT.replace("1 hour", "1 business week")), "policies[0].promise.limit", "business week", "one of"),
        ((CHAT, CHAT.replace('"1 hour"', "1")), "policies[0].promise.limit", "1", "a number and one of"),
        ((CHAT, CHAT.replace("8 hours", "8")), "policies[0].outside.limit", '"8"', "a number and one of"),
        ((CHAT, CHAT.replace("limit = \"1 hour\"", "")), "policies[0].promise.limit", "nothing", "has to be given"),
        (
            (EXPERT, EXPERT.replace("1 day", "3 days")),
            "policies[1].promise.target",
            '"3 days"',
            'less than the limit, "2 days", in its unit',
        ),
        (
            (EXPERT, EXPERT.replace("1 day", "2 days")),
            "policies[1].promise.target",
            '"2 days"',
            'less than the limit, "2 days"',
        ),
        (
            (EXPERT, EXPERT.replace("1 day", "4 hours")),
            "policies[1].promise.target",
            '"4 hours"',
            "in its unit",
        ),
        (("warn = [75]", "warn = [100]"), "policies[0].warn[0]", "100", "below 100"),
        (("warn = [75]", "warn = [0]"), "policies[0].warn[0]", "0", "above 0"),
        (("warn = [75]", "warn = [50, 75, 50]"), "policies[0].warn[2]", "50 a second time", "each once"),
        (("warn = [75]", 'warn = ["half"]'), "policies[0].warn[0]", '"half"', "a whole number"),
        (
            (ESCALATE, ESCALATE.replace('"manager"', '"boss"')),
            "policies[0].escalate[0].to[0]",
            '"boss"',
            "owner, manager, administrators, or the email",
        ),
        ((ESCALATE, ESCALATE.replace('["manager"]', "[]")), "policies[0].escalate[0].to", "an empty list", "at least"),
        (
            (ESCALATE, 'escalate = [{ after = "4 hours", to = ["manager"] }, { to = ["administrators"] }]'),
            "policies[0].escalate[1].after",
            'nothing, after "4 hours"',
            "a time after the escalation before",
        ),
        (
            (ESCALATE, 'escalate = [{ after = "4 hours", to = ["manager"] }, { after = "4 hours", to = ["owner"] }]'),
            "policies[0].escalate[1].after",
            '"4 hours"',
            'more than "4 hours"',
        ),
        (
            ('priorities = ["p0"]', 'priorities = ["p0", "p9"]'),
            "policies[6].priorities[1]",
            '"p9", which is not in the file',
            "p0, p1, p2, p3",
        ),
        (
            (FREE, FREE.replace('"free"', '"free", "gold"')),
            "policies[10].tiers[1]",
            '"gold", which is not in the file',
            "free, premium, ultimate",
        ),
        (
            ("holidays_open = true", 'holidays_open = true\nhours = "nights"'),
            "policies[7].hours",
            '"nights", which is not under other_hours',
            "allowed",
        ),
        ((FREE, f"{FREE}\nwarn = [50]"), "policies[10].warn", "given without a promise", "where there is a promise"),
        (
            (FREE, f'{FREE}\noutside = {{ limit = "1 day" }}'),
            "policies[10].outside",
            "given without a promise",
            "where there is a promise",
        ),
        (("holidays_open = true", "holiday_open = true"), "policies[7].holiday_open", "not known", "holidays_open"),
        (('stops = ["response", "meeting"]', 'stops = ["reply"]'), "policies[1].stops[0]", '"reply"', "meeting"),
        # --- notices
        (
            ('chat = "enquiries", email = false', 'chat = "enquirys", email = false'),
            "notices.kinds[3].chat",
            '"enquirys", which is not under notices.chats',
            'did you mean "enquiries"',
        ),
        (
            ('kind = "response_warned"', 'kind = "response_warning"'),
            "notices.kinds[0].kind",
            '"response_warning"',
            'did you mean "response_warned"',
        ),
        (
            (ALWAYS, ALWAYS.replace(", always = true", "")),
            "notices.kinds[1].always",
            "nothing",
            "allowed for response_breached: true",
        ),
        (("try_days = 3", "try_days = 0"), "notices.try_days", "0", "above 0"),
        (("try_days = 3", "try_days = 3\nretries = 5"), "notices.retries", "not known", "try_days"),
        (
            (', dri = "maya.manager@plumb.example" },\n    { key = "enquiries"', ' },\n    { key = "enquiries"'),
            "notices.chats[0].dri",
            "nothing",
            "has to be given",
        ),
    ],
)  # fmt: skip
def test_it_refuses_what_cannot_be_and_says_where(
    refused: Spoil, change: tuple[str, str], where: str, found: str, allowed: str
) -> None:
    problems = refused(change)
    assert [problem.where for problem in problems] == [where], problems
    assert found in problems[0].found or found in problems[0].where
    assert allowed in problems[0].allowed


def test_it_refuses_two_policies_that_both_match(refused: Spoil) -> None:
    (problem,) = refused(('channels = ["talk_to_expert"]', 'channels = ["talk_to_expert", "web_chat"]'))
    assert problem.where == "policies[1]"
    assert problem.found == "a second policy for one request (web_chat, customer)"
    assert problem.allowed == "one policy each: policies[0] fits as well"


def test_it_refuses_two_policies_that_match_only_one_tier(refused: Spoil) -> None:
    (problem,) = refused(('tiers = ["", "premium", "ultimate"]', 'tiers = ["", "free", "premium", "ultimate"]'))
    assert problem.where == "policies[10]"
    assert problem.found == "a second policy for one request (support, p0, customer, tier free)"
    assert problem.allowed == "one policy each: policies[6] fits as well"


def test_it_refuses_a_channel_without_a_policy(refused: Spoil) -> None:
    (problem,) = refused(('"self_service_purchase", "event"]', '"self_service_purchase"]'))
    assert problem.where == "enquiry.channels[8]"
    assert problem.found == "a request without a policy (event, customer)"
    assert "a policy has to name it" in problem.allowed


def test_it_refuses_a_channel_that_only_customers_have_a_policy_for(refused: Spoil) -> None:
    (problem,) = refused(('segments = ["prospect"]', 'segments = ["prospect"]\ntiers = ["free"]'))
    assert problem.where == "enquiry.channels[7]"
    assert problem.found == "a request without a policy (email, prospect)"


def test_it_refuses_a_priority_nobody_has_a_policy_for(refused: Spoil) -> None:
    (problem,) = refused(('priorities = ["p3"]\n', 'priorities = ["p3"]\nsegments = ["customer"]\n'))
    assert problem.where == "enquiry.channels[10]"
    assert problem.found == "a request without a policy (support, p3, prospect)"


def test_it_names_a_channel_that_is_misspelt_and_the_one_that_has_none_now(refused: Spoil) -> None:
    problems = {problem.where: problem for problem in refused(('channels = ["web_chat"]', 'channels = ["web_chats"]'))}
    assert set(problems) == {"policies[0].channels[0]", "enquiry.channels[0]"}
    assert 'did you mean "web_chat"?' in problems["policies[0].channels[0]"].allowed


def test_it_names_a_segment_that_is_misspelt(refused: Spoil) -> None:
    places = [problem.where for problem in refused(('segments = ["prospect"]', 'segments = ["prospects"]'))]
    assert "policies[3].segments[0]" in places


def test_it_wants_each_kind_of_notice_once(refused: Spoil) -> None:
    line = '    { kind = "enquiry_received", label = "An enquiry came in", chat = "enquiries", email = false },\n'
    (problem,) = refused((line, ""))
    assert (problem.where, problem.found) == ("notices.kinds", 'no kind "enquiry_received"')
    (problem,) = refused((line, line + line.replace("An enquiry", "A request")))
    assert (problem.where, problem.found) == ("notices.kinds[4].kind", '"enquiry_received" a second time')


def test_it_takes_hours_with_everything(written: Callable[..., Path]) -> None:
    book = read(
        written(
            (
                HOLIDAYS,
                'weekdays = { friday = ["06:00-12:00", "12:00-13:00"], saturday = ["00:00-24:00"] }\n'
                'own_days = [{ day = 2026-12-24, last = 2026-12-31, label = "Winter" },'
                ' { day = 2026-07-02, label = "Summer party", open = ["06:00-11:00"] }]\n' + HOLIDAYS,
            ),
            ("[[policies]]", NIGHTS + "[[policies]]"),
            ("holidays_open = true", 'holidays_open = true\nhours = "nights"'),
        )
    )
    assert len(book.calendar().special) == 9
    p1 = book.policy("support_p1")
    assert book.calendar(p1) is not book.calendar()
    assert book.calendar(p1).windows(book.hours.own_days[1].day) == ()  # a Thursday
    assert [str(line) for line in book.lines() if "own_days[1]" in line] == [
        'hours.own_days[1].day = "2026-07-02"',
        'hours.own_days[1].label = "Summer party"',
        'hours.own_days[1].open = ["06:00-11:00"]',
    ]


def test_escalations_by_different_units_are_let_be(written: Callable[..., Path]) -> None:
    first = '{ to = ["manager"] }, { after = "4 hours", to = ["owner"] }'
    steps = f'escalate = [{first}, {{ after = "1 business day", to = ["x@example.com"] }}]'
    assert len(read(written((ESCALATE, steps))).policy("web_chat").escalate) == 3


# --- whatever else is wrong with a file, these rules only pass over it ------------------------------------------------

RAW: dict[str, Any] = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
SECTIONS = ("hours", "enquiry", "policies", "notices", "other_hours", "account")
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, -1, 1.5, True, "", "x", "99 days", [], ["x"], [[]], [{}], {}, {"a": 1}, datetime(2026, 1, 1)]
)  # fmt: skip


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in parts:
        if place or name in SECTIONS:
            yield from places(inner, (*place, name))


PLACES = list(places({**RAW, "other_hours": [dict(RAW["hours"], key="nights", own_days=[{"day": 1, "last": 2}])]}))


@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=3))
@settings(max_examples=120, deadline=None)
def test_they_never_break_on_a_value_of_the_wrong_form(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    raw = copy.deepcopy(RAW)
    raw["other_hours"] = [dict(raw["hours"], key="nights", own_days=[{"day": 1, "last": 2}])]
    for place, odd in changes:
        target: Any = raw
        try:
            for part in place[:-1]:
                target = target[part]
            target[place[-1]] = odd
        except (KeyError, IndexError, TypeError):
            continue
    for where, found, allowed in broken_promises(raw):
        assert where
        assert isinstance(found, str)
        assert isinstance(allowed, str)
