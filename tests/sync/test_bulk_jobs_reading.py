"""What an upload's bytes are read as: lines and records, however they are cut, broken, quoted or encoded."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from crm.sync.bulk.engine import Unreadable
from crm.sync.jobs import records
from crm.sync.jobs.reading import Cells, read_json
from crm.sync.jobs.records import Record, cut_cells, cut_lines
from leads.api import LeadViewSet

LONG = records.LONGEST


class Dribble(io.RawIOBase):
    """Bytes that come a few at a time, as from parts that are cut anywhere."""

    def __init__(self, text: bytes, sizes: random.Random) -> None:
        self.text, self.sizes, self.at = text, sizes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(self.sizes.randint(1, 7), len(buffer), len(self.text) - self.at)
        buffer[:size] = self.text[self.at : self.at + size]
        self.at += size
        return size


def cut(text: bytes, how: Any) -> list[Record]:
    """The rows of these bytes, the same however they come and wherever reading begins anew."""
    found = list(how(io.BytesIO(text), 0))
    dribble = io.BufferedReader(Dribble(text, random.Random(7)), 8) if len(text) < 10_000 else io.BytesIO(text)
    assert list(how(dribble, 0)) == found
    for place, one in enumerate(found):
        assert list(how(io.BytesIO(text[one.end :]), one.end)) == found[place + 1 :]
    return found


def test_lines_of_ndjson() -> None:
    text = b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":"\xc3\xbc"}\n{"c":3}'
    assert [one.text for one in cut(text, cut_lines)] == [b'{"a":1}', b'{"b":"\xc3\xbc"}', b'{"c":3}']
    assert cut(b"", cut_lines) == cut(b"\xef\xbb\xbf\r\n\n", cut_lines) == []


@pytest.mark.parametrize("how", [cut_lines, cut_cells])
def test_a_line_that_is_too_long_is_one_row_and_the_next_is_read(how: Any) -> None:
    most = b"x" * LONG
    for end in (b"\n", b"\r\n"):
        found = cut(b"\xef\xbb\xbf" + most + end + most + b"x" + end + most * 3 + end + b"ok", how)
        assert [None if one.text is None else len(one.text) for one in found] == [LONG, None, None, 2]
        assert found[-1].end == 3 + LONG * 5 + 1 + 3 * len(end) + 2


def test_records_of_csv() -> None:
    text = b'\xef\xbb\xbfa,b\r\n"one\r\ntwo, ""three""",4\r\n\r\n5" wide,6\n,"7"\n"8","9"'
    expected = [b"a,b", b'"one\r\ntwo, ""three""",4', b'5" wide,6', b',"7"', b'"8","9"']
    assert [one.text for one in cut(text, cut_cells)] == expected
    cells = Cells(["first_name", "company"], LeadViewSet)
    read = [cells.read(one) for one in cut(text, cut_cells)]
    assert read[1] == {"first_name": 'one\r\ntwo, "three"', "company": "4"}
    assert read[3] == {"company": "7"}, "an empty cell leaves its field alone"


def test_a_quoted_cell_without_an_end_is_one_row_however_long_it_is() -> None:
    for middle in (b"rest\nof,it\n", b"y" * LONG + b"\n" + b"z" * LONG + b"\n1,2\n"):
        found = cut(b'1,2\n3,"' + middle, cut_cells)
        assert len(found) == 2
        assert found[1].unclosed
        assert isinstance(Cells(["a", "b"], LeadViewSet).read(found[1]), Unreadable)
    # It ends far behind, and what follows is read.
    found = cut(b'"' + b"y\n" * LONG + b'",1\n2,3\n', cut_cells)
    assert [one.text for one in found] == [None, b"2,3"]


def code(row: Any) -> str:
    """Why a row is none."""
    assert isinstance(row, Unreadable), row
    assert row.message
    return row.code


def test_what_cannot_be_read_is_a_row_that_says_why() -> None:
    whys = {
        b'{"a": "\xe9"}': "wrong_encoding",
        b'{"a": "\x00"}': "null_characters_not_allowed",
        b'{"a": 1, "a": 2}': "invalid",
        b'{"a": NaN}': "malformed",
        b'{"a": "\\ud800"}': "malformed",
        b"[" * 5000: "malformed",
        b"[1]": "not_an_object",
        b"17": "not_an_object",
    }
    assert {text: code(read_json(Record(text, 0))) for text in whys} == whys
    cells = Cells(["first_name", "company"], LeadViewSet)
    whys = {
        b"a": "wrong_cells",
        b"a,b,c": "wrong_cells",
        b'"a"x,b': "malformed",
        b"a\rb,c": "malformed",
        b"\xff\xfea\x00": "null_characters_not_allowed",
        b"\xe9,b": "wrong_encoding",
        b"a," + b"b" * 200_000: "too_long",
    }
    assert {text: code(cells.read(Record(text, 0))) for text in whys} == whys
    assert code(cells.read(Record(None, 0))) == "too_long"


def test_cells_are_read_by_the_types_of_their_columns() -> None:
    names = ["id", "external_id", "if_version", "owner_id", "first_name"]
    cells = Cells(names, LeadViewSet)
    assert cells.read(Record(b"17, 0017 ,3,x,5", 0)) == {
        "id": 17,
        "external_id": "0017",
        "if_version": 3,
        "owner_id": "x",
        "first_name": "5",
    }
