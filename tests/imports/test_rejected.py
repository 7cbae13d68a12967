"""Rows that only the file's owner can mend: held whole, not released here, and gone when the file is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.core.errors import Refused
from crm.history.models import Change
from crm.imports.models import HeldRow
from crm.imports.services import release_held_row
from crm.people.models import User
from leads.models import Lead
from tests.access import client_of
from tests.imports.export import NOW, bring_in, codes, counts, id_of, lead, user, write

pytestmark = pytest.mark.django_db
HEADER = "Id,LastName,Email,Status,IsDeleted"
GOOD = f"{id_of('Lead', 1)},One,one@globex.example,New,"
BROKEN = [
    f"{id_of('Lead', 2)},short",
    f"{id_of('Lead', 3)},Three,three@globex.example,New,,more,still more",
    f"{id_of('Lead', 4)},{'x' * 140_000},four@globex.example,New,",
    f"{id_of('Lead', 1)},Again,again@globex.example,New,",
    ",Nobody,nobody@globex.example,New,",
    f"{id_of('Lead', 5)},Gone,gone@globex.example,New,1",
    f'{id_of("Lead", 6)},"a"b,six@globex.example,New,',
]


def raw(folder: Path, *lines: str, end: str = "\n") -> None:
    (folder / "Lead.csv").write_bytes(end.join([HEADER, *lines, ""]).encode())


def test_every_rejected_row_is_held_whole(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 8, "created": 1, "rejected": 7}
    held = {row.line: row for row in HeldRow.objects.waiting()}
    assert [(line, held[line].external_id, held[line].code) for line in sorted(held)] == [
        (3, "Lead.csv:3", "ragged_row"),
        (4, "Lead.csv:4", "ragged_row"),
        (5, "Lead.csv:5", "cell_too_long"),
        (6, f"{id_of('Lead', 1)} (line 6)", "duplicate_id"),
        (7, "Lead.csv:7", "no_id"),
        (8, id_of("Lead", 5), "deleted_there"),
        (9, "Lead.csv:9", "broken_row"),
    ]
    assert held[3].row == {"Id": id_of("Lead", 2), "LastName": "short"}
    assert (held[4].row["LastName"], held[4].row["Column 6"], held[4].row["Column 7"]) == (
        "Three",
        "more",
        "still more",
    )
    assert len(held[5].row["LastName"]) == 140_000
    assert held[6].row["LastName"] == "Again"
    assert list(held[9].row.values()) == [BROKEN[-1] + "\n"]
    assert all("again" in row.message for row in held.values())


def test_the_same_file_writes_nothing_and_a_mended_one_leaves_nothing(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    bring_in(tmp_path)
    changes = Change.objects.count()
    bring_in(tmp_path)
    assert Change.objects.count() == changes
    raw(tmp_path, GOOD)
    bring_in(tmp_path, dry_run=True)
    assert HeldRow.objects.count() == 7
    bring_in(tmp_path)
    assert not HeldRow.objects.exists()


def test_a_dry_run_and_a_file_that_cannot_be_read_hold_nothing(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    bring_in(tmp_path, dry_run=True)
    (tmp_path / "Lead.csv").write_bytes("\n".join([HEADER, *BROKEN, "Muñoz"]).encode("latin-1"))
    assert codes(bring_in(tmp_path)) == ["wrong_encoding"]
    assert not HeldRow.objects.exists()


def test_it_is_not_released_here(mona: User, tmp_path: Path) -> None:
    raw(tmp_path, BROKEN[0])
    bring_in(tmp_path)
    with pytest.raises(Refused) as refused:
        release_held_row(HeldRow.objects.get(), values={"email": "a@b.example"}, actor=mona, at=NOW, via="test")
    assert refused.value.code == "mended_in_file"
    assert "Mend the file and import it again." in refused.value.message


def test_what_was_deleted_and_is_restored_comes(tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, IsDeleted="1"), lead(2, IsDeleted="1", Id=id_of("Lead", 1)), lead(3, Email=""))
    bring_in(tmp_path)
    assert HeldRow.objects.count() == 3
    write(tmp_path, "Lead", lead(1), lead(3, Email=""))
    bring_in(tmp_path)
    assert Lead.objects.count() == 1
    assert [held.code for held in HeldRow.objects.waiting()] == ["no_email_or_linkedin"]


def test_users_are_held_too(tmp_path: Path) -> None:
    write(tmp_path, "User", user(1), user(2, Id=id_of("User", 1)), user(3, Id=""))
    bring_in(tmp_path)
    held = HeldRow.objects.filter(object="user").order_by("line")
    assert [row.external_id for row in held] == [f"{id_of('User', 1)} (line 3)", "User.csv:4"]


def test_lines_that_end_as_on_old_macs_are_lines(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, f'{id_of("Lead", 2)},"Two\nlines",two@globex.example,New,', BROKEN[0], end="\r")
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 3, "created": 2, "rejected": 1}
    assert report.problems[0].line == 4


def test_its_page_says_so_and_has_no_form(mona: User, tmp_path: Path) -> None:
    raw(tmp_path, BROKEN[0])
    bring_in(tmp_path)
    client, page = client_of(mona), f"/admin/imports/heldrow/{HeldRow.objects.get().pk}/"
    shown = client.get(f"{page}change/").content.decode()
    assert "Mend the file and import it again." in shown
    assert 'data-section="release"' not in shown
    answer = client.post(f"{page}release/", {"email": "a@b.example"})
    assert "It cannot be released here." in answer.content.decode()
    assert not Lead.objects.exists()
