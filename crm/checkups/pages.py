"""The pages of checkups that belong to no model: the overview by area, and one rule with its trend."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from crm.checkups.models import Run
from crm.checkups.rules import all_rules, rule_of
from crm.core.asking import user_of
from crm.core.permissions import may
from crm.site import site


@site.page("checkups/", "checkups")
def overview(request: HttpRequest) -> HttpResponse:
    """Where the installation departs from its handbook, by area."""
    if not may(user_of(request), "view", Run):
        raise PermissionDenied
    context = {**site.each_context(request), "title": "Checkups", "rules": all_rules()}
    return TemplateResponse(request, "checkups/overview.html", context)


@site.page("checkups/rules/<str:rule>/", "checkup_rule")
def rule_page(request: HttpRequest, rule: str) -> HttpResponse:
    """One rule: what it looks at, its findings, its trend."""
    if not may(user_of(request), "view", Run):
        raise PermissionDenied
    found = rule_of(rule)
    if found is None:
        raise Http404("There is no such rule.")
    context = {**site.each_context(request), "title": found.title, "rule": found}
    return TemplateResponse(request, "checkups/rule.html", context)
