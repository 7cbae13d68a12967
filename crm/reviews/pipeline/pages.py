"""The page of the pipeline (P4): what is open, by stage, month and owner."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.file_answers import answer_with_file
from crm.reviews.models import Meeting
from crm.reviews.pipeline.asked import NARROWING, UNKNOWN, Asked, read_asked
from crm.reviews.pipeline.choosing import choices, spans
from crm.reviews.pipeline.export import export_pipeline
from crm.reviews.pipeline.figures import DIMENSIONS
from crm.reviews.pipeline.figures import pipeline as figures
from crm.reviews.pipeline.tables import Number, notes_of, table, tiles
from crm.reviews.pipeline.words import list_address, narrowing_words
from crm.site import site

SENT = ("what", "from", "to", "part", *NARROWING)


@site.page("reviews/pipeline/", "pipeline")
@require_safe
def pipeline(request: HttpRequest) -> HttpResponse:
    """What is open, and what it is worth."""
    refuse_others(request)
    at = moment(request)
    problem, status, asked = "", HTTPStatus.OK, Asked()
    try:
        asked = read_asked(given(request, NARROWING))
    except Refused as refused:
        problem, status = refused.message, HTTPStatus.BAD_REQUEST
    found = figures(asked, at=at)
    currency = handbook.current().company.currency
    unknown = list_address(Asked(stage=UNKNOWN)) if found.unknown else ""
    context = {
        **shared(request, asked),
        "title": "Pipeline",
        "problem": problem,
        "currency": currency,
        "spans": spans(asked, at, {}),
        "tiles": tiles(found, currency),
        "notes": notes_of(asked, found.total),
        "unknown": Number(f"{found.unknown:,}", unknown),
        "tables": [table(found, by, currency) for by in DIMENSIONS] if found.total.count else [],
        "board": list_address(asked, board=True),
        "list": list_address(asked),
        "changes": reverse("admin:pipeline_waterfall") + _query(asked),
        "what": "pipeline",
    }
    return TemplateResponse(request, "reviews/pipeline.html", context, status=status)


@site.page("reviews/pipeline/export/", "pipeline_export")
@require_POST
def pipeline_export(request: HttpRequest) -> HttpResponse:
    """The figures, the waterfall or the opportunities of it as a file, which is kept and on record as every export."""
    refuse_others(request)
    sent = {name: request.POST[name] for name in SENT if request.POST.get(name)}
    what = sent.pop("what", "")
    return answer_with_file(
        lambda: export_pipeline(what, sent, actor=user_of(request), at=moment(request), via="admin")
    )


def refuse_others(request: HttpRequest) -> None:
    """Everybody human who works here sees the pipeline."""
    if not may(user_of(request), "view", Meeting):
        raise PermissionDenied


def given(request: HttpRequest, names: tuple[str, ...]) -> dict[str, str]:
    """These parameters of the address."""
    return {name: request.GET[name] for name in names if name in request.GET}


def shared(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """What every page of the pipeline shows: the form and what it is narrowed to."""
    return {
        **site.each_context(request),
        "asked": asked,
        "choices": choices(asked),
        "narrowing": ", ".join(narrowing_words(asked)),
        "parameters": asked.parameters,
    }


def _query(asked: Asked) -> str:
    return f"?{urlencode(asked.parameters)}" if asked.parameters else ""
