"""What nothing else knows of reviews: rituals that were held, meetings and their minutes, quotas and forecasts made."""

from crm.reviews.models.forecasts import ForecastSnapshot, Quota
from crm.reviews.models.meetings import Attendee, Item, ItemQuerySet, Meeting, MeetingQuerySet
from crm.reviews.models.occasions import Occasion, OccasionQuerySet

__all__ = [
    "Attendee",
    "ForecastSnapshot",
    "Item",
    "ItemQuerySet",
    "Meeting",
    "MeetingQuerySet",
    "Occasion",
    "OccasionQuerySet",
    "Quota",
]
