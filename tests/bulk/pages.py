"""What the tests of bulk operations share: asking, confirming and reading as a browser does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.test import Client
from django.urls import reverse

from crm.jobs.models import Job


def address(kind: type[models.Model], operation: str, ids: Iterable[int] = (), **query: str) -> str:
    """The page of an operation for ticked rows, or with `all` for what the filters leave."""
    page = reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_bulk", args=[operation])
    picked = {"ids": ",".join(map(str, ids))} if ids else {}
    return page + "?" + "&".join(f"{name}={value}" for name, value in (picked | query).items())


def ask(client: Client, url: str, **facts: Any) -> Job:
    """Give the facts, and the job that came of it."""
    response: Any = client.post(url, facts)
    assert response.status_code == 302, response.content.decode()
    return Job.objects.get(pk=response.headers["Location"].rstrip("/").rpartition("/")[2])


def answer(client: Client, job: Job, word: str, **sent: Any) -> Any:
    """Confirm, cancel, resume or undo on the job's page; the page that follows."""
    response = client.post(reverse("admin:job_answer", args=[job.pk]), {"answer": word, **sent}, follow=True)
    job.refresh_from_db()
    return response


def rows(job: Job) -> dict[int, tuple[str, str]]:
    """Outcome and code of each row."""
    return {row["id"]: (row["outcome"], row["code"]) for part in job.slices.all() for row in part.output or []}
