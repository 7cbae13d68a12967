"""Numbers and money in the formats people have: recognised over a column, asked where they could be two things."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.imports.csv.amounts import STYLES, Style, read_amount
from crm.imports.csv.formats import recognise_numbers

amounts = st.decimals(Decimal("-999999999.99"), Decimal("999999999.99"), places=2, allow_nan=False)
styles = st.sampled_from(STYLES)


@pytest.mark.parametrize(
    ("cell", "style", "number", "currency"),
    [
        ("$22,700.00", "point", "22700.00", "$"),
        ("1.234,56 EUR", "comma", "1234.56", "EUR"),
        ("(1,200)", "point", "-1200", ""),
        ("1 234,56 €", "comma", "1234.56", "EUR"),
        ("1\u202f234,56\u00a0€", "comma", "1234.56", "EUR"),
        ("-£3.50", "point", "-3.50", "GBP"),
        ("£-3.50", "point", "-3.50", "GBP"),
        ("1'234.50 CHF", "point", "1234.50", "CHF"),
        ("($5.00)", "point", "-5.00", "$"),
        ("US$ 1,000", "point", "1000", "USD"),
        ("12,34,567.00", "point", "1234567.00", ""),
        ("12.-", "point", "12", ""),
        ("550", "comma", "550", ""),
        ("1.234", "comma", "1234", ""),
        ("1.234", "point", "1.234", ""),
    ],
)
def test_it_reads_money_as_people_write_it(cell: str, style: Style, number: str, currency: str) -> None:
    found = read_amount(cell, style)
    assert found is not None
    assert (found.number, found.currency) == (Decimal(number), currency)


@pytest.mark.parametrize(
    "cell", ["", "-", "$", "n/a", "1,2,3", "1.2.3", "12 34", "EUR 5 USD", "--5", "(-5)", "1e9", "NaN", "∞", "٣", "0x10"]
)
def test_it_reads_nothing_into_what_is_no_number(cell: str) -> None:
    assert all(read_amount(cell, style) is None for style in STYLES)


def test_a_bare_dollar_sign_is_the_companys_dollar() -> None:
    found = read_amount("$5", "point")
    assert found is not None
    assert (found.in_currency("CAD"), found.in_currency("EUR")) == ("CAD", "USD")


def written(number: Decimal, style: Style, group: str) -> str:
    """The number with groups of three and two decimals."""
    mark = "." if style == "point" else ","
    whole, _, cents = f"{abs(number):,.2f}".partition(".")
    return f"{'-' if number < 0 else ''}{whole.replace(',', group)}{mark}{cents}"


@given(
    amounts, styles, st.sampled_from(("", " ", "\u00a0", "’", "own")), st.sampled_from(("", "€", "$", "EUR", " USD"))
)
def test_an_amount_is_read_back_as_it_was_written(number: Decimal, style: Style, group: str, currency: str) -> None:
    own = "," if style == "point" else "."
    found = read_amount(f"{written(number, style, own if group == 'own' else group)}{currency}", style)
    assert found is not None
    assert found.number == number


@given(st.text(max_size=50), styles)
def test_no_text_breaks_it(cell: str, style: Style) -> None:
    found = read_amount(cell, style)
    assert found is None or found.number.is_finite()


@given(st.lists(amounts, min_size=1, max_size=20), styles)
def test_a_column_is_never_read_in_another_style_than_it_was_written_in(column: list[Decimal], style: Style) -> None:
    own = "," if style == "point" else "."
    cells = [written(number, style, own) for number in column]
    found = recognise_numbers(cells)
    assert found.chosen == style


@given(st.lists(st.integers(1, 999), min_size=1, max_size=10), styles)
def test_thousands_alone_are_asked_and_never_guessed(column: list[int], style: Style) -> None:
    mark = "," if style == "point" else "."
    found = recognise_numbers([f"{number}{mark}234" for number in column])
    assert found.chosen == ""
    assert set(found.asked) == set(STYLES)


def test_whole_numbers_are_no_question() -> None:
    assert recognise_numbers(["550", "4821", "55"]).chosen == "point"


def test_one_value_with_cents_decides_for_the_column() -> None:
    assert recognise_numbers(["1.234", "22.700,50"]).chosen == "comma"
    assert recognise_numbers(["1,234", "$22,700.00"]).chosen == "point"
