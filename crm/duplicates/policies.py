"""Who sees pairs and what was merged, and who says that two are not the same."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.duplicates.models import Pair, Tombstone
from crm.people.models import User


@policy(Pair)
def pairs(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them and may dismiss one; finding and merging are not edits."""
    return verb in ("view", "dismiss") and bool(user.rights)


@policy(Tombstone)
def tombstones(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody may learn where a record went; nobody edits it."""
    return verb == "view" and bool(user.rights)
