"""What the reader refuses about reviews: each wrong value by its place, with what is allowed there."""

from __future__ import annotations

import pytest

from crm.handbook import SHIPPED
from tests.handbook.conftest import Spoil


@pytest.mark.parametrize(
    ("old", "new", "where", "found", "allowed"),
    [
        ("silent_days = 45", "silent_days = 0", ".silent_days", "0", "above 0"),
        ("silent_days = 45", 'silent_days = "45"', ".silent_days", '"45"', "without quotes"),
        ("untouched_days = 14", "untouched_days = 1.5", ".untouched_days", "1.5", "whole number"),
        ("untouched_days = 14", "untouched_days = 99999", ".untouched_days", "99999", "up to 3650"),
        ("most_touches = 3", "most_touches = 0", ".most_touches", "0", "from 1 up"),
        ("most_touches = 3", "most_toches = 3", ".most_toches", "not known", "silent_days"),
        ("in_days = 7", "in_days = 91", ".in_days", "91", "up to 90"),
        ('summary = "monday"', 'summary = "mon"', ".summary", '"mon"', "monday, tuesday"),
        ("{ new = 2,", "{ new = 0,", ".lead_days.new", "0", "above 0"),
        ("{ new = 2,", "{ closed_nurture = 2,", ".lead_days.closed_nurture", '"closed_nurture"', "new, new_enriched"),
    ],
)
def test_it_refuses_what_no_review_can_look_for(
    old: str, new: str, where: str, found: str, allowed: str, refused: Spoil
) -> None:
    problem = refused((old, new))[0]
    assert problem.where == f"reviews{where}"
    assert found in problem.found
    assert allowed in problem.allowed


def test_it_asks_a_file_from_before_there_were_reviews_for_them(refused: Spoil) -> None:
    text = SHIPPED.read_text()
    section = text[text.index("[reviews]") : text.index("# The checkups:")]
    (problem,) = refused((section, ""))
    assert (problem.where, problem.found) == ("reviews", "nothing")
