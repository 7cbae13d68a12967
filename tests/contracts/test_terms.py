"""Term and dates of a contract: plain Python, so every odd month is tried."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.terms import (
    Dates,
    Sent,
    add_months,
    amount_served,
    completed,
    days_served,
    end_of_term,
    impossible,
    months_of_term,
    odd,
)

DAY = timedelta(days=1)
days = st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31))
months = st.integers(min_value=1, max_value=240)
maybe = st.none() | days


@pytest.mark.parametrize(
    ("start", "count", "wanted"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 1, 1), 0, date(2026, 1, 1)),
    ],
)
def test_months_are_added_by_the_calendar(start: date, count: int, wanted: date) -> None:
    assert add_months(start, count) == wanted


@pytest.mark.parametrize(
    ("start", "count", "last"),
    [
        (date(2026, 1, 1), 12, date(2026, 12, 31)),
        (date(2026, 1, 31), 1, date(2026, 2, 27)),
        (date(2024, 2, 29), 12, date(2025, 2, 27)),
        (date(2026, 3, 1), 1, date(2026, 3, 31)),
        (date(2024, 12, 31), 14, date(2026, 2, 27)),
    ],
)
def test_the_last_day_is_the_one_before_the_next_term(start: date, count: int, last: date) -> None:
    assert end_of_term(start, count) == last
    assert months_of_term(start, last) == count


@given(days, months)
def test_a_term_is_found_again_in_its_dates(start: date, count: int) -> None:
    end = end_of_term(start, count)
    assert months_of_term(start, end) == count
    assert end >= start + timedelta(days=27 * count)
    assert end_of_term(start, count) < end_of_term(start, count + 1)


@given(days, days)
def test_dates_make_a_whole_term_or_none(start: date, end: date) -> None:
    found = months_of_term(start, end)
    if found is not None:
        assert end_of_term(start, found) == end
    elif end > start:
        assert all(
            end_of_term(start, count) != end
            for count in ((end - start).days // 31, (end - start).days // 28 + 1)
            if count
        )


@given(days, months)
def test_what_is_missing_follows_and_what_is_known_stays(start: date, count: int) -> None:
    end = end_of_term(start, count)
    assert completed(start, None, count) == (end, count)
    assert completed(start, end, None) == (end, count)
    assert completed(start, end, count + 1) == (end, count + 1)
    assert completed(None, None, count) == (None, count)
    assert completed(start, None, None) == (None, None)


def test_a_term_beyond_the_calendar_gives_no_end() -> None:
    assert completed(date(9999, 1, 1), None, 240) == (None, 240)
    with pytest.raises(OverflowError):
        add_months(date(9999, 12, 1), 1)
    with pytest.raises(ValueError, match="a month"):
        end_of_term(date(2026, 1, 1), 0)


def codes(dates: Dates) -> list[str]:
    return [one.code for one in impossible(dates)]


def test_what_cannot_be_is_said_with_both_dates() -> None:
    start = date(2026, 3, 1)
    (said,) = impossible(Dates(effective_date=start, end_date=start - DAY))
    assert said.code == "end_before_effective"
    assert "2026-02-28" in said.message and "2026-03-01" in said.message  # noqa: PT018
    (said,) = impossible(Dates(effective_date=start, terminated_on=start - DAY))
    assert "2026-02-28" in said.message and "2026-03-01" in said.message  # noqa: PT018
    (said,) = impossible(Dates(invoices=[Sent("7", start, start - DAY)]))
    assert said.message == ("The payment of invoice 7 was received on 2026-02-28, before it was sent (2026-03-01).")
    assert codes(Dates(close_date=start, terminated_on=start - DAY)) == ["terminated_before_close"]
    assert codes(Dates(end_date=start, terminated_on=start + DAY)) == []
    assert codes(Dates(end_date=start, terminated_on=start + 2 * DAY)) == ["terminated_after_end"]


@given(maybe, maybe, maybe, maybe, st.none() | months, st.none() | st.integers(0, 400), maybe, maybe)
def test_any_dates_are_judged_and_every_word_names_what_is_known(
    start: date | None,
    close: date | None,
    end: date | None,
    stop: date | None,
    term: int | None,
    notice: int | None,
    sent: date | None,
    paid: date | None,
) -> None:
    dates = Dates(start, close, end, stop, term, notice, [Sent("1", sent, paid)])
    for said in (*impossible(dates), *odd(dates)):
        assert said.code
        assert "None" not in said.message
    wrong = set(codes(dates))
    assert ("end_before_effective" in wrong) == bool(start and end and end <= start)
    assert ("paid_before_sent" in wrong) == bool(sent and paid and paid < sent)


@pytest.mark.parametrize(
    ("dates", "wanted"),
    [
        (Dates(date(2026, 1, 1), date(2026, 1, 2), date(2026, 12, 31), term_months=12), ["signed_after_start"]),
        (Dates(date(2026, 1, 1), date(2026, 1, 1), date(2026, 12, 31), term_months=12), []),
        (Dates(date(2026, 1, 1), None, date(2026, 12, 31), term_months=24), ["term_differs"]),
        (Dates(date(2026, 1, 1), None, date(2035, 12, 31), term_months=120), ["long_term"]),
        (Dates(date(2026, 1, 1), None, date(2035, 12, 30)), []),
        (Dates(date(2026, 1, 1), None, date(2026, 1, 31), term_months=1, notice_days=32), ["notice_longer_than_term"]),
        (Dates(date(2026, 1, 1), None, date(2026, 1, 31), term_months=1, notice_days=31), []),
        (
            Dates(close_date=date(2026, 1, 5), invoices=[Sent("1", date(2026, 1, 4)), Sent("2", date(2026, 2, 4))]),
            ["invoice_before_signature"],
        ),
    ],
)
def test_what_is_odd_is_warned_about(dates: Dates, wanted: list[str]) -> None:
    assert [one.code for one in odd(dates)] == wanted


@given(st.decimals(min_value=0, max_value=10**9, places=2), days, months, days)
def test_a_terminated_contract_counts_for_the_days_it_was_served(
    amount: Decimal, start: date, count: int, stop: date
) -> None:
    end = end_of_term(start, count)
    served, agreed = days_served(start, end, stop)
    counts = amount_served(amount, start, end, stop)
    assert 0 <= served <= agreed == (end - start).days + 1
    assert 0 <= counts <= amount
    assert counts == counts.quantize(Decimal("0.01"))
    if stop <= start:
        assert counts == 0
    if stop > end:
        assert counts == amount
