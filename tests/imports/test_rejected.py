"""Rows that only the file's owner can mend: held whole, not released here, and gone when the file is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.core.acting import acting
from crm.core.errors import Refused
from crm.history.models import Change
from crm.imports.models import HeldRow
from crm.imports.salesforce.rejects import said
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
AGAIN = {"LastName": "Again", "Email": "again@globex.example", "Status": "New"}
NOBODY = {"LastName": "Nobody", "Email": "nobody@globex.example", "Status": "New"}
MENDED = [
    f"{id_of('Lead', 2)},Two,two@globex.example,New,",
    f"{id_of('Lead', 3)},Three,three@globex.example,New,",
    f"{id_of('Lead', 4)},Four,four@globex.example,New,",
    f"{id_of('Lead', 7)},Nobody,nobody@globex.example,New,",
    f"{id_of('Lead', 5)},Gone,gone@globex.example,New,",
    f"{id_of('Lead', 6)},ab,six@globex.example,New,",
]
TODAY = [f"{id_of('Lead', n)},New {n},new{n}@globex.example,New," for n in (11, 12, 13, 14, 15, 16, 17, 18, 19)]


def raw(folder: Path, *lines: str, end: str = "\n") -> None:
    (folder / "Lead.csv").write_bytes(end.join([HEADER, *lines, ""]).encode())


def test_every_rejected_row_is_held_whole(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 8, "created": 1, "rejected": 7}
    held = {row.line: row for row in HeldRow.objects.waiting()}
    assert [(line, held[line].external_id, held[line].code) for line in sorted(held)] == [
        (3, f"{id_of('Lead', 2)} (unreadable)", "ragged_row"),
        (4, f"{id_of('Lead', 3)} (unreadable)", "ragged_row"),
        (5, f"{id_of('Lead', 4)} (unreadable)", "cell_too_long"),
        (6, f"{id_of('Lead', 1)} ({said(AGAIN)})", "duplicate_id"),
        (7, f"Row {said(NOBODY)}", "no_id"),
        (8, id_of("Lead", 5), "deleted_there"),
        (9, f"{id_of('Lead', 6)} (unreadable)", "broken_row"),
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
    raw(tmp_path, *MENDED, GOOD)
    bring_in(tmp_path, dry_run=True)
    assert HeldRow.objects.count() == 7
    bring_in(tmp_path)
    assert not HeldRow.objects.waiting().exists()
    assert Lead.objects.count() == 7


def test_another_export_with_a_file_of_that_name_leaves_them(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    bring_in(tmp_path)
    before = list(HeldRow.objects.order_by("pk").values("external_id", "row", "code", "version", "state"))
    changes = Change.objects.filter(object="heldrow").count()
    raw(tmp_path, *TODAY)
    bring_in(tmp_path)
    assert list(HeldRow.objects.order_by("pk").values("external_id", "row", "code", "version", "state")) == before
    assert Change.objects.filter(object="heldrow").count() == changes


def test_another_export_with_broken_rows_of_its_own_holds_both(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, BROKEN[0], BROKEN[4])
    bring_in(tmp_path)
    raw(tmp_path, TODAY[0], f"{id_of('Lead', 12)},short too", ",Somebody,somebody@globex.example,New,")
    bring_in(tmp_path)
    assert HeldRow.objects.waiting().count() == 4


@pytest.mark.parametrize("which", range(len(BROKEN)))
def test_what_is_mended_goes_and_the_others_stay(tmp_path: Path, which: int) -> None:
    raw(tmp_path, GOOD, *BROKEN)
    bring_in(tmp_path)
    mended = {0: MENDED[0], 1: MENDED[1], 2: MENDED[2], 3: GOOD, 4: MENDED[3], 5: MENDED[4], 6: MENDED[5]}[which]
    raw(tmp_path, *TODAY, mended)
    bring_in(tmp_path)
    assert sorted(HeldRow.objects.waiting().values_list("line", flat=True)) == [
        line for line in range(3, 10) if line != which + 3
    ]


def test_it_is_known_where_its_line_and_its_columns_have_moved(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, *BROKEN[3:5])
    bring_in(tmp_path)
    rows = [{"LastName": "One", "Id": id_of("Lead", 1)}, AGAIN | {"Id": id_of("Lead", 1)}, NOBODY | {"Id": ""}]
    write(tmp_path, "Lead", *(lead(n) for n in range(20, 25)), *rows)
    bring_in(tmp_path)
    assert sorted(HeldRow.objects.waiting().values_list("code", flat=True)) == ["duplicate_id", "no_id"]


def test_rows_that_say_the_same_are_held_once(tmp_path: Path) -> None:
    raw(tmp_path, GOOD, BROKEN[4], BROKEN[4], BROKEN[0], BROKEN[0])
    report = bring_in(tmp_path)
    assert counts(report, "Lead") == {"read": 5, "created": 1, "rejected": 4}
    held = list(HeldRow.objects.waiting().order_by("line").values_list("line", "code"))
    assert held == [(3, "no_id"), (5, "ragged_row"), (6, "ragged_row")]
    changes = Change.objects.count()
    bring_in(tmp_path)
    assert Change.objects.count() == changes


def test_one_whose_person_was_erased_is_not_held_again(root: User, tmp_path: Path) -> None:
    raw(tmp_path, *BROKEN[:2])
    bring_in(tmp_path)
    with acting(actor=root, via="test", at=NOW):
        gone = {"row": {}, "message": "", "code": "erased", "state": HeldRow.State.DISCARDED}
        HeldRow.objects.filter(line=2).update(**gone)
    bring_in(tmp_path)
    assert list(HeldRow.objects.order_by("line").values_list("code", "state")) == [
        ("erased", "discarded"),
        ("ragged_row", "held"),
    ]
    assert HeldRow.objects.get(line=2).row == {}


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
    assert [row.external_id for row in held] == [f"{id_of('User', 1)} ({said(user(2))})", f"Row {said(user(3))}"]


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
