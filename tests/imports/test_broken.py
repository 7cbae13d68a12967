"""Input that cannot be read is told of by file and line; the rest comes in."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.imports.models import ImportRun
from leads.models import Lead
from tests.imports.export import account, bring_in, codes, counts, id_of, lead, only, opportunity, write

pytestmark = pytest.mark.django_db
HEADER = "Id,LastName,Email,Status"


def raw(folder: Path, content: str | bytes, name: str = "Lead.csv") -> Path:
    """A file with exactly this in it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def row(number: int, last_name: str = "Prospect") -> str:
    """A line of a plain file."""
    return f"{id_of('Lead', number)},{last_name},lea{number}@globex.example,New"


@pytest.mark.parametrize(
    ("content", "line", "code", "says"),
    [
        (f"{HEADER}\n{row(1)}\n".encode("utf-16"), 1, "wrong_encoding", "UTF-16"),
        (f"{HEADER}\n{row(1)}\n{row(2, 'Muñoz')}\n".encode("latin-1"), 3, "wrong_encoding", "0xf1"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 1, "wrong_encoding", "not UTF-8"),
        (f"{HEADER}\n{row(1)}\n{row(2)}\x00\n", 3, "not_csv", "binary zeros"),
        ("", 1, "not_csv", "empty"),
        ("\n", 1, "not_csv", "empty"),
        ('{"leads": []}\n', 1, "missing_column", "No column Id, LastName, Email, Status; found are: {"),
        ("Id;LastName;Email;Status\n1;2;3;4\n", 1, "missing_column", "Id;LastName;Email;Status"),
        (f"Id,LastName,Email\n{id_of('Lead', 1)},a,b\n", 1, "missing_column", "No column Status"),
        ("Id,LastName,Email,Status,Email\n", 1, "duplicate_column", "twice: Email"),
        (b"Id,LastName,Email,Status\n" + b"x" * (9 * 1024 * 1024), 2, "not_csv", "longer than"),
    ],
    ids=["utf16", "latin1", "png", "zeros", "empty", "blank", "json", "semicolons", "no status", "twice", "one line"],
)
def test_a_file_that_cannot_be_read_leaves_nothing(
    content: str | bytes, line: int, code: str, says: str, tmp_path: Path
) -> None:
    raw(tmp_path, content)
    write(tmp_path, "Account", account(1))
    report = bring_in(tmp_path)
    problem = only(report, code)
    assert (problem.file, problem.line) == ("Lead.csv", line)
    assert says in problem.message
    assert report.unreadable
    assert counts(report, "Lead") == {}
    assert not Lead.objects.exists()
    assert counts(report, "Account") == {"read": 1, "created": 1}


def test_what_was_told_of_a_file_before_it_broke_is_not_told(tmp_path: Path) -> None:
    raw(tmp_path, f"{HEADER}\n{row(1)}\n{id_of('Lead', 2)},a,,Frozen\n{row(3, 'Muñoz')}\n".encode("latin-1"))
    assert codes(bring_in(tmp_path)) == ["wrong_encoding"]


@pytest.mark.parametrize(
    ("broken", "code", "says"),
    [
        (f"{id_of('Lead', 2)},a", "ragged_row", "2 cells, the header 4"),
        (f"{row(2)},more,still more", "ragged_row", "6 cells, the header 4"),
        (f'{id_of("Lead", 2)},"a"b,c@d.example,New', "broken_row", "expected after"),
        (f"{id_of('Lead', 2)},{'x' * 140_000},c@d.example,New", "cell_too_long", "LastName is 140,000 characters"),
        (f'{id_of("Lead", 2)},"{"x" * 70_000}\n{"y" * 70_000}",c@d.example,New', "cell_too_long", "LastName"),
        (",Prospect,c@d.example,New", "no_id", "no Id"),
        (row(1), "duplicate_id", "Line 2 has this Id already"),
    ],
    ids=["short", "long", "quotes", "huge", "huge lines", "no id", "same id"],
)
def test_a_row_that_cannot_be_read_is_passed_over(broken: str, code: str, says: str, tmp_path: Path) -> None:
    raw(tmp_path, f"{HEADER}\n{row(1)}\n{broken}\n{row(3)}\n")
    report = bring_in(tmp_path)
    problem = only(report, code)
    assert (problem.file, problem.line) == ("Lead.csv", 3)
    assert says in problem.message
    assert report.unreadable
    assert counts(report, "Lead") == {"read": 3, "created": 2, "rejected": 1}
    assert Lead.objects.count() == 2


def test_a_quote_that_never_ends_is_told_with_where_it_began(tmp_path: Path) -> None:
    raw(tmp_path, f'{HEADER}\n{row(1)}\n{id_of("Lead", 2)},"never,c@d.example,New\n{row(3)}\n')
    report = bring_in(tmp_path)
    assert only(report, "broken_row").line == 3
    assert counts(report, "Lead") == {"read": 2, "created": 1, "rejected": 1}


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Description="one\ntwo\r\nthree"), lead(2, Status="Frozen"))
    assert only(bring_in(tmp_path), "unknown_status").line == 5


def test_blank_lines_and_line_ends_of_any_system_do_no_harm(tmp_path: Path) -> None:
    raw(tmp_path, f"{HEADER}\r\n{row(1)}\r\n\r\n{row(2)}")
    assert counts(bring_in(tmp_path), "Lead") == {"read": 2, "created": 2}


def test_a_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    raw(tmp_path, HEADER)
    report = bring_in(tmp_path)
    assert report.as_json()["files"]["Lead.csv"]["read"] == 0
    assert not report.unreadable


def test_names_of_files_may_be_in_small_letters_and_others_are_named(tmp_path: Path) -> None:
    raw(tmp_path, f"{HEADER}\n{row(1)}\n", name="lead.csv")
    raw(tmp_path, "a\n", name="Case.csv")
    raw(tmp_path, "a\n", name="LICENSE.txt")
    report = bring_in(tmp_path)
    assert list(report.files) == ["lead.csv"]
    assert only(report, "file_not_read").file == "Case.csv"
    assert not report.unreadable


@pytest.mark.parametrize(("name", "code"), [("", "empty_folder"), ("nowhere", "folder_not_found")])
def test_a_folder_without_an_export_is_told(name: str, code: str, tmp_path: Path) -> None:
    report = bring_in(tmp_path / name)
    assert codes(report) == [code]
    assert report.unreadable
    assert report.as_json()["files"] == {}
    assert not ImportRun.objects.exists()


def test_what_needs_a_broken_file_waits(tmp_path: Path) -> None:
    raw(tmp_path, b"\xff\xfe", name="Account.csv")
    write(tmp_path, "Opportunity", opportunity(1))
    report = bring_in(tmp_path)
    assert codes(report) == ["wrong_encoding", "account_not_found"]
