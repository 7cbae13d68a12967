"""The page of the search, and what the command palette shows while somebody types."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from crm.core.asking import user_of
from crm.core.text import tidy
from crm.search.finding import LONGEST, Group, find_everywhere, find_views
from crm.search.places import find_places
from crm.site import site

ON_A_PAGE, IN_THE_PALETTE = 20, 5


def _term(request: HttpRequest) -> str:
    return tidy(request.GET.get("q", ""))[:LONGEST]


def _nearest_first(*found: list[Group]) -> list[Group]:
    """Groups by how near their nearest name is; of equals those that were named first."""
    return sorted((group for groups in found for group in groups), key=lambda group: group.rank)


@site.page("search/", "find")
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Everything a term finds, by kind of record."""
    term = _term(request)
    records = find_everywhere(term, user=user_of(request), shown=ON_A_PAGE)
    context = {
        **site.each_context(request),
        "title": f"Search for “{term}”" if term else "Search",
        "term": term,
        "groups": _nearest_first(find_views(term, user=user_of(request), shown=ON_A_PAGE), records),
        "records": bool(records),
        "places": find_places(request, term) if term else [],
    }
    return TemplateResponse(request, "search/page.html", context)


@site.page("search/palette/", "palette")
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """What the palette offers for a term: records, pages, and what to begin."""
    term = _term(request)
    places = find_places(request, term)
    context = {
        "term": term,
        "groups": _nearest_first(
            find_views(term, user=user_of(request), shown=IN_THE_PALETTE),
            find_everywhere(term, user=user_of(request), shown=IN_THE_PALETTE),
        ),
        "places": places,
    }
    return render(request, "search/found.html", context)
