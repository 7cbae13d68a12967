"""Many held rows at once: mended, released, discarded with a reason, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm.core.errors import Refused
from crm.history.models import Change
from crm.imports.models import HeldRow
from crm.imports.problems import problems_waiting
from crm.imports.services import (
    discard_held_row,
    discard_held_rows,
    release_held_row,
    release_held_rows,
    take_back_discard,
)
from crm.people.models import User
from leads.models import Lead
from tests.imports.export import NOW, account, bring_in, codes, counts, id_of, lead, opportunity, write
from tests.races import race, second_connection

pytestmark = pytest.mark.django_db
MEND = f"/admin/imports/heldrow/mend/?{urlencode({'code': 'no_email_or_linkedin', 'object': 'lead'})}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four leads that nobody could reach."""
    write(tmp_path, "Lead", *(lead(n, Email="") for n in range(1, 5)))
    bring_in(tmp_path)
    return tmp_path


@pytest.fixture
def held(folder: Path) -> list[HeldRow]:
    """The four rows."""
    return list(HeldRow.objects.order_by("line"))


def states() -> list[str]:
    """The states of all rows, in the order of their lines."""
    return list(HeldRow.objects.order_by("line").values_list("state", flat=True))


def test_each_is_released_with_its_own_value_or_told_why_not(held: list[HeldRow], mona: User) -> None:
    values = {held[0].pk: {"email": "a@b.example"}, held[1].pk: {"email": "nobody"}, held[2].pk: {}, 999: {}}
    answers = release_held_rows(values, actor=mona, at=NOW, via="admin")
    assert [answer.refusal.codes if answer.refusal else "" for answer in answers] == [
        "",
        ("bad_email", "no_email_or_linkedin"),
        ("no_email_or_linkedin",),
    ]
    assert states() == ["released", "held", "held", "held"]
    assert answers[0].record == Lead.objects.get()


def test_what_is_discarded_stays_out_until_its_row_says_something_else(
    held: list[HeldRow], folder: Path, mona: User
) -> None:
    discarded = discard_held_row(held[0], reason=" A test lead ", actor=mona, at=NOW, via="admin")
    assert (discarded.state, discarded.discarded_because) == ("discarded", "A test lead")
    assert Change.objects.of(discarded)[0].transaction.reason == "A test lead"
    again = bring_in(folder)
    assert counts(again, "Lead") == {"read": 4, "rejected": 4}
    assert codes(again).count("discarded") == 1
    assert states() == ["discarded", "held", "held", "held"]
    write(folder, "Lead", *(lead(n, Email="", Title="Boss" if n == 1 else "") for n in range(1, 5)))
    bring_in(folder)
    assert states() == ["held"] * 4
    assert HeldRow.objects.get(line=2).discarded_because == ""
    discard_held_row(held[0], reason="Really", actor=mona, at=NOW, via="admin")
    write(folder, "Lead", lead(1, Email="lea@globex.example"))
    assert counts(bring_in(folder), "Lead") == {"read": 1, "created": 1}
    assert HeldRow.objects.get(pk=held[0].pk).state == "released"


def test_a_discarded_row_stays_out_though_its_account_has_come(tmp_path: Path, mona: User) -> None:
    write(tmp_path, "Opportunity", opportunity(1))
    bring_in(tmp_path)
    discard_held_row(HeldRow.objects.get(), reason="Old", actor=mona, at=NOW, via="admin")
    write(tmp_path, "Account", account(1))
    report = bring_in(tmp_path)
    assert counts(report, "Opportunity") == {"read": 1, "rejected": 1}
    assert states() == ["discarded"]


def test_a_discard_asks_for_a_reason_and_can_be_taken_back(held: list[HeldRow], mona: User) -> None:
    ids = [row.pk for row in held[:3]]
    with pytest.raises(Refused) as refused:
        discard_held_rows(ids, reason="  ", actor=mona, at=NOW, via="admin")
    assert refused.value.codes == ("no_reason",)
    with pytest.raises(Refused) as refused:
        discard_held_rows(ids, reason="x" * 501, actor=mona, at=NOW, via="admin")
    assert refused.value.codes == ("too_long",)
    discard_held_rows(ids, reason="Tests", actor=mona, at=NOW, via="admin")
    with pytest.raises(Refused, match="discarded"):
        release_held_row(held[0], values={"email": "a@b.example"}, actor=mona, at=NOW, via="admin")
    answers = take_back_discard([*ids, held[3].pk], actor=mona, at=NOW, via="admin")
    assert [bool(answer.refusal) for answer in answers] == [False, False, False, True]
    assert states() == ["held"] * 4
    assert not HeldRow.objects.exclude(discarded_because="").exists()


def test_a_row_that_only_the_file_mends_can_be_discarded(tmp_path: Path, mona: User) -> None:
    path = write(tmp_path, "Lead", lead(1))
    path.write_bytes(path.read_bytes() + b"00QNq0000000002AAA,ragged\r\n")
    bring_in(tmp_path)
    ragged = HeldRow.objects.get()
    (answer,) = release_held_rows({ragged.pk: {}}, actor=mona, at=NOW, via="admin")
    assert answer.refusal is not None
    assert answer.refusal.code == "mended_in_file"
    discard_held_row(ragged, reason="Rubbish", actor=mona, at=NOW, via="admin")
    bring_in(tmp_path)
    assert states() == ["discarded"]
    path.write_bytes(path.read_bytes().replace(b"ragged", b"torn"))
    bring_in(tmp_path)
    assert states() == ["held"]


