"""Keys that act as somebody who leaves stop for good: who comes back gets new ones."""

from __future__ import annotations

from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User
from crm.sync.models import ApiKey


def said(user: User) -> str:
    """How many stop."""
    count = ApiKey.objects.filter(user=user, revoked_at=None).count()
    return f"{count} API key{'s' if count > 1 else ''}: revoked, programs that use them are refused" if count else ""


def revoke_keys(leaving: Leaving) -> None:
    """Revoke what acts as them."""
    ApiKey.objects.filter(user=leaving.user, revoked_at=None).update(revoked_at=leaving.at)


ends(Ending(said, revoke_keys))
