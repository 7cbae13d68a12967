"""What checkups look at among leads, their meetings, and what is whose (K4); for placed leads: `checkups_placed`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.models import MEETING, MEETING_KIND, Activity, NextTouch, Task
from crm.checkups.data import gone_owner_rows, linkedin_rows, phone_rows, span
from crm.checkups.rules import Look, Rows, checkup
from crm.core.linkedin import PERSON
from leads.checkups_placed import is_placed, placed_here
from leads.models import Lead
from leads.statuses import OPEN, Status


@checkup(
    "data.lead_without_owner",
    title="Leads have an owner",
    row="K4",
    severity="warning",
    why="A lead that nobody owns is a lead that nobody answers.",
)
def lead_without_owner(look: Look) -> Iterator[Rows]:
    """Somebody answers for every open lead, a while after it came.

    Of one that was placed in Working to engage the missing owner is what its guard would have asked, and told there.
    """
    hours = look.book.checkups.no_owner_hours
    since = look.at - timedelta(hours=hours)
    asked = Q(placed_here(), status=Status.WORKING_TO_ENGAGE)
    yield Rows(
        among=Lead.objects.filter(status__in=OPEN, created_at__lt=since),
        wrong=Q(owner=None) & ~asked,
        expected=f"An owner within {span(hours, 'hour')}",
        found=lambda lead: "Nobody owns it; it waits in a queue" if lead.queue_id else "Nobody owns it",
        evidence=_status,
        applies=lambda lead: lead.status in OPEN and lead.created_at < since,
        means=lambda lead: lead.owner_id is None and not (lead.status == Status.WORKING_TO_ENGAGE and is_placed(lead)),
    )


@checkup(
    "data.lead_without_next_touch",
    title="Open leads have a next touch",
    row="K4",
    severity="warning",
    why="What nobody has planned does not happen: the lead waits until it has forgotten us.",
)
def lead_without_next_touch(look: Look) -> Iterator[Rows]:
    """So many days after it came to its owner's list, its status, or the last touch; a task or a meeting will do."""
    days = look.book.checkups.no_next_touch_days
    since = look.at - timedelta(days=days)
    of_lead: dict[str, Any] = {"lead": OuterRef("pk")}
    planned = Q(Exists(NextTouch.objects.filter(**of_lead))) | Q(
        Exists(Task.objects.filter(done_at=None, **of_lead)),
    )
    lately = Q(Exists(Activity.objects.filter(happened_at__gte=since, **of_lead)))
    meets = Q(status=Status.MEETING_SCHEDULED, meeting_at__gte=look.at, meeting_at__isnull=False)

    def means(lead: Any) -> bool:
        if lead.status_since >= since or lead.created_at >= since:
            return False
        if hasattr(lead, "next_touch") or any(task.done_at is None for task in lead.tasks.all()):
            return False
        if lead.status == Status.MEETING_SCHEDULED and lead.meeting_at is not None and lead.meeting_at >= look.at:
            return False
        return not any(touch.happened_at >= since for touch in lead.touches.all())

    yield Rows(
        among=Lead.objects.filter(status__in=OPEN, owner__isnull=False),
        wrong=Q(status_since__lt=since, created_at__lt=since) & ~meets & ~planned & ~lately,
        expected=f"A next touch, {span(days, 'day')} after the last one at the latest",
        found="Nothing is planned",
        evidence=_status,
        applies=lambda lead: lead.status in OPEN and lead.owner_id is not None,
        means=means,
    )


@checkup(
    "data.lead_in_status",
    title="Leads move on within their status's limit",
    row="K4",
    severity="warning",
    why="The handbook says how many days each status takes at most: longer is odd, and worth a word in the review.",
)
def too_long_in_status(look: Look) -> Iterator[Rows]:
    """No longer in a status, since the move that led to it, than the handbook's `checkups.statuses`."""
    most = {one.status: one.days for one in look.book.checkups.statuses}
    wrong = Q(pk__in=[])
    for status, days in most.items():
        wrong |= Q(status=status, status_since__lte=look.at - timedelta(days=days + 1))
    yield Rows(
        among=Lead.objects.filter(status__in=list(most)),
        wrong=wrong,
        expected=lambda lead: f"In {lead.get_status_display()} for at most {span(most[lead.status], 'day')}",
        found=lambda lead: f"In {lead.get_status_display()} for {span((look.at - lead.status_since).days, 'day')}",
        applies=lambda lead: lead.status in most,
        means=lambda lead: (look.at - lead.status_since).days > most[lead.status],
    )


