"""The page of this part."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from crm.core.asking import user_of
from crm.core.permissions import may
from crm.reviews.huddle import kind as kind
from crm.reviews.models import Meeting
from crm.site import site


@site.page("reviews/huddle/", "huddle")
@require_safe
def huddle(request: HttpRequest) -> HttpResponse:
    """The page."""
    if not may(user_of(request), "view", Meeting):
        raise PermissionDenied
    return TemplateResponse(request, "reviews/base.html", {**site.each_context(request), "title": "Sales huddle"})
