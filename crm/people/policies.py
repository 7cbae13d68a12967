"""Who may do what to people and teams."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import Absence, Team, Turn, User


@policy(User, Team)
def people(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees colleagues; administrators add and change them; nobody is ever deleted."""
    if verb == "view":
        return True
    return verb in ("add", "change") and user.is_administrator


@policy(Absence)
def absences(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees who is away and enters their own days; managers everybody's."""
    if verb not in ("view", "add", "change", "delete") or not user.rights:
        return False
    return verb == "view" or record is None or user.is_manager or getattr(record, "user_id", None) == user.pk


@policy(Turn)
def turns(user: User, verb: str, record: models.Model | None) -> bool:
    """Kept by the assignment of leads; nobody edits them, managers see who is next."""
    return verb == "view" and user.is_manager


def works_on(user: User, owner: User | None) -> bool:
    """Whether a record of this owner is theirs to work: their own, their team's, or nobody's; managers: any."""
    if user.is_manager or user.rights == "service":
        return True
    if user.rights != "standard":
        return False
    return owner is None or owner.pk == user.pk or (owner.team_id is not None and owner.team_id == user.team_id)


def record_rights(user: User, verb: str, record: models.Model | None) -> bool:
    """The rights every business record shares.

    Everybody with a role sees all records and makes new ones; `change` and `merge` need `works_on`; managers delete and
    export; administrators and service accounts `place` (store what another system says happened).
    """
    if verb in ("view", "add"):
        return bool(user.rights)
    if verb in ("change", "merge"):
        return bool(user.rights) and (record is None or works_on(user, getattr(record, "owner", None)))
    if verb in ("delete", "export"):
        return user.is_manager
    if verb == "place":
        return user.rights in ("administrator", "service")
    return False
