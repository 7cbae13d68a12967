"""Days and times in the formats people have: recognised over a column, asked where they could be two things."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.imports.csv.dates import ORDERS, Order, read_date
from crm.imports.csv.formats import recognise_dates

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
orders = st.sampled_from(ORDERS)
MONTHS = "January February March April May June July August September October November December".split()


@pytest.mark.parametrize(
    ("cell", "day", "clock"),
    [
        ("15 Apr, 2021 00:02:00", date(2021, 4, 15), time(0, 2)),
        ("2016-10-20", date(2016, 10, 20), None),
        ("2021-04-15T07:02:00Z", date(2021, 4, 15), time(7, 2, tzinfo=UTC)),
        ("Apr 15, 2021 3:04 PM", date(2021, 4, 15), time(15, 4)),
        ("Thursday, 15 April 2021 12:00 am", date(2021, 4, 15), time()),
        ("15-Apr-21", date(2021, 4, 15), None),
        ("1st of May 2021", date(2021, 5, 1), None),
        ("5. März 2021", date(2021, 3, 5), None),
        ("20210415", date(2021, 4, 15), None),
    ],
)
def test_it_reads_what_says_by_itself_what_it_is(cell: str, day: date, clock: time | None) -> None:
    for order in ORDERS:
        found = read_date(cell, order)
        assert found is not None
        assert (found.day, found.clock) == (day, clock)


@pytest.mark.parametrize(
    ("cell", "order", "day"),
    [
        ("10/20/2016", "mdy", date(2016, 10, 20)),
        ("20.10.2016", "dmy", date(2016, 10, 20)),
        ("3/1/17", "mdy", date(2017, 3, 1)),
        ("31-12-69", "dmy", date(1969, 12, 31)),
        ("16/10/20", "ymd", date(2016, 10, 20)),
    ],
)
def test_it_reads_numbers_in_the_columns_order(cell: str, order: Order, day: date) -> None:
    found = read_date(cell, order)
    assert found is not None
    assert found.day == day


@pytest.mark.parametrize(
    "cell",
    ["", "soon", "31/02/2021", "0/0/0000", "2021", "42663", "1/2", "12:30", "5 Smarch 2021", "9999-12-31", "١/٢/٢٠٢١"],
)
def test_it_reads_nothing_into_what_is_no_day(cell: str) -> None:
    assert all(read_date(cell, order) is None for order in ORDERS)


@given(days, st.sampled_from("/-. "), st.booleans())
def test_a_day_is_read_back_in_the_order_it_was_written_in(day: date, mark: str, padded: bool) -> None:
    width = 2 if padded else 1
    number, month = f"{day.day:0{width}d}", f"{day.month:0{width}d}"
    written: dict[Order, str] = {
        "dmy": mark.join((number, month, f"{day.year}")),
        "mdy": mark.join((month, number, f"{day.year}")),
        "ymd": mark.join((f"{day.year}", month, number)),
    }
    for order, cell in written.items():
        found = read_date(cell, order)
        assert found is not None
        assert found.day == day


@given(days, st.times().map(lambda t: t.replace(microsecond=0)), orders)
def test_a_month_with_a_name_needs_no_order(day: date, clock: time, order: Order) -> None:
    found = read_date(f"{day.day} {MONTHS[day.month - 1][:3]}, {day.year} {clock:%H:%M:%S}", order)
    assert found is not None
    assert (found.day, found.clock) == (day, clock)


@given(st.text(max_size=60), orders)
def test_no_text_breaks_it(cell: str, order: Order) -> None:
    found = read_date(cell, order)
    assert found is None or 1900 <= found.day.year <= 2100


@given(st.text(alphabet="0123456789/-.: ,TZ+apmAPril", max_size=30), orders)
def test_nothing_that_looks_like_a_day_breaks_it(cell: str, order: Order) -> None:
    found = read_date(cell, order)
    if found is not None and 1901 < found.day.year < 2100:
        assert found.moment(ZoneInfo("America/Los_Angeles")).tzinfo is UTC


def test_a_time_without_a_zone_is_the_companys() -> None:
    found = read_date("15 Apr, 2021 00:02:00", "ymd")
    assert found is not None
    assert found.moment(ZoneInfo("America/Los_Angeles")) == datetime(2021, 4, 15, 7, 2, tzinfo=UTC)


def test_one_value_that_only_one_order_reads_decides_for_the_column() -> None:
    assert recognise_dates(["3/4/2017", "5/6/2017", "10/20/2016"]).chosen == "mdy"
    assert recognise_dates(["3/4/2017", "20/10/2016"]).chosen == "dmy"


def test_a_column_that_can_be_read_in_two_ways_is_asked() -> None:
    found = recognise_dates(["03/04/2021", "05/06/2021", "07/07/2021"])
    assert found.chosen == ""
    assert set(found.asked) == {"dmy", "mdy"}
    assert "03/04/2021" in found.examples


def test_a_column_in_which_both_orders_stand_is_asked() -> None:
    found = recognise_dates(["20/10/2016", "10/20/2016"])
    assert found.chosen == ""
    assert set(found.asked) == {"dmy", "mdy"}


def test_the_same_day_in_both_orders_is_no_question() -> None:
    assert recognise_dates(["05/05/2021", "7/7/2021"]).chosen != ""


def test_what_cannot_be_read_is_counted() -> None:
    found = recognise_dates(["10/20/2016", "soon", "", "31/31/2016"])
    assert (found.chosen, found.reads, found.cannot) == ("mdy", 1, 2)


@given(st.lists(days, min_size=1, max_size=30), st.sampled_from(("dmy", "mdy")))
def test_a_column_is_never_read_in_another_order_than_it_was_written_in(column: list[date], order: str) -> None:
    """It is recognised as what it is, or asked, or it makes no difference."""
    pattern = "%d/%m/%Y" if order == "dmy" else "%m/%d/%Y"
    cells = [f"{day:{pattern}}" if day.year > 999 else "" for day in column]
    found = recognise_dates(cells)
    if found.chosen:
        for day, cell in zip(column, cells, strict=True):
            read = read_date(cell, found.chosen)  # type: ignore[arg-type]
            assert read is not None
            assert read.day == day
    else:
        assert order in found.asked
