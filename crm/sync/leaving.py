"""Keys that act as somebody who leaves stop for good: who comes back gets new ones."""

from __future__ import annotations

from crm.people.leaving import Ending, Leaving, ends, named
from crm.people.models import User
from crm.sync.models import ApiKey


def said(user: User) -> str:
    """Which stop: the first few by name, so that who deactivates knows what else will."""
    names = list(ApiKey.objects.of(user).filter(revoked_at=None).order_by("name").values_list("name", flat=True))
    if not names:
        return ""
    return f"{len(names)} API key{'s' if len(names) > 1 else ''} ({named(names)}): revoked, what uses them is refused"


def revoke_keys(leaving: Leaving) -> None:
    """Revoke what acts as them."""
    ApiKey.objects.filter(user=leaving.user, revoked_at=None).update(revoked_at=leaving.at)


ends(Ending(said, revoke_keys))
