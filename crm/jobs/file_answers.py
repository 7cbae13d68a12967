"""Answering with the file of a job that is done at once: the button that takes a page's figures away."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from crm.core.errors import Refused
from crm.jobs.models import Job


def answer_with_file(write: Callable[[], Job]) -> HttpResponse:
    """Lead to the file that is written; what is asked for and will not do is said in a line.

    Raises:
        PermissionDenied: for who may not have it.
    """
    try:
        job = write()
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.message) from refused
        return HttpResponse(refused.message, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    return HttpResponseRedirect(reverse("admin:job_file", args=[job.pk]))