def test_only_managers_and_administrators_work_them(held: list[HeldRow], alice: User, client: Client) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: release_held_rows({held[0].pk: {}}, actor=alice, at=NOW, via="admin"),
        lambda: discard_held_rows([held[0].pk], reason="x", actor=alice, at=NOW, via="admin"),
        lambda: take_back_discard([held[0].pk], actor=alice, at=NOW, via="admin"),
    )
    for call in calls:
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "forbidden"
    client.force_login(alice)
    assert client.get(MEND).status_code == 403
    assert client.get(reverse("admin:imports_heldrow_changelist")).status_code == 403
    assert client.post(reverse("admin:imports_heldrow_decide", args=[held[0].pk])).status_code == 403


def test_the_list_says_what_rows_wait_for_and_filters_them(held: list[HeldRow], mona: User, client: Client) -> None:
    client.force_login(mona)
    (problem,) = problems_waiting()
    assert (problem.count, problem.noun, problem.mends) == (4, "leads", "email")
    page = client.get(reverse("admin:imports_heldrow_changelist"), {"state": "held"}).content.decode()
    assert "Nobody could be reached" in page
    assert "heldrow/mend/?code=no_email_or_linkedin&amp;object=lead" in page
    for name, value, rows in (
        ("problem", "no_email_or_linkedin", 4),
        ("problem", "ragged_row", 0),
        ("file", "Lead.csv", 4),
        ("run", str(held[0].run_id), 4),
        ("state", "discarded", 0),
    ):
        answer = client.get(reverse("admin:imports_heldrow_changelist"), {name: value})
        assert answer.context["cl"].result_count == rows, (name, value)


def post(client: Client, **data: Any) -> Any:
    """Send the form of the page that mends."""
    return client.post(MEND, {"column": "email", "do": "release", **data})


def test_the_page_takes_a_value_for_each_one_for_all_and_lines(held: list[HeldRow], mona: User, client: Client) -> None:
    client.force_login(mona)
    assert client.get(MEND).status_code == 200
    answer = post(client, **{f"value:{held[0].pk}": "a@b.example"})
    assert "1 released" in answer.content.decode()
    answer = post(client, row=[str(held[1].pk)], column="Company", for_all="Initech")
    assert "0 released, 1 not" in answer.content.decode()
    answer = post(client, lines=f"Id,Email\r\n{held[1].external_id},b@b.example\r\n\r\n")
    assert "1 released" in answer.content.decode()
    upload = SimpleUploadedFile("values.csv", f"\ufeff{held[2].pk},c@b.example\n".encode())
    answer = post(client, file=upload)
    assert "1 released" in answer.content.decode()
    assert states() == ["released", "released", "released", "held"]
    answer = post(client, do="discard", row=[str(held[3].pk)], reason="A test")
    assert "1 discarded" in answer.content.decode()
    answer = client.get(MEND)
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Type a value"),
        ({"do": "discard", "reason": "x"}, "Choose the rows"),
        ({"lines": "nobody,a@b.example"}, "no row of this problem"),
        ({"lines": "a,b,c"}, "not an id and a value"),
        ({"lines": '"open'}, "cannot be read"),
        ({"file": SimpleUploadedFile("v.csv", b"\xff\xfe")}, "not UTF-8"),
        ({"file": SimpleUploadedFile("v.csv", b"a\x00,b")}, "binary zeros"),
        ({"row": ["x", "-1", "99999999999999999999999"]}, "Type a value"),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    data: dict[str, Any], said: str, held: list[HeldRow], mona: User, client: Client
) -> None:
    client.force_login(mona)
    answer = post(client, **data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert states() == ["held"] * 4


def test_one_row_is_discarded_and_taken_back_on_its_page(held: list[HeldRow], mona: User, client: Client) -> None:
    client.force_login(mona)
    address, page = (reverse(f"admin:imports_heldrow_{name}", args=[held[0].pk]) for name in ("decide", "change"))
    assert "Say why" in client.post(address, {"reason": ""}, follow=True).content.decode()
    assert "It was discarded: Doubled" in client.post(address, {"reason": "Doubled"}, follow=True).content.decode()
    assert "Let it wait again" in client.get(page).content.decode()
    client.post(address, {"do": "take_back"})
    assert states() == ["held"] * 4
    assert client.post(reverse("admin:imports_heldrow_decide", args=[999_999])).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_each_row_is_released_by_one(mona: User, root: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", *(lead(n, Email="") for n in range(1, 5)))
    bring_in(tmp_path)
    values = {pk: {"email": f"p{pk}@b.example"} for pk in HeldRow.objects.values_list("pk", flat=True)}
    answers = race(
        lambda: release_held_rows(values, actor=mona, at=NOW, via="admin"),
        lambda: release_held_rows(values, actor=root, at=NOW, via="admin"),
        behind=f"SELECT FROM imports_heldrow WHERE id = {min(values)} FOR UPDATE",
    )
    released = [[answer.refusal is None for answer in one] for one in answers]
    assert sorted(map(sum, released)) == [0, 4]
    assert Lead.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_nothing_is_released_or_discarded_while_an_import_runs(mona: User, tmp_path: Path) -> None:
    write(tmp_path, "Lead", lead(1, Email=""))
    bring_in(tmp_path)
    held = HeldRow.objects.get()
    with second_connection() as importing:
        importing.execute("SELECT pg_advisory_xact_lock(hashtextextended('import:salesforce', 7))")
        for call in (
            lambda: release_held_rows({held.pk: {"email": "a@b.example"}}, actor=mona, at=NOW, via="admin"),
            lambda: discard_held_row(held, reason="x", actor=mona, at=NOW, via="admin"),
        ):
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.code == "import_running"
    assert states() == ["held"]
    assert id_of("Lead", 1) == held.external_id
