"""“Rituals due” on the home page, for whoever answers for one that is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from crm import handbook
from crm.core.home import Part, home_part
from crm.people.models import User
from crm.people.presence import Presence
from crm.reviews.rituals.opening import address_of
from crm.reviews.rituals.rows import Row, row_of
from crm.reviews.rituals.standing import standings


@home_part(20)
def rituals_due(user: User, at: datetime) -> Sequence[Part]:
    """What this person, or whom they stand in for, has to hold now; no section where that is nothing."""
    book = handbook.current()
    keys = _perhaps(user, at)
    found: list[Row] = [
        row_of(one, user, address=address_of(one.ritual, user), may_answer=True)
        for one in (standings(book, at=at, keys=keys) if keys else ())
        if one.due and user in one.dris
    ]
    if not found:
        return []
    return [
        Part(
            "rituals",
            "Rituals due",
            found,
            str(len(found)),
            reverse("admin:rituals"),
            "",
            "reviews/home_row.html",
        )
    ]


def _perhaps(user: User, at: datetime) -> list[str]:
    """The rituals that may be theirs, at the price of one query: by their role or email, as a stand-in, and those that
    are nobody's, which are the administrators'."""
    book = handbook.current()
    rituals = [one for one in book.rituals if one.on]
    mine = [one.key for one in rituals if one.dri in (user.role, user.email) or one.dri.lower() == user.email.lower()]
    if user.is_administrator or Presence(book.today(at)).covered_by(user):
        return [one.key for one in rituals]
    return mine
