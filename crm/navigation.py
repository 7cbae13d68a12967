"""The way around: the tabs of a role in their order (C16), each opening on its default filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from crm import handbook
from crm.core.tabs import TABS as TABS
from crm.site import site
from crm.workspace.lists_chosen import VIEW, tabs_of

# What is worked in all day, what is looked after, and what is set up; within each the order is the handbook's.
RECORDS, WORK, SETUP = "Records", "Work", "Setup"
GROUPS = {
    RECORDS: ("contacts", "opportunities", "accounts", "leads", "contracts", "activities", "enquiries"),
    WORK: (
        "response_times",
        "lead_review",
        "huddle",
        "pipeline",
        "forecast",
        "rep_activity",
        "suppressions",
        "held_rows",
        "imports",
        "jobs",
        "bulk_jobs",
        "exports",
        "duplicates",
        "erasures",
        "checkups",
        "rituals",
        "transactions",
    ),
    SETUP: (
        "teams",
        "users",
        "absences",
        "assignment",
        "api_keys",
        "sources",
        "webhooks",
        "webhook_hosts",
        "workspace",
        "handbook",
    ),
}


def tab_address(key: str, view: str) -> str:
    """Where a tab leads: its list, with what it opens on in the address, so that it is seen and can be cleared.

    That is a view; a list without views knows the handbook's words for a filter of its own (`named_filters`).
    """
    page, _ = TABS[key]
    wanted = {VIEW: view} if view else _named_filter(page, handbook.current().tab(key).default_filter or "")
    return reverse(f"admin:{page}") + (f"?{urlencode(wanted)}" if wanted else "")


def _named_filter(page: str, words: str) -> Mapping[str, str]:
    """The list's own filter that the handbook calls so; none where it has none of that name."""
    if not words:
        return {}
    admins = {f"{kind._meta.app_label}_{kind._meta.model_name}_changelist": one for kind, one in site._registry.items()}
    found: Mapping[str, str] = getattr(admins.get(page), "named_filters", {}).get(words, {})
    return found


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The role's tabs and no other, long rows of them in groups; the logo, not a tab, leads home."""
    book = handbook.current()
    labels = dict(book.choices("tabs"))
    groups: dict[str, list[dict[str, Any]]] = {title: [] for title in GROUPS}
    for one in tabs_of(request):
        key = str(one.get("tab", ""))
        # A tab that the handbook or this version no longer knows is no reason to have none.
        if key not in TABS or key not in labels:
            continue
        address = tab_address(key, str(one.get("view", "")))
        active = request.path.startswith(address.partition("?")[0])
        item = {"title": labels[key], "icon": TABS[key][1], "link": address, "active": active}
        groups[group_of(key)].append(item)
    shown = {title: items for title, items in groups.items() if items}
    # Few tabs need no headings, and stand as the handbook has them.
    plain = len(shown) == 1
    return [
        {"title": "" if plain else title, "separator": not plain and bool(number), "items": items}
        for number, (title, items) in enumerate(shown.items())
    ]


def group_of(key: str) -> str:
    """Under which heading a tab stands."""
    return next((title for title, keys in GROUPS.items() if key in keys), WORK)


def logo_light(request: HttpRequest) -> str:
    """The logo on a light ground."""
    return static("core/plumb.svg")


def logo_dark(request: HttpRequest) -> str:
    """The logo on a dark ground."""
    return static("core/plumb-dark.svg")


def favicon(request: HttpRequest) -> str:
    """The sign in the browser's tab."""
    return static("core/favicon.svg")


def styles(request: HttpRequest) -> str:
    """Our few own styles."""
    return static("core/plumb.css")


def script(request: HttpRequest) -> str:
    """Our few own lines of script."""
    return static("core/plumb.js")


def countdown(request: HttpRequest) -> str:
    """What lets the time that is left run, wherever it is shown."""
    return static("clocks/countdown.js")


def profile(request: HttpRequest) -> str:
    """The page of one's own name and time zone."""
    return reverse("admin:profile")


def change_password(request: HttpRequest) -> str:
    """The page of one's own password."""
    return reverse("admin:password_change")
