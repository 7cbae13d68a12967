"""The pages of jobs: one's own, with what they wait for; answered once, by who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.jobs.heartbeats import note
from crm.jobs.models import Job
from crm.jobs.services import start_job
from crm.people.models import User
from tests.factories import make_account, make_user
from tests.jobs.kinds_of_tests import RENAME
from tests.leads.pages import browse, text_of

pytestmark = pytest.mark.django_db


def make_job(by: User, title: str = "Mark the names", **given: Any) -> Job:
    values = {"input": {"object": "account"}, "slices": [{"ids": [make_account(owner=by).pk]}], **given}
    return start_job(RENAME.name, title=title, by=by, at=timezone.now(), woken=False, **values)


def page(job: Job) -> str:
    return reverse("admin:job", args=[job.pk])


def answer(client: Client, job: Job, word: str) -> Any:
    response = client.post(reverse("admin:job_answer", args=[job.pk]), {"answer": word}, follow=True)
    job.refresh_from_db()
    return response


def test_an_empty_list_says_what_will_be_there(alice: User) -> None:
    shown = text_of(browse(alice).get("/admin/jobs/"))
    assert "No jobs yet" in shown
    assert "Select rows on a list" in shown


def test_everybody_sees_their_own_and_managers_everybody_s(alice: User, bob: User, mona: User) -> None:
    hers, his = make_job(alice, "Of Alice"), make_job(bob, "Of Bob")
    shown = text_of(browse(alice).get("/admin/jobs/"))
    assert ("Of Alice" in shown, "Of Bob" in shown) == (True, False)
    shown = text_of(browse(mona).get("/admin/jobs/"))
    assert ("Of Alice" in shown, "Of Bob" in shown) == (True, True)
    assert "Of Bob" not in text_of(browse(mona).get("/admin/jobs/?mine=1"))
    for name in ("job", "job_results", "job_file"):
        assert browse(alice).get(reverse(f"admin:{name}", args=[his.pk])).status_code == 403
    assert browse(alice).get(page(hers)).status_code == 200
    assert browse(mona).get(page(hers)).status_code == 200


def test_pages_are_for_those_who_are_logged_in_and_no_programs(alice: User, client: Client) -> None:
    job = make_job(alice)
    robot = make_user("robot", role="service", is_service=True)
    for someone in (client, browse(robot)):
        for address in ("/admin/jobs/", page(job)):
            assert "/admin/login/" in someone.get(address).headers["Location"]


def test_long_lists_go_on(alice: User) -> None:
    for number in range(51):
        make_job(alice, f"Number {number:02}", slices=[])
    client = browse(alice)
    first: Any = client.get("/admin/jobs/")
    assert "Number 50" in text_of(first)
    assert "Number 00" not in text_of(first)
    assert "Number 00" in text_of(client.get("/admin/jobs/", {"before": first.context["older"]}))
    for odd in ("x", "-1", "99999999999999999999"):
        assert client.get("/admin/jobs/", {"before": odd}).status_code == 200


def test_it_follows_the_job_and_says_when_no_worker_is_there(alice: User) -> None:
    job = make_job(alice)
    client = browse(alice)
    shown = text_of(client.get(page(job)))
    assert "No worker is at work now (never seen). This waits until one is; nothing is lost." in shown
    assert 'hx-trigger="every 2s"' in shown
    note("worker", at=timezone.now())
    assert "No worker" not in text_of(client.get(page(job)))
    part = text_of(client.get(page(job), HTTP_HX_REQUEST="true"))
    assert part.lstrip().startswith("<div")
    assert "<html" not in part
    Job.objects.update(state="running", done=1, total=3)
    assert "1 of 3 (33%)" in text_of(client.get(page(job)))
    assert "33%" in text_of(client.get("/admin/jobs/", HTTP_HX_REQUEST="true"))
    Job.objects.update(state="done")
    assert "hx-trigger" not in text_of(client.get(page(job), HTTP_HX_REQUEST="true"))


def test_a_second_tab_cancels_and_the_first_says_so(alice: User) -> None:
    job = make_job(alice)
    client = browse(alice)
    answer(client, job, "cancel")
    assert (job.state, job.message) == (Job.State.CANCELLED, "Cancelled by Alice.")
    assert answer(client, job, "cancel").status_code == 200, "twice is once"
    late = answer(client, job, "confirm")
    assert late.status_code == 409
    assert "This job cannot be confirmed now. It is: Cancelled." in text_of(late)
    answer(client, job, "resume")
    assert job.state == Job.State.WAITING


def test_it_names_what_cannot_be_answered(alice: User, bob: User) -> None:
    job = make_job(alice)
    client = browse(alice)
    assert answer(client, job, "explode").status_code == 404
    assert client.post(reverse("admin:job_answer", args=[999999]), {"answer": "cancel"}).status_code == 404
    assert answer(browse(bob), job, "cancel").status_code == 403
    assert answer(client, job, "undo").status_code == 409
    assert client.get(reverse("admin:job_file", args=[job.pk])).status_code == 404
    assert client.get(page(job), {"after": "1.1", "outcome": "x" * 5000}).status_code == 200


def test_a_failed_job_says_why_and_offers_to_resume(alice: User) -> None:
    job = make_job(alice)
    Job.objects.update(state="failed", message="Part 1 failed 3 times (KeyError). What was done before it is kept.")
    shown = text_of(browse(alice).get(page(job)))
    assert "Part 1 failed 3 times" in shown
    assert 'value="resume"' in shown


def test_metrics_count_jobs_that_have_not_ended_and_how_long_they_wait(client: Client, alice: User) -> None:
    job = make_job(alice)
    Job.objects.filter(pk=job.pk).update(asked_at=timezone.now() - timedelta(minutes=5))
    found = client.get("/metrics").content.decode()
    assert 'plumb_jobs{state="waiting"} 1.0' in found
    waiting = float(found.split("\nplumb_job_waiting_seconds ")[1].split()[0])
    assert waiting >= 300
