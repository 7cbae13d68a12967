"""What is uploaded as CSV is looked at before it is stored; what cannot be read later says so."""

from __future__ import annotations

import html
import io
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from crm.core.errors import Refused
from crm.imports.csv import runs
from crm.imports.models import HeldRow, ImportRun
from crm.jobs.models import Job
from crm.people.models import User
from leads.models import Lead
from tests.imports.csv.using import bring, problems, results, stored, upload, work
from tests.imports.export import NOW
from tests.imports.uploading import sent

pytestmark = pytest.mark.django_db


def packed() -> bytes:
    """A zip bomb in the clothes of a list."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("list.csv", b"0" * 1_000_000)
    return out.getvalue()


def huge() -> SimpleUploadedFile:
    """An upload that says it has a gigabyte."""
    made = sent(b"Email\n", "list.csv")
    made.size = 1024**3
    return made


NOT_STORED = {
    "nothing": (None, "no_file"),
    "empty": (sent(b"", "list.csv"), "empty_file"),
    "only_blanks": (sent(b"\xef\xbb\xbf \r\n , ,\r\n", "list.csv"), "empty_file"),
    "a_zip_bomb": (sent(packed(), "list.csv"), "not_csv"),
    "a_zip": (sent(packed(), "list.zip"), "not_csv"),
    "a_spreadsheet": (sent(b"\xd0\xcf\x11\xe0" + b"\x00" * 99, "list.csv"), "not_csv"),
    "a_picture": (sent(b"\x89PNG\r\n\x1a\n", "list.csv"), "not_csv"),
    "a_pdf": (sent(b"%PDF-1.7", "list.pdf"), "not_csv"),
    "gzip": (sent(b"\x1f\x8b\x08", "list.csv"), "not_csv"),
    "zeros": (sent(b"a,b\n\x00\x00\x00c,d\n", "list.csv"), "not_csv"),
    "a_gigabyte": (huge(), "too_large"),
}
NOT_READ = {
    "a_header_only": (b"Email,Name\r\n", "no_rows"),
    "no_header": (b"lea@globex.example,10/20/2016\nmax@globex.example,10/21/2016\n", "no_header"),
    "a_header_twice": (b"Email,Email\na,b\n", "duplicate_column"),
    "a_million_columns": (b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n", "too_many_columns"),
    "a_very_long_name": (b"Email," + b"x" * 100_000 + b"\na,b\n", "long_header"),
    "bytes_of_no_encoding": (b"Email\n" + b"a@b.example\n" * 30_000 + b"\xff\xfe\xfa\n", "wrong_encoding"),
    "a_line_without_end": (b'Email,Note\na,"' + b"x" * 9_000_000, "not_csv"),
    "a_title_above_the_columns": (b"Leads of today\n\nEmail,Company\na@b.example,B\n", "no_row_fits"),
    "half_a_utf_16": (b"\xff\xfeE\x00m\x00\n\x00a", "wrong_encoding"),
}


@pytest.mark.parametrize(("file", "code"), NOT_STORED.values(), ids=NOT_STORED)
def test_what_cannot_be_a_list_is_refused_and_not_stored(file: Any, code: str, root: User, media: Path) -> None:
    if file is not None:
        file.seek(0)
    with pytest.raises(Refused) as refused:
        runs.upload_csv(file, object="lead", ticket=uuid4(), actor=root, at=NOW)
    assert refused.value.code == code
    assert not ImportRun.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("content", "code"), NOT_READ.values(), ids=NOT_READ)
def test_what_cannot_be_read_says_why_and_nothing_runs(content: bytes, code: str, root: User, client: Client) -> None:
    run = upload(content, "lead", root)
    assert run.job is not None
    assert run.job.state == Job.State.DONE
    assert run.stage == ImportRun.Stage.CHOOSING
    assert run.found["error"][1] == code
    with pytest.raises(Refused) as refused:
        runs.start_csv(run, actor=root, at=NOW)
    assert refused.value.code == code
    client.force_login(root)
    page = client.get(reverse("admin:imports_importrun_change", args=[run.pk]))
    assert page.status_code == 200
    assert run.found["error"][2][:40] in html.unescape(page.content.decode())


def test_rows_that_are_none_are_refused_by_line_and_the_others_stored(root: User) -> None:
    content = (
        'Email,Company\nshort\nlea@globex.example,Globex\na,b,c\n"a"b,c\nmax@globex.example,"' + "x" * 200_000 + '"\n'
    )
    run = bring(content, "lead", root)
    assert [line for line, code in problems(run) if code in ("ragged_row", "broken_row", "cell_too_long")] == [
        2,
        4,
        5,
        6,
    ]
    assert [lead.email for lead in Lead.objects.all()] == ["lea@globex.example"]
    assert HeldRow.objects.waiting().count() == 4
    assert all(held.mended_in_file for held in HeldRow.objects.all())


def test_formulas_are_text_here_and_no_formula_in_the_result_file(root: User) -> None:
    content = 'Email,Company,Employees\nlea@globex.example,"=HYPERLINK(""http://x"")","=1+1"\n'
    run = bring(content, "lead", root)
    assert Lead.objects.get().company.startswith("=HYPERLINK")
    assert not [cell for row in results(run) for cell in row if cell.startswith("=")]


def test_names_of_columns_and_files_are_shown_and_never_run(root: User, client: Client) -> None:
    evil = "<script>alert(1)</script>"
    run = upload(f"Email,{evil},{{{{ 7*7 }}}}\nlea@globex.example,{evil},x\n", "lead", root, name=f"{evil}.csv")
    client.force_login(root)
    for step in ("file", "columns", "values", "check"):
        page = client.get(reverse("admin:imports_importrun_change", args=[run.pk]), {"step": step})
        assert page.status_code == 200
        assert evil not in page.content.decode()


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ","), ("utf-16", ";"), ("cp1252", ";"), ("mac_roman", "\t"), ("utf-16-le", "|")],
)
def test_the_same_list_comes_in_whatever_its_encoding_and_delimiter(encoding: str, delimiter: str, root: User) -> None:
    rows = [
        ("Email", "Company", "City"),
        ("lea@globex.example", "Müller & Söhne “Zoë”", "Köln"),
        ("m@x.example", "Café", "Málaga"),
    ]
    content = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows).encode(encoding)
    bring(content, "lead", root)
    assert set(Lead.objects.values_list("company", "city")) == {row[1:] for row in rows[1:]}


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_a_line_for_excel_is_no_header(ending: str, root: User) -> None:
    run = bring(f"sep=;{ending}Email;Company{ending}lea@globex.example;Globex{ending};No address{ending}", "lead", root)
    assert problems(run) == [(4, "no_email_or_linkedin")]
    assert Lead.objects.get().company == "Globex"


def test_delimiters_of_empty_columns_at_the_end_of_a_row_cost_no_row(root: User) -> None:
    run = bring(
        "Email,Company\nlea@globex.example,Globex,,\nmax@globex.example,,, \nno@globex.example,,,x\n", "lead", root
    )
    assert problems(run) == [(4, "ragged_row")]
    assert Lead.objects.count() == 2


@pytest.mark.parametrize(
    ("encoding", "company"),
    [("cp1251", "Ромашка"), ("cp1250", "Łódź"), ("cp932", "株式会社 表示"), ("gb18030", "北京")],
)
def test_an_encoding_that_is_not_recognised_is_chosen(encoding: str, company: str, root: User) -> None:
    run = upload(f"Email,Company\nlea@globex.example,{company}\n".encode(encoding), "lead", root)
    run = work(runs.change_file(run, object="lead", encoding=encoding, delimiter=",", actor=root, at=NOW))
    stored(run, root)
    assert Lead.objects.get().company == company


def test_a_wrong_guess_is_changed_by_reading_the_file_again(root: User) -> None:
    run = upload("Email|Company\nlea@globex.example|Globex, Inc\n", "lead", root)
    run = work(runs.change_file(run, object="contact", encoding="cp1252", delimiter=",", actor=root, at=NOW))
    assert run.found["header"] == ["Email|Company"]
    run = work(runs.change_file(run, object="lead", encoding="utf-8", delimiter="|", actor=root, at=NOW))
    assert run.found["header"] == ["Email", "Company"]


@how(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_upload_or_the_look(content: bytes, root: User) -> None:
    try:
        run = upload(b"Email,Name\n" + content, "lead", root)
    except Refused:
        return
    assert run.job is not None
    assert run.job.state == Job.State.DONE


def test_hostile_choices_are_refused_and_break_nothing(root: User, client: Client) -> None:
    run = upload("Email\nlea@globex.example\n", "lead", root)
    client.force_login(root)
    act = reverse("admin:imports_importrun_csvact", args=[run.pk])
    page = reverse("admin:imports_importrun_change", args=[run.pk])
    for sent_values in (
        {"do": "columns", "to:0": "version"},
        {"do": "columns", "to:0": "email", "key": "shoe", "mode": "x", "system": "'; DROP TABLE"},
        {"do": "values", "word:99:x": "y", "word:x": "y", "person:Nobody": "999999999999", "owner": "-1"},
        {"do": "values", "account": "\x00", "pattern": "{" * 999},
        {"do": "file", "object": "user", "encoding": "rot13", "delimiter": "xx", "template": "none"},
        {"do": "template", "template_name": ""},
    ):
        assert client.post(act, sent_values).status_code == 302
        assert client.get(page).status_code == 200
    assert client.post(act, {"do": "explode"}).status_code == 400
