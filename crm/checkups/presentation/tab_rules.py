"""The first bullet of the handbook page's list (K1): the tabs of a standard user, and that they lead to full pages."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import Resolver404, resolve
from django.utils.text import slugify

from crm.checkups.presentation.shown import OpenedTab, ShownTabs
from crm.checkups.rules import Look, Sight, checkup
from crm.handbook.schema import RECORD_TABS
from crm.workspace.lists_chosen import kind_named


@checkup(
    "tabs.standard",
    title="A standard user’s tabs are the handbook’s and no other, and lead to lists and full pages",
    row="C16",
    severity="error",
    scope="tabs",
    line="1",
    fix="restore_layout",
    why="Who has other tabs works by another process; a tab or a page that does not open stops work altogether.",
)
def tabs_standard(shown: ShownTabs, look: Look) -> Iterator[Sight]:
    """Which tabs a standard user has; for everybody, that each opens, and that the rows of its list lead to pages."""
    if shown.reader.rights == "standard":
        labels = dict(look.book.choices("tabs"))
        wanted = ", ".join(labels[key] for key in look.book.checkups.tabs)
        there = ", ".join(one.link.label for one in shown.tabs) or "no tabs"
        keys = [one.key for one in shown.tabs]
        for key in look.book.checkups.tabs:
            if key not in keys:
                yield _of_tabs(shown, f"missing:{key}", f"The tabs {wanted}", f"{labels[key]} is missing: {there}")
        for one in shown.tabs:
            if one.key not in look.book.checkups.tabs:
                detail = f"extra:{one.key or slugify(one.link.label)}"
                yield _of_tabs(shown, detail, f"The tabs {wanted}, and no other", f"{one.link.label} is there too")
    for one in shown.tabs:
        yield from _opened(shown, one)


def _opened(shown: ShownTabs, tab: OpenedTab) -> Iterator[Sight]:
    """A tab opens what it is called by; a list's rows lead to the full pages of their records."""
    name = tab.link.label
    kind = kind_named(RECORD_TABS[tab.key]) if tab.key in RECORD_TABS else None
    base = f"{kind._meta.app_label}_{kind._meta.model_name}" if kind else ""
    if tab.page is None:
        yield _of_tabs(shown, f"opens:{tab.key}", f"{name} opens", f"It does not open. {tab.problem}")
    elif kind and leads_to(tab.link.address) != f"{base}_changelist":
        yield _of_tabs(shown, f"opens:{tab.key}", f"{name} opens the list of {name.lower()}", "It opens another page")
    elif kind:
        wrong = [row for row in tab.page.rows if f"{base}_change" not in map(leads_to, row)]
        if wrong:
            found = f"{len(wrong)} of {len(tab.page.rows)} rows lead nowhere"
            yield _of_tabs(shown, f"rows:{tab.key}", "Each row of the list leads to the page of its record", found)


def leads_to(address: str) -> str:
    """The name of the page at an address of this server; empty where there is none."""
    try:
        return str(resolve(address.partition("?")[0]).url_name or "")
    except Resolver404:
        return ""


def _of_tabs(shown: ShownTabs, detail: str, expected: str, found: str) -> Sight:
    return Sight(subject=shown.subject, label=shown.label, detail=detail, expected=expected, found=found)
