"""Where a ritual is worked: the page of a tab, or a list view, for who may go there."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from crm import handbook
from crm.core.permissions import may
from crm.core.tabs import TABS
from crm.handbook.document import Handbook
from crm.handbook.rituals import Ritual
from crm.handbook.schema import RECORD_TABS
from crm.people.models import User
from crm.site import site
from crm.workspace.lists_chosen import VIEW

TAB_OF = {kind: tab for tab, kind in RECORD_TABS.items()}


def address_of(ritual: Ritual, user: User) -> str:
    """The page that a ritual opens; empty for somebody who may not go there."""
    tab = ritual.opens.page or TAB_OF[str(ritual.opens.object)]
    page = TABS[tab][0]
    if not _may_open(tab, page, user):
        return ""
    wanted = f"?{urlencode({VIEW: ritual.opens.view})}" if not ritual.opens.page else ""
    return reverse(f"admin:{page}") + wanted


def opens_words(ritual: Ritual, book: Handbook) -> str:
    """What it opens, as people call it."""
    if ritual.opens.page:
        return book.label("tabs", ritual.opens.page)
    there = (one for one in book.views if (one.object, one.key) == (ritual.opens.object, ritual.opens.view))
    return next((one.title for one in there), str(ritual.opens.view))


def rituals_of_view(object: str, view: str) -> list[Ritual]:
    """The rituals that open a list view."""
    return [
        one for one in handbook.current().rituals if one.on and (one.opens.object, one.opens.view) == (object, view)
    ]


def _may_open(tab: str, page: str, user: User) -> bool:
    """By their tabs; a list also where they may see its records."""
    roles = {role.key: role.tabs for role in handbook.current().roles}
    if tab in roles.get(user.role, ()):
        return True
    lists = {f"{kind._meta.app_label}_{kind._meta.model_name}_changelist": kind for kind in site._registry}
    return page in lists and may(user, "view", lists[page])
