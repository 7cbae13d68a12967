"""Sending the summary of a week: by the bell, email and chat, once for each manager and team, and once for the room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from crm.core.locks import hold_buckets
from crm.handbook.services import is_applied
from crm.notifications.models import Delivery, Muted, Notification
from crm.notifications.rules import room_address, rule_of, sends_email
from crm.notifications.services import Notice, Post, notify
from crm.people.models import Team
from crm.reviews.summary.figures import Summary, summary_of
from crm.reviews.summary.recipients import Recipient, recipients
from crm.reviews.summary.when import due_week

KIND = "review_summary"
SPACE = 0x53554D  # "SUM": whose lock it is that only one worker sends at a time


def send_due(*, at: datetime) -> int:
    """Send what is due and was not sent; to how many that was. Nothing while another handbook is in force."""
    if not is_applied():
        return 0
    week = due_week(at)
    return send(week, at=at) if week is not None else 0


@transaction.atomic
def send(week: date, *, at: datetime) -> int:
    """Send the summary of the week that begins on this Monday to whoever has not got it; to how many that was.

    Numbers are those of this moment. Who sends at the same time waits, and then finds nothing left to send.
    """
    if not (waiting := _without_it(week)) and not _room_waits(week):
        return 0
    hold_buckets(SPACE, [str(week)], shared=False)
    waiting = _without_it(week)
    summaries: dict[int | None, Summary] = {}
    for team in {one.team.pk if one.team else None: one.team for one in waiting}.values():
        summaries[team.pk if team else None] = summary_of(week, team, at=at)
    posts = []
    if _room_waits(week):
        whole = summaries.get(None) or summary_of(week, None, at=at)
        posts.append(Post(KIND, key_of(week, None), whole.title, whole.headline, whole.address, whole.lines))
    notices = [_notice(one, summaries[one.team.pk if one.team else None]) for one in waiting]
    notify(notices, at=at, posts=posts)
    return len(notices)


def key_of(week: date, team: Team | None) -> str:
    """The cause of a notice: a week, and a team or everything."""
    return f"{KIND}:{week}:{team.pk if team else 'all'}"


def _notice(one: Recipient, summary: Summary) -> Notice:
    key = key_of(summary.week, one.team)
    return Notice(one.user.pk, KIND, key, summary.title, summary.headline, summary.address, summary.lines)


def _without_it(week: date) -> Sequence[Recipient]:
    """Who has not got it by any way and wants it by one."""
    everybody = recipients()
    keys = {key_of(week, one.team) for one in everybody}
    told = {*Notification.objects.filter(key__in=keys).values_list("to_id", "key")}
    told |= {*Delivery.objects.filter(key__in=keys, medium=Delivery.Medium.EMAIL).values_list("to_id", "key")}
    muted = {*Muted.objects.filter(kind=KIND).values_list("user_id", "way")}
    rule = rule_of(KIND)
    ways = [Muted.Way.BELL, *([Muted.Way.EMAIL] if rule and rule.email and sends_email() else [])]
    return [
        one
        for one in everybody
        if (one.user.pk, key_of(week, one.team)) not in told and not all((one.user.pk, way) in muted for way in ways)
    ]


def _room_waits(week: date) -> bool:
    """Whether the room that the handbook names has an address and has not got it."""
    rule = rule_of(KIND)
    if rule is None or not rule.chat or not room_address(rule.chat):
        return False
    posted = Delivery.objects.filter(room=rule.chat, key=key_of(week, None), medium=Delivery.Medium.CHAT)
    return not posted.exists()
