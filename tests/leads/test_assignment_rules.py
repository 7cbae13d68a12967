"""Which rule fits, and whose turn it is: without a database."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.handbook.schema import AssignmentRule
from leads.assignment_rules import Asked, Room, Rotation, first_fit, fits


def rule(**conditions: Any) -> AssignmentRule:
    """A rule for Priya, with these conditions."""
    return AssignmentRule(**{"label": "Rule", "people": ("priya@example.com",), **conditions})


@pytest.mark.parametrize(
    ("conditions", "lead", "answer"),
    [
        ({}, Asked("", None, ""), True),
        ({"countries": ("US", "Canada")}, Asked(" canada", None, ""), True),
        ({"countries": ("US",)}, Asked("", None, ""), False),
        ({"employees_from": 500}, Asked("", 500, ""), True),
        ({"employees_from": 500}, Asked("", 499, ""), False),
        ({"employees_to": 500}, Asked("", None, ""), False),
        ({"employees_from": 10, "employees_to": 10}, Asked("", 10, ""), True),
        ({"sources": ("web_chat",)}, Asked("", None, "web_chat"), True),
        ({"sources": ("web_chat",)}, Asked("", None, "webinar"), False),
        ({"sources": ("web_chat",), "countries": ("US",)}, Asked("us", None, "webinar"), False),
    ],
)
def test_a_rule_fits_when_every_condition_holds(conditions: dict[str, Any], lead: Asked, answer: bool) -> None:
    assert fits(rule(**conditions), lead) is answer


def test_the_first_rule_in_the_order_of_the_handbook_wins() -> None:
    small, anyone = rule(label="Small", employees_to=50), rule(label="Anyone")
    assert first_fit([small, anyone], Asked("", 10, "")) is small
    assert first_fit([small, anyone], Asked("", None, "")) is anyone
    assert first_fit([small], Asked("", 51, "")) is None


def always(user: int) -> bool:
    return True


def test_who_was_away_gets_one_lead_and_not_a_backlog() -> None:
    back = Rotation({1: 100, 2: 101, 3: 7}, last=101)
    assert [back.take(always) for _ in range(6)] == [3, 1, 2, 3, 1, 2]


def test_numbers_rise_above_those_of_people_who_are_not_here() -> None:
    here = Rotation({1: 3}, last=50)
    here.take(always)
    assert here.given == {1: 51}


def test_who_has_no_room_is_passed_over_until_nobody_is_left() -> None:
    room, turns = Room(2, {1: 0, 2: 1}.__getitem__), Rotation({1: 0, 2: 0})
    got = []
    for _ in range(4):
        taken = turns.take(room.has)
        got.append(taken)
        if taken is not None:
            room.fill(taken)
    assert got == [1, 2, 1, None]


@given(st.dictionaries(st.integers(1, 50), st.integers(0, 1000), min_size=1), st.integers(0, 300))
def test_however_it_begins_nobody_gets_two_more_than_another(turns: dict[int, int], count: int) -> None:
    rotation = Rotation(turns)
    got = Counter(rotation.take(always) for _ in range(count))
    counts = [got[user] for user in turns]
    assert max(counts) - min(counts) <= 1