@checkup(
    "data.lead_come_back",
    title="Leads that were put aside are come back to",
    row="L10",
    severity="warning",
    why="Closed nurture means later, not never: without a day, or long after it, nobody remembers them.",
)
def come_back(look: Look) -> Iterator[Rows]:
    """Every lead of Closed nurture has a come-back date, which has not passed long ago."""
    days = look.book.checkups.come_back_days
    last = look.today - timedelta(days=days)
    aside = Lead.objects.filter(status=Status.CLOSED_NURTURE)

    def applies(lead: Any) -> bool:
        return bool(lead.status == Status.CLOSED_NURTURE)

    yield Rows(
        among=aside,
        wrong=Q(come_back_on=None),
        expected="A come-back date",
        found="No come-back date",
        detail="missing",
        applies=applies,
        means=lambda lead: lead.come_back_on is None,
    )
    yield Rows(
        among=aside,
        wrong=Q(come_back_on__lt=last),
        expected=f"Come back to within {span(days, 'day')} of its come-back date",
        found=lambda lead: f"To be come back to on {lead.come_back_on}",
        detail="passed",
        applies=applies,
        means=lambda lead: lead.come_back_on is not None and lead.come_back_on < last,
    )


@checkup(
    "data.meeting_without_outcome",
    title="Meetings that have passed have an outcome",
    row="L8",
    severity="warning",
    why="Held, moved or no-show: each leads elsewhere, and the next person to look does not know.",
)
def meeting_without_outcome(look: Look) -> Iterator[Rows]:
    """Of leads in Meeting scheduled, and of meetings that are logged."""
    days = look.book.checkups.meeting_outcome_days
    since = look.at - timedelta(days=days)
    expected = f"What came of it, within {span(days, 'day')}"
    yield Rows(
        among=Lead.objects.filter(status=Status.MEETING_SCHEDULED, meeting_at__isnull=False),
        wrong=Q(meeting_outcome="", meeting_at__lt=since),
        expected=expected,
        found=lambda lead: f"Nobody said what came of the meeting on {look.book.today(lead.meeting_at)}",
        applies=lambda lead: lead.status == Status.MEETING_SCHEDULED and lead.meeting_at is not None,
        means=lambda lead: not lead.meeting_outcome and lead.meeting_at < since,
    )
    yield Rows(
        among=Activity.objects.filter(MEETING),
        wrong=Q(outcome="", happened_at__lt=since),
        expected=expected,
        found=lambda touch: f"Nobody said what came of the meeting on {look.book.today(touch.happened_at)}",
        applies=lambda touch: touch.kind == MEETING_KIND,
        means=lambda touch: not touch.outcome and touch.happened_at < since,
    )


@checkup(
    "data.owner_gone",
    title="Nothing belongs to somebody who does not work here any more",
    row="K4",
    severity="error",
    why="Whoever is deactivated hands over; what came in later by an import or an old rule waits for nobody.",
)
def owner_gone(look: Look) -> Iterator[Rows]:
    """Leads, accounts, contacts and opportunities, open or closed, and tasks that are not done."""
    for records in (Lead.objects.all(), Account.objects.all(), Contact.objects.all(), Opportunity.objects.all()):
        yield gone_owner_rows(records)
    yield gone_owner_rows(Task.objects.filter(done_at=None), lambda task: task.done_at is None)


@checkup(
    "data.lead_linkedin",
    title="A lead's LinkedIn URL leads to a person's profile",
    row="K4",
    severity="warning",
    why="It is what a person is known by when an email changes; a company's page is the same for all who work there.",
)
def lead_linkedin(look: Look) -> Iterator[Rows]:
    """A person's profile (L1)."""
    yield linkedin_rows(Lead.objects.all(), "linkedin_url", PERSON)


@checkup(
    "data.lead_phone",
    title="A lead's phone numbers can be called",
    row="K4",
    severity="note",
    why="What cannot be read as a number is neither dialled nor recognised when they call.",
)
def lead_phone(look: Look) -> Iterator[Rows]:
    """Phone and mobile."""
    yield phone_rows(Lead.objects.all(), "phone")
    yield phone_rows(Lead.objects.all(), "mobile")


def _status(lead: Any) -> list[tuple[str, str]]:
    return [("Lead status", lead.get_status_display())]
