"""The page of the weekly summary: this week's, as it would be sent now."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.notifications.models import Notification
from crm.people.models import Team
from crm.reviews.models import Meeting
from crm.reviews.periods import week_of
from crm.reviews.summary.figures import summary_of
from crm.reviews.summary.recipients import recipients, teams_of
from crm.reviews.summary.sending import key_of
from crm.reviews.summary.when import due_at
from crm.site import site

EVERYTHING = "all"


@site.page("reviews/summary/", "review_summary")
@require_safe
def review_summary(request: HttpRequest) -> HttpResponse:
    """This week's summary, of the reader's team or of what the address says."""
    user, at = user_of(request), moment(request)
    if not may(user, "view", Meeting):
        raise PermissionDenied
    chosen = request.GET.get("team", "")
    team = teams_of(user)[0]
    if chosen:
        team = None if chosen == EVERYTHING else Team.objects.filter(pk=whole_number(chosen) or 0).first()
        if team is None and chosen != EVERYTHING:
            raise Http404("There is no such team.")
    week = week_of(handbook.current().today(at))
    who = [one.user for one in recipients() if one.team == team]
    sent = Notification.objects.filter(key=key_of(week, team), to__in=who).order_by("at").first()
    here = reverse("admin:review_summary")
    context = {
        **site.each_context(request),
        "title": "Summary of the week",
        "summary": summary_of(week, team, at=at),
        "choices": [
            ("Everything", f"{here}?team={EVERYTHING}", team is None),
            *((str(one), f"{here}?team={one.pk}", one == team) for one in Team.objects.order_by("name")),
        ],
        "who": who,
        "due": due_at(week),
        "sent": sent,
        "at": at,
    }
    return TemplateResponse(request, "reviews/summary.html", context)
