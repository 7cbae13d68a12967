"""Who may change what everybody sees, and their own views."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.workspace.models import ListView, PageLayout, Pin, RoleTabs, Seeded


@policy(RoleTabs, PageLayout)
def setup(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; administrators change them."""
    if verb == "view":
        return bool(user.rights)
    return verb in ("add", "change", "delete") and user.rights == "administrator"


@policy(Seeded)
def seeded(user: User, verb: str, record: models.Model | None) -> bool:
    """Kept by the program: what of the handbook was put here already."""
    return verb == "view" and user.rights == "administrator"


@policy(ListView)
def views(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody makes views of their own and sees what is shared; an administrator changes what is everybody's."""
    if not user.rights or verb not in ("view", "add", "change", "delete"):
        return False
    if not isinstance(record, ListView) or record.user_id == user.pk:
        return True
    if verb == "view":
        return record.user_id is None or record.shared
    return user.rights == "administrator" and (record.user_id is None or record.shared)


@policy(Pin)
def pins(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody keeps views at hand, each their own."""
    if not user.rights or verb not in ("view", "add", "delete"):
        return False
    return not isinstance(record, Pin) or record.user_id == user.pk
