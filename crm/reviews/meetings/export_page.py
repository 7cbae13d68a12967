"""The button of the page of minutes that takes them away as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from crm.core.asking import moment, user_of
from crm.jobs.file_answers import answer_with_file
from crm.reviews.meetings.export import export_minutes
from crm.reviews.meetings.pages import find
from crm.site import site


@site.page("reviews/meetings/<int:pk>/minutes/export/", "minutes_export")
@require_POST
def minutes_export(request: HttpRequest, pk: int) -> HttpResponse:
    """The minutes as a file, which is kept and on record as every export."""
    meeting = find(request, pk)
    return answer_with_file(lambda: export_minutes(meeting, actor=user_of(request), at=moment(request), via="admin"))
