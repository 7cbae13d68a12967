"""Who may read the applied handbooks. Nobody writes them: `manage.py handbook --apply` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from crm.core.permissions import policy
from crm.handbook.models import HandbookVersion

if TYPE_CHECKING:
    from crm.people.models import User


@policy(HandbookVersion)
def handbook_versions(user: User, verb: str, record: models.Model | None) -> bool:
    """How the company sells is no secret to those who sell."""
    return verb == "view" and bool(user.rights)
