"""Pages for those who build on the API: the guide with programs to copy, what changed, and every problem explained.

The programs are the very files under `docs/`, with the address of this server in them; tests run them as shown.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, re_path
from django.views.generic import TemplateView

from crm import handbook
from crm.core.api.problem_types import problem_type, problem_types

DOCS = Path(settings.BASE_DIR) / "docs"
# Whose address the programs have as they lie there.
EXAMPLE = "https://crm.example.com"
PROGRAMS = ("follow.sh", "follower.py", "write.sh", "upsert_csv.py", "receive_webhook.py")
CODE = re.compile(r"`([^`]+)`")


def address(request: HttpRequest) -> str:
    """Where this server is, as whoever asks reaches it."""
    return f"{request.scheme}://{request.get_host()}"


def program(name: str, request: HttpRequest) -> str:
    """One of the programs, for this server."""
    return (DOCS / name).read_text(encoding="utf-8").replace(EXAMPLE, address(request))


def in_parts(text: str) -> list[tuple[bool, str]]:
    """A sentence in parts, of which those between backquotes are code."""
    return [(place % 2 == 1, part) for place, part in enumerate(CODE.split(text)) if part]


class Guide(LoginRequiredMixin, TemplateView):
    """How to begin, with programs to copy."""

    template_name = "api/guide.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The programs, and what the handbook says."""
        programs = {name.partition(".")[0]: (name, program(name, self.request)) for name in PROGRAMS}
        told = {"here": "guide", "address": address(self.request), "feed_days": handbook.current().sync.feed_days}
        return {**super().get_context_data(**kwargs), **told, "programs": programs}


class Program(LoginRequiredMixin, TemplateView):
    """One of the programs as a file."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The file."""
        if kwargs["name"] not in PROGRAMS:
            raise Http404
        answer = HttpResponse(program(kwargs["name"], request), content_type="text/plain; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{kwargs["name"]}"'
        return answer


class Changes(LoginRequiredMixin, TemplateView):
    """What changed in the API, the newest first, and what is promised to stay."""

    template_name = "api/changes.html"
    extra_context = {"here": "changes"}


class Problems(TemplateView):
    """Every code of an error. It says nothing of the company, and a program's author may have no login."""

    template_name = "api/problems.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The codes by group."""
        groups = [
            (name, [(one.code, in_parts(one.meaning)) for one in found])
            for name, found in groupby(problem_types().values(), key=lambda one: one.group)
        ]
        return {**super().get_context_data(**kwargs), "here": "problems", "groups": groups}


class ProblemPage(TemplateView):
    """What one code means: where the `type` of an error leads."""

    template_name = "api/problem.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The code, by itself or as one of its family."""
        found = problem_type(kwargs["code"])
        if found is None:
            raise Http404
        told = {"here": "problems", "found": found, "meaning": in_parts(found.meaning)}
        return {**super().get_context_data(**kwargs), **told}


addresses: list[URLPattern] = [
    re_path("^guide/?$", Guide.as_view(), name="api_guide"),
    re_path("^guide/changes/?$", Changes.as_view(), name="api_changes"),
    re_path(r"^guide/(?P<name>[a-z_]+\.(?:py|sh))$", Program.as_view(), name="api_program"),
    re_path("^problems/?$", Problems.as_view(), name="api_problems"),
    re_path("^problems/(?P<code>[a-z][a-z0-9_]*)/?$", ProblemPage.as_view(), name="api_problem"),
]
