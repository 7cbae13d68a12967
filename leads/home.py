"""What somebody has to do today with leads and opportunities: sections of the home page, each a few rows, a count and
the whole list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from contracts.models import Opportunity
from crm import handbook
from crm.activities.gate import bars_of, first_bar
from crm.activities.models import ABOUT, NextTouch, Task
from crm.core.home import Part, home_part, notes_of
from crm.core.paging import capped_count, count_words
from crm.people.models import User
from leads.guards import BANT
from leads.models import Conversion, Lead
from leads.queues import queues_of
from leads.statuses import CLOSED, OPEN, Status

SHOWN = 6
LOOKED_AT = 24
# Sections whose rows are people to get in touch with.
OFFERS = ("touch", "come_back", "mine", "queue", "unowned")


@home_part(50)
def _on_home(user: User, at: datetime) -> Sequence[Part]:
    return home_parts(user, at=at)


def home_parts(user: User, *, at: datetime) -> list[Part]:
    """Everything that waits for this person, the most urgent first; a fixed number of queries."""
    book = handbook.current()
    local = at.astimezone(book.zone)
    today = local.date()
    midnight = datetime.combine(today + timedelta(days=1), time(), tzinfo=book.zone)
    mine = Lead.objects.filter(owner=user)
    touches = NextTouch.objects.due(today=today).filter(lead__owner=user).exclude(lead__status__in=CLOSED)
    handed = Conversion.objects.filter(opportunity__owner=user, state=Conversion.State.HANDED_OVER)
    late = Opportunity.objects.open().filter(owner=user, next_step_due__lt=today)
    parts = [
        _part(
            "accept",
            "Handed over to you",
            handed.select_related("lead", "opportunity__account", "by").order_by("at"),
            "",
            "Nothing waits for your answer.",
        ),
        _part(
            "passed",
            "Meetings without an outcome",
            mine.meetings_without_outcome(at=at).order_by("meeting_at"),
            _leads(owner="me", status=Status.MEETING_SCHEDULED),
            "Every meeting that has passed has its outcome.",
        ),
        _part(
            "meeting",
            "Meetings today",
            mine.meetings_between(at, midnight).order_by("meeting_at"),
            _leads(owner="me", status=Status.MEETING_SCHEDULED),
            "No more meetings today. Schedule one from a lead's page.",
        ),
        _part(
            "touch",
            "Next touches due",
            touches.select_related("lead"),
            _leads(owner="me", next="due"),
            "Nothing due. Claim a lead below, or plan the next touch on one of yours.",
        ),
        _part(
            "task",
            "Your tasks",
            Task.objects.open().filter(owner=user).select_related(*ABOUT),
            _tasks(owner="me", state="open"),
            "Nothing to do. Add a task on any record's page.",
        ),
        _part(
            "late",
            "Next steps overdue",
            late.select_related("account").order_by("next_step_due", "pk"),
            _opportunities(owner="me"),
            "Every open opportunity of yours has its next step ahead.",
        ),
        _part(
            "come_back",
            "Come back to",
            Lead.objects.filter(Q(owner=user) | Q(owner=None, queue=user.team_id or 0))
            .come_backs(today=today)
            .order_by("come_back_on", "pk"),
            _leads(owner="me", status=Status.CLOSED_NURTURE),
            "Nobody you put aside is due.",
        ),
        _part(
            "mine",
            "Your open leads",
            mine.open().order_by("-status_since", "-pk"),
            _leads(owner="me", status=OPEN),
            "You have no open leads. Claim one from those nobody owns.",
        ),
        *_queues(user),
        _part(
            "unowned",
            "Leads to claim",
            Lead.objects.waiting(None).order_by("-pk"),
            _leads(owner="none", queue="none", status=OPEN),
            "Every open lead has an owner or a queue. Enter a new one, or ask a manager for an import.",
        ),
    ]
    parts = _contactable(parts)
    _tell_notes(parts, at=at)
    # What only people with opportunities need is not shown empty to the others.
    own_opportunities = user.role == "ae" or any(part.rows for part in parts if part.kind in ("accept", "late"))
    return [part for part in parts if part.rows or part.kind not in ("accept", "late") or own_opportunities]


def held_verb(lead: Lead) -> str:
    """The move that a held meeting leads to: converting once all of BANT is confirmed, else working towards it."""
    return "convert" if all(getattr(lead, part) == "confirmed" for part in BANT) else "work_to_convert"


def _queues(user: User) -> list[Part]:
    """The leads that wait for one's team, the oldest first; for managers, each of their teams' queues."""
    parts = []
    if user.team_id is not None:
        waiting = Lead.objects.waiting(user.team_id).order_by("pk")
        full = _leads(owner="none", queue="mine", status=OPEN)
        parts.append(_part("queue", "Your team's queue", waiting, full, "Nobody waits in your team's queue."))
    queues = queues_of(user)
    if queues:
        empty = "No leads wait in the queues of your teams."
        rows = [one for one in queues if one.count]
        count = f"{sum(one.count for one in rows):,}"
        parts.append(Part("queues", "Queues of your teams", rows, count, "", empty, _template("queues")))
    return parts


def _part(kind: str, title: str, rows: QuerySet[Any], full_list: str, empty: str) -> Part:
    count = count_words(capped_count(rows))
    return Part(kind, title, list(rows[:LOOKED_AT]), count, full_list, empty, _template(kind))


def _template(kind: str) -> str:
    """What shows one row."""
    return f"leads/home/{kind}.html"


def _tell_notes(parts: Sequence[Part], *, at: datetime) -> None:
    """Beside who is to be come back to, what has happened meanwhile: they may have written to us."""
    rows = [row for part in parts if part.kind == "come_back" for row in part.rows]
    notes = notes_of("lead", [row.pk for row in rows], at=at) if rows else {}
    for row in rows:
        row.home_note = notes.get(row.pk, "")


def _contactable(parts: Sequence[Part]) -> list[Part]:
    """The first rows of each section, in those that offer people to be contacted without whom nobody may contact."""
    offered = {_lead_id(row) for part in parts if part.kind in OFFERS for row in part.rows}
    barred = {pk for pk, bars in bars_of("lead", offered).items() if first_bar(bars)}
    found = []
    for part in parts:
        if part.kind not in OFFERS:
            found.append(replace(part, rows=part.rows[:SHOWN]))
            continue
        rows = [row for row in part.rows if _lead_id(row) not in barred]
        # Of a long list the count stays as it is: it is the list's, which marks them.
        whole = len(part.rows) < LOOKED_AT
        found.append(replace(part, rows=rows[:SHOWN], count=count_words(len(rows)) if whole else part.count))
    return found


def _lead_id(row: Any) -> int:
    return int(row.lead_id if isinstance(row, NextTouch) else row.pk)


def _leads(**filters: Any) -> str:
    return _list("admin:leads_lead_changelist", filters)


def _tasks(**filters: Any) -> str:
    return _list("admin:activities_task_changelist", filters)


def _opportunities(**filters: Any) -> str:
    return _list("admin:contracts_opportunity_changelist", filters)


def _list(name: str, filters: dict[str, Any]) -> str:
    values = {
        key: [str(one) for one in value] if isinstance(value, tuple) else str(value) for key, value in filters.items()
    }
    return f"{reverse(name)}?{urlencode(values, doseq=True)}"
