"""Who may answer for rituals, hold meetings and set quotas."""

from __future__ import annotations

from django.db import models

from crm import handbook
from crm.core.permissions import policy
from crm.people.models import User
from crm.reviews.models import Attendee, ForecastSnapshot, Item, Meeting, Occasion, Quota
from crm.reviews.rituals.dris import Dris


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


@policy(Meeting, Item, Attendee)
def meetings(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody follows them and reads the minutes; managers and those who are there begin them and hold the minutes.

    Records are changed by whoever may change them: holding the minutes gives no right to that.
    """
    if user.is_service or not user.rights:
        return False
    if verb == "view":
        return True
    if verb == "join":
        return record is None or not isinstance(record, Meeting) or record.state == Meeting.State.RUNNING
    if verb not in ("start", "hold", "call_off", "send"):
        return False
    if user.is_manager:
        return True
    return verb == "hold" and isinstance(record, Meeting) and record.attendees.filter(user=user).exists()


@policy(Quota)
def quotas(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; managers set them."""
    if user.is_service or not user.rights:
        return verb == "view" and bool(user.rights)
    return verb == "view" or (verb in ("add", "change", "delete", "export") and user.is_manager)


@policy(ForecastSnapshot)
def snapshots(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees what was forecast; nobody changes it."""
    return verb == "view" and bool(user.rights)
