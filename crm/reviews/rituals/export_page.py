"""The button of the page of rituals that takes them away as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from crm.core.asking import moment, user_of
from crm.jobs.file_answers import answer_with_file
from crm.reviews.rituals.export import export_rituals
from crm.site import site


@site.page("reviews/rituals/export/", "rituals_export")
@require_POST
def rituals_export(request: HttpRequest) -> HttpResponse:
    """How they stand as a file, which is kept and on record as every export."""
    return answer_with_file(lambda: export_rituals(actor=user_of(request), at=moment(request), via="admin"))
