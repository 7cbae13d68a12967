"""Who may answer for rituals."""

from __future__ import annotations

from django.db import models

from crm import handbook
from crm.core.permissions import policy
from crm.people.models import User
from crm.reviews.dris import Dris
from crm.reviews.models import Occasion


@policy(Occasion)
def occasions(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; whose ritual it is, who stands in, and managers answer, and take back what was a slip.

    An occasion that is not stored asks for its ritual at its moment.
    """
    if user.is_service or not user.rights:
        return False
    if verb == "view":
        return True
    if verb not in ("answer", "take_back"):
        return False
    if user.is_manager:
        return True
    if not isinstance(record, Occasion):
        return False
    if verb == "take_back" and record.by_id == user.pk:
        return True
    ritual = next((one for one in handbook.current().rituals if one.key == record.ritual), None)
    return ritual is not None and user in Dris(record.at).of(ritual)
