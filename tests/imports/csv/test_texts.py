"""Encoding and delimiter of a file, recognised from its beginning."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.imports.csv.texts import DELIMITERS, detect_delimiter, detect_encoding

ROWS = "Name;Ort;Betrag\nMüller & Söhne;Köln;1.234,56 €\nCafé “Zoë”;Málaga;5\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (ROWS.encode(), "utf-8"),
        (codecs.BOM_UTF8 + ROWS.encode(), "utf-8"),
        (ROWS.encode("utf-16"), "utf-16"),
        (ROWS.encode("utf-16-le"), "utf-16-le"),
        (ROWS.encode("utf-16-be"), "utf-16-be"),
        (ROWS.encode("cp1252"), "cp1252"),
        (ROWS.encode("mac_roman"), "mac_roman"),
        (b"Name,City\nAcme,Boston\n", "utf-8"),
    ],
)
def test_it_recognises_the_encoding(content: bytes, encoding: str) -> None:
    assert detect_encoding(content) == encoding


def test_a_beginning_that_ends_within_a_letter_is_utf_8_still() -> None:
    assert detect_encoding("Name\nMüller ü".encode()[:-1]) == "utf-8"


@pytest.mark.parametrize("delimiter", list(DELIMITERS))
def test_it_recognises_the_delimiter(delimiter: str) -> None:
    rows = [["Name", "City", "Note"], ["Acme", "Boston", "a, b; c"], ["Initech", "Austin", ""]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert detect_delimiter(text) == delimiter


def test_commas_within_quotes_delimit_nothing() -> None:
    assert detect_delimiter('Name;Address\nAcme;"1, Main St, Boston, MA"\nInitech;"2, Elm St, Austin, TX"\n') == ";"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_line_that_names_the_delimiter_for_excel_is_believed(delimiter: str) -> None:
    assert detect_delimiter(f"sep={delimiter}\r\nName{delimiter}Note\r\nAcme{delimiter}a,b;c|d,e;f|g\r\n") == delimiter


@given(st.binary(max_size=400))
def test_no_bytes_break_it(content: bytes) -> None:
    encoding = detect_encoding(content)
    assert detect_delimiter(content.decode(encoding, "replace")) in DELIMITERS
