"""The way around: the tabs of a role in the handbook's order (C16), each opening on its default filter."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from crm import handbook
from crm.handbook.document import Handbook

# Tab: the page it opens, and its sign.
TABS = {
    "contacts": ("accounts_contact_changelist", "person"),
    "opportunities": ("contracts_opportunity_changelist", "monetization_on"),
    "accounts": ("accounts_account_changelist", "apartment"),
    "leads": ("leads_lead_changelist", "person_search"),
    "contracts": ("contracts_contract_changelist", "contract"),
    "activities": ("activities_activity_changelist", "forum"),
    "suppressions": ("activities_suppression_changelist", "do_not_disturb_on"),
    "held_rows": ("imports_heldrow_changelist", "front_hand"),
    "imports": ("imports_importrun_changelist", "upload_file"),
    "jobs": ("jobs", "checklist"),
    "users": ("people_user_changelist", "badge"),
    "teams": ("people_team_changelist", "groups"),
    "absences": ("people_absence_changelist", "beach_access"),
    "assignment": ("assignment", "alt_route"),
    "api_keys": ("sync_apikey_changelist", "key"),
    "exports": ("privacy_export_changelist", "file_save"),
    "erasures": ("privacy_erasure_changelist", "person_cancel"),
    "transactions": ("history_transaction_changelist", "history"),
    "handbook": ("handbook_handbookversion_changelist", "menu_book"),
}
# Default filters that are more than a name for "all": tab and the handbook's words, to the list's own filter.
FILTERS: dict[tuple[str, str], dict[str, str]] = {
    ("accounts", "Customers"): {"type": "customer"},
    ("suppressions", "In force"): {"state": "in_force"},
    ("held_rows", "Waiting"): {"state": "held"},
}


def tab_address(book: Handbook, key: str) -> str:
    """Where a tab leads: its list, with its default filter in the address, so that it is seen and can be cleared."""
    page, _ = TABS[key]
    wanted = FILTERS.get((key, book.tab(key).default_filter or ""))
    return reverse(f"admin:{page}") + (f"?{urlencode(wanted)}" if wanted else "")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The role's tabs and no other; the logo, not a tab, leads home."""
    book = handbook.current()
    role = next((one for one in book.roles if one.key == getattr(request.user, "role", "")), None)
    if role is None:
        return []
    items = []
    for key in role.tabs:
        if key not in TABS:
            continue
        address = tab_address(book, key)
        active = request.path.startswith(address.partition("?")[0])
        items.append({"title": book.tab(key).label, "icon": TABS[key][1], "link": address, "active": active})
    return [{"title": "", "separator": False, "items": items}]


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


def profile(request: HttpRequest) -> str:
    """The page of one's own name and time zone."""
    return reverse("admin:profile")


def change_password(request: HttpRequest) -> str:
    """The page of one's own password."""
    return reverse("admin:password_change")
