"""The button of the page of the sales huddle that takes it away as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from crm.core.asking import moment, user_of
from crm.jobs.file_answers import answer_with_file
from crm.reviews.huddle.export import export_huddle
from crm.reviews.huddle.scopes import OWNER, TEAM, read_scope
from crm.site import site


@site.page("reviews/huddle/export/", "huddle_export")
@require_POST
def huddle_export(request: HttpRequest) -> HttpResponse:
    """What the page shows as a file, which is kept and on record as every export."""
    given = {name: request.POST[name] for name in (OWNER, TEAM) if request.POST.get(name)}
    return answer_with_file(
        lambda: export_huddle(read_scope(given), actor=user_of(request), at=moment(request), via="admin")
    )
