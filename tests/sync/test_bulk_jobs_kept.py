"""What is kept of bulk jobs, for how long, and who sees it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from crm.jobs.models import Job
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.sync.jobs import work as working
from crm.sync.jobs.tidying import remove_old_uploads
from crm.sync.models import BulkJob, BulkKey
from leads.models import Lead
from tests.keys import program
from tests.sync.bulk_jobs import answer, lead, lines, opened, outcomes, results, worked

pytestmark = pytest.mark.django_db
PERSON = {"first_name": "Zdenka", "last_name": "Quillfeather", "email": "zdenka.q@quill.example"}


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


def files(where: str) -> set[str]:
    """The kinds of files that lie in the storage for a job."""
    folder = f"bulk/{where.split('/')[2]}"
    return {name.partition("-")[0] for name in default_storage.listdir(folder)[1]} if _there(folder) else set()


def _there(folder: str) -> bool:
    return bool(default_storage.exists(folder))


def test_files_are_removed_two_weeks_after_the_end(root: User) -> None:
    ask = program(root)
    at = timezone.now()
    done, waiting, left = (opened(ask, lines(lead(n))) for n in range(3))
    worked(ask, done)
    answer(ask("POST", f"{waiting}start/"))
    answer(ask("POST", f"{waiting}cancel/"))
    default_storage.save("bulk/99999999/part-0001-x", ContentFile(b"of a job that was rolled back"))
    assert remove_old_uploads(at=at + timedelta(days=13)) == 1
    assert files(done) == {"part", "results"}
    assert remove_old_uploads(at=at + timedelta(days=15)) == 3
    assert [files(where) for where in (done, waiting, left)] == [set()] * 3
    assert answer(ask("GET", done))["counts"]["created"] == 1, "the counts stay"
    assert answer(ask("GET", f"{done}results/"), 410)["code"] == "gone"
    assert answer(ask("POST", f"{waiting}resume/"), 409)["code"] == "gone"
    assert answer(ask("GET", left))["state"] == "given_up"
    assert not BulkKey.objects.exists()
    assert remove_old_uploads(at=at + timedelta(days=16)) == 0
    # What is not ended is not touched, however long it takes.
    running = opened(ask, lines(lead(7)))
    answer(ask("POST", f"{running}start/"))
    assert remove_old_uploads(at=at + timedelta(days=99)) == 0
    assert files(running) == {"part"}


def test_erasing_a_person_removes_what_names_them(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "ROWS", 1)
    ask = program(root)
    where = opened(ask, lines({**PERSON, "external_id": "zdenka.q@quill.example", "company": "Quill"}))
    worked(ask, where)
    # In another one the address is cut, and nothing else names them; then as JSON's escapes, then not at all.
    text = lines(lead(1), lead(2, second_email="zdenka.q@quill.example"))
    cut = text.index(b"zdenka.q@quill") + 5
    torn = opened(ask, text[:cut], text[cut:], lines(lead(3)))
    escaped = json.dumps(lead(4, last_name="Quillfeather", email="zdenka.q@quill.example")).replace("@", "\\u0040")
    slashes = json.dumps({"linkedin_url": "https://www.linkedin.com/in/zdenka-quillfeather"}).replace("/", "\\/")
    others = opened(ask, escaped.encode(), slashes.encode()), opened(ask, lines(lead(5)))
    theirs = Lead.objects.get(email="zdenka.q@quill.example")
    Lead.objects.filter(pk=theirs.pk).update(linkedin_url="https://www.linkedin.com/in/zdenka-quillfeather")
    bulk = BulkJob.objects.get(pk=torn.split("/")[2])
    parts = {part.number: part.file for part in bulk.parts.all()}
    erased = erase_person(lead=theirs, reason="They asked.", actor=root, at=timezone.now(), via="test")
    assert {parts[1], parts[2]} <= set(erased.files)
    assert parts[3] not in erased.files
    for name in erased.files:
        default_storage.delete(name)  # as its transaction's end does
    # Its results named them too: they are not there in full, and nothing pretends so.
    assert answer(ask("GET", f"{where}results/"), 410)["code"] == "gone"
    assert [row["index"] for row in results(ask, where, "?outcome=rejected")] == []
    assert answer(ask("POST", f"{others[0]}start/"), 409)["code"] == "gone_parts"
    missing = answer(ask("POST", f"{torn}start/"), 409)
    assert [one["field"] for one in missing["errors"]] == ["parts.1", "parts.2"]
    assert files(others[1]) == {"part"}
    # A part that is sent again is taken again.
    assert answer(ask("PUT", f"{others[0]}parts/1/", escaped.encode()))["part"] == 1
    assert answer(ask("PUT", f"{others[0]}parts/2/", slashes.encode()))["part"] == 2
    assert worked(ask, others[0])["rows_done"] == 1


def test_erasing_a_person_removes_uploads_that_know_them_by_an_id_alone(root: User) -> None:
    ask = program(root)
    theirs = Lead.objects.get(pk=answer(ask("POST", "leads/", {**PERSON, "company": "Quill"}), 201)["id"])
    told = opened(ask, lines({"id": theirs.pk, "description": "Likes sailing"}, {"id": 0}), operation="update")
    other = opened(ask, lines(lead(1)))
    for where in (told, other):
        worked(ask, where)
    erased = erase_person(lead=theirs, reason="They asked.", actor=root, at=timezone.now(), via="test")
    bulk = BulkJob.objects.get(pk=told.split("/")[2])
    assert erased.files == [part.file for part in bulk.parts.all()]
    default_storage.delete(erased.files[0])
    assert outcomes(results(ask, told)) == [(0, "updated", ""), (1, "rejected", "invalid")]


def test_administrators_see_what_programs_sent(root: User, mona: User, alice: User) -> None:
    ask = program(alice)
    where = opened(ask, lines(lead(1), lead(2, external_id="=1+1", email="x")), label="From the ERP")
    worked(ask, where)
    pk = where.split("/")[2]
    client = Client()
    client.force_login(root, backend="crm.people.backends.EmailBackend")
    listed = client.get("/admin/sync/bulkjob/?state=done&resource=leads").content.decode()
    assert "From the ERP" in listed
    assert "1 created, 1 rejected" in listed
    page = client.get(f"/admin/sync/bulkjob/{pk}/change/").content.decode()
    assert "Enter a valid email address" in page
    assert "Cancel or resume" not in page
    file = client.get(f"/admin/sync/bulkjob/{pk}/results.csv")
    text = b"".join(file.streaming_content).decode()  # type: ignore[attr-defined]
    assert text.startswith("\ufeffindex,outcome")
    assert "'=1+1" in text, "a spreadsheet calculates nothing of it"
    assert "_end" not in text
    job = Job.objects.get(bulk=int(pk))
    assert "From the ERP" in client.get(f"/admin/jobs/{job.pk}/").content.decode()
    client.force_login(mona, backend="crm.people.backends.EmailBackend")
    for address in ("", f"{pk}/change/", f"{pk}/results.csv"):
        assert client.get(f"/admin/sync/bulkjob/{address}").status_code == 403
    assert outcomes(results(ask, where)) == [(0, "created", ""), (1, "rejected", "invalid")]
