"""Where one can go without a record: the tabs of one's role, and what one may begin there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Account, Contact
from contracts.models import Contract, Opportunity
from crm.core.asking import user_of
from crm.core.permissions import may
from crm.core.text import tidy
from crm.imports.models import ImportTemplate
from crm.site import site
from leads.models import Lead

ADDED = (Lead, Contact, Account, Opportunity, Contract)


@dataclass(frozen=True, slots=True)
class Place:
    """A page or something to begin: what people call it, its sign, where it is."""

    title: str
    icon: str
    address: str


def places_of(request: HttpRequest) -> list[Place]:
    """Every place this person may go to: what to begin first, then their tabs, then their own pages."""
    user = user_of(request)
    found = []
    for kind in ADDED:
        if may(user, "add", kind):
            meta = kind._meta
            address = reverse(f"admin:{meta.app_label}_{meta.model_name}_add")
            found.append(Place(f"Add {meta.verbose_name}", "add", address))
    if may(user, "add", ImportTemplate):
        found.append(Place("Import", "upload_file", reverse("admin:imports_importrun_csv")))
    navigation: Any = site
    groups = navigation.get_sidebar_list(request)
    found += [
        Place(str(item["title"]), str(item.get("icon") or "tab"), str(item["link"]))
        for group in groups
        for item in group["items"]
    ]
    found += [
        Place("Home", "home", reverse("admin:index")),
        Place("Notifications", "notifications", reverse("admin:notifications")),
        Place("Your profile", "account_circle", reverse("admin:profile")),
        Place("Change password", "password", reverse("admin:password_change")),
    ]
    # A tab may be one of these.
    return list({place.title: place for place in reversed(found)}.values())[::-1]


def find_places(request: HttpRequest, term: str) -> list[Place]:
    """Those whose name has every word of the term at the beginning of one of its own; without a term, all."""
    wanted = tidy(term).lower().split()
    return [
        place
        for place in places_of(request)
        if all(any(word.startswith(piece) for word in place.title.lower().split()) for piece in wanted)
    ]
