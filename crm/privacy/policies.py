"""Who erases, and who reads what left."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.privacy.models import Erasure, Export


@policy(Erasure)
def erasures(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators erase; managers read who erased how much, and why."""
    if verb == "view":
        return user.is_manager
    return verb == "add" and user.is_administrator


@policy(Export)
def exports(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers read what left in files; who exported something sees the job itself."""
    return verb == "view" and user.is_manager
