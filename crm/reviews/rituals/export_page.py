"""The button of the page of rituals that takes them away as a file."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.reviews.rituals.export import export_rituals
from crm.site import site


@site.page("reviews/rituals/export/", "rituals_export")
@require_POST
def rituals_export(request: HttpRequest) -> HttpResponse:
    """How they stand as a file, which is kept and on record as every export."""
    try:
        job = export_rituals(actor=user_of(request), at=moment(request), via="admin")
    except Refused as refused:
        raise PermissionDenied(refused.message) from refused
    return HttpResponseRedirect(reverse("admin:job_file", args=[job.pk]))
