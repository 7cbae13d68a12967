"""What the handbook says the workspace should be, in the form in which it is stored."""

from __future__ import annotations

from typing import Any

from crm.handbook.document import Handbook
from crm.handbook.schema import RECORD_TABS


def tabs(handbook: Handbook) -> dict[str, list[dict[str, str]]]:
    """The tabs of each role, and the key of the view that each opens on."""
    titles = {(view.object, view.title): view.key for view in handbook.views}
    opens = {tab.key: titles.get((RECORD_TABS.get(tab.key), tab.default_filter), "") for tab in handbook.tabs}  # type: ignore[arg-type]
    return {role.key: [{"tab": key, "view": opens.get(key, "")} for key in role.tabs] for role in handbook.roles}


def views(handbook: Handbook) -> dict[tuple[str, str], dict[str, Any]]:
    """What each list view of everybody is made of, by kind of record and key."""
    return {
        (view.object, view.key): {
            "title": view.title,
            "columns": list(view.columns),
            "filters": [{**one.model_dump(), "values": list(one.values)} for one in view.filters],
            "sort": view.sort or "",
        }
        for view in handbook.views
    }


def layouts(handbook: Handbook) -> dict[str, dict[str, Any]]:
    """The body of each layout, by kind of record."""
    return {one.object: one.model_dump(mode="json", exclude={"object"}) for one in handbook.layouts}
