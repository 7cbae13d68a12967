"""What the handbook asks for and was never here is put here when it is applied; what was taken away stays away."""

from __future__ import annotations

from datetime import datetime

from crm.handbook.document import Handbook
from crm.handbook.services import register_seed
from crm.workspace.models import ListView, PageLayout, RoleTabs, Seeded
from crm.workspace.naming import make_room
from crm.workspace.wanted import layouts, tabs, views


@register_seed
def seed_workspace(handbook: Handbook, *, at: datetime) -> None:
    """Add the tabs, list views and layouts that were never here."""
    known = set(Seeded.objects.values_list("kind", "item"))
    new = []
    for role, wanted in tabs(handbook).items():
        if ("tabs", role) not in known:
            RoleTabs.objects.get_or_create(role=role, defaults={"tabs": wanted})
            new.append(Seeded(kind="tabs", item=role))
    for (kind, key), view in views(handbook).items():
        if ("view", f"{kind}.{key}") not in known:
            make_room(kind, key, view["title"])
            ListView.objects.get_or_create(object=kind, key=key, defaults=view)
            new.append(Seeded(kind="view", item=f"{kind}.{key}"))
    for kind, body in layouts(handbook).items():
        if ("layout", kind) not in known:
            PageLayout.objects.get_or_create(object=kind, defaults={"body": body})
            new.append(Seeded(kind="layout", item=kind))
    Seeded.objects.bulk_create(new)
