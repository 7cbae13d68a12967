"""Telling managers of outreach to people who were not to be contacted (D4): a sweep over what nobody was told yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format

from crm import handbook
from crm.activities.models import ABOUT, Activity
from crm.notifications.services import Notice, notify
from crm.people.models import Absence, User

KIND = "violation"
AT_ONCE = 500
# More than so many for one person are one notice with a link: a list of a thousand lines tells nobody anything.
ONE_BY_ONE = 20
SENTENCE = "The person was not to be contacted: {reason}, since {since}."


def tell_managers(*, at: datetime) -> int:
    """Tell, in one transaction, of those violations that nobody was told of yet; how many they were.

    Rows that another sweep has in hand are passed over. A sweep that dies told nobody, and the next one does.
    """
    with transaction.atomic():
        untold = list(
            Activity.objects.filter(violation_of__isnull=False, violation_told_at=None)
            .select_related("by__team__manager", "violation_of", *ABOUT)
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("id")[:AT_ONCE]
        )
        if not untold:
            return 0
        told = whom_to_tell({touch.by for touch in untold}, at=at)
        for_whom: dict[int, list[Activity]] = defaultdict(list)
        for touch in untold:
            for person in told[touch.by_id]:
                for_whom[person].append(touch)
        notify((one for person, touches in for_whom.items() for one in _notices(person, touches)), at=at)
        Activity.objects.filter(pk__in=[touch.pk for touch in untold]).update(violation_told_at=at)
        return len(untold)


def whom_to_tell(people: Iterable[User], *, at: datetime) -> dict[int, list[int]]:
    """For each of these, who answers for them: their team's manager, who stands in while that one is away, else every
    manager (of whom there is always one: administrators are, where the role has nobody)."""
    day = handbook.current().today(at)
    away = {one.user_id: one.stand_in for one in Absence.objects.on(day).select_related("stand_in")}
    everybody: list[int] | None = None
    found: dict[int, list[int]] = {}
    for person in people:
        manager = person.team.manager if person.team else None
        if manager is not None and manager.pk in away:
            manager = away[manager.pk]
        # Nobody is told of their own slip alone.
        if manager is None or not manager.is_active or manager.pk == person.pk:
            if everybody is None:
                everybody = _managers()
            found[person.pk] = [pk for pk in everybody if pk != person.pk] or everybody
        else:
            found[person.pk] = [manager.pk]
    return found


def _managers() -> list[int]:
    for rights in ("manager", "administrator"):
        roles = [role.key for role in handbook.current().roles_with(rights)]
        if people := list(
            User.objects.active_people().filter(role__in=roles).order_by("pk").values_list("pk", flat=True)
        ):
            return people
    return []


def _notices(person: int, touches: list[Activity]) -> list[Notice]:
    if len(touches) > ONE_BY_ONE:
        title = f"{len(touches)} touches with people who were not to be contacted"
        where = f"{reverse('admin:activities_activity_changelist')}?violation=yes"
        return [Notice(person, KIND, f"violations:{touches[0].pk}-{touches[-1].pk}", title, "", where)]
    return [
        Notice(
            person,
            KIND,
            f"violation:{touch.pk}",
            f"{touch.by} reached out to {touch.about}: {touch}",
            _why(touch),
            reverse("admin:activities_activity_change", args=[touch.pk]),
        )
        for touch in touches
    ]


def _why(touch: Activity) -> str:
    suppression = touch.violation_of
    if suppression is None:
        return ""
    since = suppression.since.astimezone(handbook.current().zone)
    return SENTENCE.format(reason=suppression.reason_label, since=date_format(since, "DATE_FORMAT"))
