"""What nobody came back for is put away after days: unanswered jobs, and the files of exports."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from crm.jobs.files import KEPT_DAYS
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import resume_job
from crm.jobs.tidying import cancel_unanswered, remove_old_files
from crm.jobs.work import work_here
from crm.people.models import User
from leads.models import Lead
from tests.bulk.pages import address, answer, ask
from tests.factories import make_lead
from tests.leads.pages import browse, text_of

pytestmark = pytest.mark.django_db
LATER = timedelta(days=KEPT_DAYS, hours=1)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def exported(by: User) -> Job:
    client = browse(by)
    job = ask(client, address(Lead, "export", [make_lead(owner=by).pk]))
    answer(client, job, "confirm")
    job.refresh_from_db()
    return job


def file_of(job: Job) -> str:
    return str(JobSlice.objects.get(job=job).input["file"])


def test_a_count_that_nobody_answers_is_cancelled_and_may_be_resumed(alice: User, bob: User) -> None:
    lead = make_lead(owner=alice)
    job = ask(browse(alice), address(Lead, "reassign", [lead.pk]), owner=bob.pk)
    assert cancel_unanswered(at=timezone.now()) == 0
    assert cancel_unanswered(at=timezone.now() + LATER) == 1
    job.refresh_from_db()
    assert (job.state, job.message) == (Job.State.CANCELLED, "Nobody answered for 14 days: nothing was changed.")
    assert work_here(resume_job(job, by=alice, at=timezone.now()), via="test").state == Job.State.READY
    lead.refresh_from_db()
    assert lead.owner_id == alice.pk


def test_the_file_of_an_export_is_removed_and_its_page_says_so(mona: User) -> None:
    job = exported(mona)
    assert remove_old_files(at=timezone.now()) == 0
    assert default_storage.exists(file_of(job))
    assert remove_old_files(at=timezone.now() + LATER) == 1
    assert remove_old_files(at=timezone.now() + LATER) == 0
    assert not default_storage.exists(file_of(job))
    page = text_of(browse(mona).get(reverse("admin:job", args=[job.pk])))
    assert "Its file was removed after 14 days." in page
    assert "Download the file" not in page
    assert browse(mona).get(reverse("admin:job_file", args=[job.pk])).status_code == 404


def test_a_file_that_lost_a_part_is_not_sent_in_half(mona: User) -> None:
    job = exported(mona)
    default_storage.delete(file_of(job))
    response = browse(mona).get(reverse("admin:job_file", args=[job.pk]))
    assert response.status_code == 410
    assert "Export again." in text_of(response)
