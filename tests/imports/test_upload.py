"""What is uploaded is looked at before it is stored, whatever it claims to be."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from crm.core.errors import Refused
from crm.imports import runs, uploads
from crm.imports.models import ImportRun
from crm.jobs.models import Job
from crm.people.models import User
from tests.imports.export import NOW, account, lead, write
from tests.imports.uploading import sent, upload, work, zipped

pytestmark = [pytest.mark.django_db, pytest.mark.crash]
LEADS = b"Id,LastName,Email,Status\r\n00QNq0000000001AAA,Lea,lea@globex.example,New\r\n"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """Uploads of tests lie in a folder of their own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def packed(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    """A zip of these files; `change` may alter what its directory says of each."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
        for info in made.infolist():
            change(info)
    return out.getvalue()


def lock(info: zipfile.ZipInfo) -> None:
    """Say that a password is needed."""
    info.flag_bits |= 0x1


def lie(info: zipfile.ZipInfo) -> None:
    """Say that it is short."""
    info.file_size = 10


HOSTILE = {
    "nothing_sent": ([], "no_file"),
    "not_a_zip": ([(b"hello", "export.zip")], "not_a_zip"),
    "half_a_zip": ([(packed({"Lead.csv": LEADS})[:60], "export.zip")], "not_a_zip"),
    "empty": ([(packed({}), "export.zip")], "empty_zip"),
    "no_bytes": ([(b"", "export.zip")], "not_a_zip"),
    "up_and_out": ([(packed({"../../Lead.csv": LEADS}), "export.zip")], "bad_path"),
    "from_the_root": ([(packed({"/etc/Lead.csv": LEADS}), "export.zip")], "bad_path"),
    "from_a_drive": ([(packed({"C:\\Lead.csv": LEADS}), "export.zip")], "bad_path"),
    "locked": ([(packed({"Lead.csv": LEADS}, lock), "export.zip")], "encrypted_zip"),
    "a_zip_in_it": ([(packed({"Lead.csv": LEADS, "more.zip": packed({})}), "export.zip")], "nested_zip"),
    "a_bomb": ([(packed({"Lead.csv": b"," * 3_000_000}), "export.zip")], "zip_bomb"),
    "too_many": ([(packed({f"{n}.csv": b"a" for n in range(1001)}), "export.zip")], "too_many_files"),
    "none_we_read": ([(packed({"Product2.csv": b"Id\n"}), "export.zip")], "nothing_to_read"),
    "twice": ([(packed({"a/Lead.csv": LEADS, "b/lead.csv": LEADS}), "export.zip")], "duplicate_file"),
    "two_zips": ([(packed({"Lead.csv": LEADS}), n) for n in ("a.zip", "b.zip")], "no_file"),
    "another_kind": ([(b"%PDF", "Lead.pdf")], "not_csv"),
    "utf_16": ([(LEADS.decode().encode("utf-16"), "Lead.csv")], "wrong_encoding"),
    "latin_1": ([("Id,Müller\n".encode("latin-1"), "Lead.csv")], "wrong_encoding"),
    "zeros": ([(b"Id\x00,a\n", "Lead.csv")], "not_csv"),
    "empty_file": ([(b"", "Lead.csv")], "empty_file"),
}


@pytest.mark.parametrize(("files", "code"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_an_export_is_refused_and_not_stored(
    files: list[tuple[bytes, str]], code: str, root: User, media: Path
) -> None:
    with pytest.raises(Refused) as refused:
        runs.upload_export([sent(*one) for one in files], ticket=uuid4(), actor=root, at=NOW)
    assert refused.value.code == code
    assert refused.value.missing[0].field == "files"
    assert not ImportRun.objects.exists()
    assert not Job.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_more_than_fits_is_refused(root: User, settings: Any) -> None:
    settings.UPLOAD_LIMIT = 1000
    with pytest.raises(Refused) as refused:
        runs.upload_export(
            [sent(packed({"Lead.csv": bytes(range(32, 127)) * 200}))], ticket=uuid4(), actor=root, at=NOW
        )
    assert refused.value.code == "too_large"


def test_a_zip_that_lies_about_a_file_stops_there(root: User) -> None:
    """Its directory says ten bytes: no more are read, and what they hold is no file of leads."""
    content = packed({"Lead.csv": LEADS * 50}, lie)
    run = work(runs.upload_export([sent(content)], ticket=uuid4(), actor=root, at=NOW))
    assert run.job is not None
    assert run.job.state == Job.State.FAILED
    assert "damaged" in run.job.message
    assert not default_storage.exists(f"{run.folder}/Lead.csv")


def test_folders_and_shadows_in_a_zip_are_looked_past(root: User, tmp_path: Path) -> None:
    content = packed({"export/Lead.csv": LEADS, "__MACOSX/._Lead.csv": b"\x00", "export/notes.txt": b"a"})
    run = work(runs.upload_export([sent(content)], ticket=uuid4(), actor=root, at=NOW))
    assert run.stage == ImportRun.Stage.CHOOSING
    assert run.found["Lead.csv"]["rows"] == 1


def test_single_files_are_taken_too(root: User, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    account_file = write(tmp_path / "x", "Account", account(1)).read_bytes()
    given = [sent(LEADS, "Lead.csv"), sent(account_file, "C:\\export\\Account.csv")]
    run = work(runs.upload_export(given, ticket=uuid4(), actor=root, at=NOW))
    assert [part["file"] for part in run.parts] == ["Account.csv", "Lead.csv"]
    done = work(runs.start_run(run, actor=root, at=NOW))
    assert done.report["files"]["Lead.csv"]["created"] == 1


def test_a_file_that_cannot_be_read_is_named_before_anything_is_stored(root: User) -> None:
    broken = LEADS + b"00QNq0000000002AAA,M\xfcller,m@globex.example,New\r\n"
    content = packed({"Lead.csv": broken, "Account.csv": b"Id,Name\r\n001Nq0000000001AAA,Acme\r\n"})
    run = work(runs.upload_export([sent(content)], ticket=uuid4(), actor=root, at=NOW))
    assert run.found["Lead.csv"]["error"][:2] == [3, "wrong_encoding"]
    done = work(runs.start_run(run, actor=root, at=NOW))
    assert list(done.report["files"]) == ["Account.csv"]
    assert [(one["file"], one["line"], one["code"]) for one in done.report["problems"]] == [
        ("Lead.csv", 3, "wrong_encoding")
    ]


def test_the_same_form_sent_twice_makes_one_run(root: User, client: Client) -> None:
    client.force_login(root)
    address, ticket = reverse("admin:imports_importrun_upload"), str(uuid4())
    answers = [client.post(address, {"ticket": ticket, "files": sent(packed({"Lead.csv": LEADS}))}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert (ImportRun.objects.count(), Job.objects.count()) == (1, 1)


def test_the_files_go_when_the_import_is_done_dropped_or_old(
    django_capture_on_commit_callbacks: Any, root: User, tmp_path: Path, media: Path
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder, "Lead", lead(1))
    with django_capture_on_commit_callbacks(execute=True):
        done = work(runs.start_run(upload(folder, root), actor=root, at=NOW))
    dropped = runs.drop_run(upload(folder, root), actor=root, at=NOW)
    old = upload(folder, root)
    # The one that waits still has its files, and no other.
    assert {path.parent.name for path in media.rglob("*.*")} == {old.folder.rpartition("/")[2]}
    assert runs.remove_old_uploads(at=NOW.replace(year=NOW.year + 1)) >= 1
    old.refresh_from_db()
    assert old.stage == ImportRun.Stage.DROPPED
    assert not [path for path in media.rglob("*") if path.is_file()]
    assert (done.folder, dropped.stage) == ("", ImportRun.Stage.DROPPED)


def test_only_administrators_upload(mona: User, alice: User, client: Client) -> None:
    for user in (mona, alice):
        client.force_login(user)
        assert client.get(reverse("admin:imports_importrun_upload")).status_code == 403
        assert client.post(reverse("admin:imports_importrun_upload"), {}).status_code == 403
        with pytest.raises(Refused) as refused:
            runs.upload_export([sent(LEADS, "Lead.csv")], ticket=uuid4(), actor=user, at=NOW)
        assert refused.value.code == "forbidden"


@how(
    max_examples=60 if os.environ.get("CRM_SOAK") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    content=st.one_of(
        st.binary(max_size=400),
        st.text(max_size=200).map(lambda text: f"Id,LastName,Email,Status\n{text}".encode("utf-8", "surrogatepass")),
        st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=100), max_size=4).map(
            lambda files: packed(
                {
                    name.replace("\x00", "0").encode("utf-8", "replace").decode(): content
                    for name, content in files.items()
                }
            )
        ),
    ),
    name=st.sampled_from(["export.zip", "Lead.csv", "lead.CSV", "User.csv", "Account.csv", "x.txt", "Opportunity.csv"]),
)
def test_whatever_is_uploaded_is_answered(content: bytes, name: str, root: User, client: Client) -> None:
    client.force_login(root)
    answer = client.post(reverse("admin:imports_importrun_upload"), {"ticket": "x", "files": sent(content, name)})
    assert answer.status_code in (302, 422)
    if answer.status_code == 302:
        run = work(ImportRun.objects.latest("pk"))
        assert run.stage == ImportRun.Stage.CHOOSING
        assert client.get(answer.headers["Location"]).status_code == 200
        if run.parts:
            done = work(runs.start_run(run, actor=root, at=NOW))
            assert done.stage == ImportRun.Stage.DONE


def test_a_zip_of_the_sample_is_unpacked_as_it_was(tmp_path: Path, root: User) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    path = write(folder, "Lead", *(lead(n) for n in range(50)))
    run = runs.upload_export([sent(zipped(folder))], ticket=uuid4(), actor=root, at=NOW)
    for _ in range(2):
        uploads.unpack(run.folder, "Lead.csv")
    with default_storage.open(f"{run.folder}/Lead.csv") as stored:
        assert stored.read() == path.read_bytes()
