"""The short way to a phone number's key says what the library says."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.core.phones import NORTH_AMERICAN, e164


@given(st.from_regex(NORTH_AMERICAN, fullmatch=True), st.sampled_from(["US", "CA"]))
@settings(max_examples=500, deadline=None)
def test_it_agrees_with_the_library(entered: str, region: str) -> None:
    entered = entered[:60]
    if not NORTH_AMERICAN.fullmatch(entered):
        return
    number = phonenumbers.parse(entered, region)
    assert phonenumbers.is_possible_number(number)
    assert e164(entered, region) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize("entered", ["(415) 555-2671", "+1 415 555 2671", "1-415-555-2671", "4155552671"])
def test_it_is_taken_for_what_people_write(entered: str) -> None:
    assert NORTH_AMERICAN.fullmatch(entered)
    assert e164(entered) == "+14155552671"


def test_it_is_not_taken_elsewhere() -> None:
    assert e164("415 555 2671", "GB") != "+14155552671"
