"""“Respond now” on the home page: who waits for an answer, by the time that is left; for managers, of their teams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timesince import timesince

from crm.core.home import Part, home_part, notes_on
from crm.core.paging import capped_count, count_words
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.enquiries.subjects import title_of
from crm.enquiries.waiting import OVERDUE, UNANSWERED, stand, waiting_for, waiting_under, with_verdict
from crm.people.models import User

SHOWN = 10
KEYS = "J and K go down and up, O opens, R logs the response."


@home_part(10)
def respond_now(user: User, at: datetime) -> Sequence[Part]:
    """One's own and what the team has yet to take, then what a manager has to look after."""
    own = waiting_for(user, at=at)
    parts = [
        _part(
            "respond",
            "Respond now",
            own,
            user,
            at,
            full_list=_list(state=UNANSWERED, owner="me"),
            empty="Nobody waits for your answer.",
            hint=KEYS,
        )
    ]
    under = waiting_under(user, at=at)
    if under is not None:
        under = under.exclude(pk__in=[row.pk for row in parts[0].rows])
        parts.append(
            _part(
                "respond_teams",
                "Overdue or nobody's in your teams",
                under,
                user,
                at,
                full_list=_list(state=OVERDUE),
                empty="In your teams nothing is overdue, and everything is somebody's.",
            )
        )
    return parts


@notes_on("lead")
def wrote_again(ids: Sequence[int], at: datetime) -> Mapping[int, str]:
    """Who was put aside and has written to us since."""
    rows = Enquiry.objects.unanswered().filter(lead__in=ids).order_by("received_at")
    return {
        row.lead_id: f"Wrote to us {timesince(row.received_at, at, depth=1)} ago: {row.channel_label}."
        for row in rows
        if row.lead_id is not None
    }


def _part(
    kind: str,
    title: str,
    rows: QuerySet[Enquiry],
    user: User,
    at: datetime,
    *,
    full_list: str,
    empty: str,
    hint: str = "",
) -> Part:
    found: list[Any] = list(with_verdict(rows)[:SHOWN])
    stand(found, at=at)
    for row in found:
        row.title = title_of(row)
        row.may_answer = may(user, "answer", row)
        row.may_claim = row.responsible is None and may(user, "claim", row)
    count = count_words(capped_count(rows)) if len(found) == SHOWN else str(len(found))
    return Part(kind, title, found, count, full_list, empty, "enquiries/home_row.html", wide=True, hint=hint)


def _list(**filters: str) -> str:
    return f"{reverse('admin:enquiries_enquiry_changelist')}?{urlencode(filters)}"
