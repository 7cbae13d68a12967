"""Answering: the response is logged and the next touch planned, in one go."""

from __future__ import annotations

from datetime import date, datetime

from crm.activities import touching
from crm.activities.gate import hold_for
from crm.activities.models import Activity
from crm.activities.rules import wrong_with_touch
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.enquiries.locking import locked_for
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import settle
from crm.people.models import User
from leads.models import Lead
from leads.working import plan_touch


@retry_deadlocks
def answer_enquiry(
    enquiry: Enquiry,
    *,
    kind: str,
    outcome: str,
    happened_at: datetime,
    text: str,
    next_touch_on: date | None = None,
    next_touch_kind: str = "",
    next_touch_text: str = "",
    actor: User,
    at: datetime,
    via: str,
) -> Activity:
    """Write down the response, and plan the next touch of the lead when a day is given; all or nothing.

    Raises:
        Refused: `forbidden`, `not_found`, `do_not_contact` for the next touch, `missing_facts` for what will not do.
    """
    with acting(actor=actor, via=via, at=at):
        _hold(enquiry)
        locked = locked_for(enquiry, "answer", actor)
        wrong = list(wrong_with_touch(kind=kind, outcome=outcome, happened_at=happened_at, at=at))
        if next_touch_on is not None and locked.lead is None:
            wrong.append(Missing("no_lead", "A next touch is planned with a lead.", "next_touch_on"))
        if wrong:
            raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
        about = {name: one for name in ("lead", "contact", "account", "opportunity") if (one := getattr(locked, name))}
        # Nobody knows who asked: the touch is with the enquiry, until somebody does.
        about = about or {"enquiry": locked}
        touch = touching.log_touch(
            about,
            actor=actor,
            at=at,
            via=via,
            kind=kind,
            outcome=outcome,
            happened_at=happened_at,
            text=text,
            direction=Activity.Direction.OUTBOUND,
        )
        # What this person asked elsewhere is looked at on commit; this answer is seen at once.
        settle([locked.pk], at=at)
        if next_touch_on is not None and locked.lead is not None:
            plan_touch(
                locked.lead,
                due_on=next_touch_on,
                kind=next_touch_kind or kind,
                text=next_touch_text,
                actor=actor,
                at=at,
                via=via,
            )
    enquiry.refresh_from_db()
    return touch


def _hold(enquiry: Enquiry) -> None:
    """The gate's holds and the lead's row before the enquiry's, as everywhere: a conversion locks in this order too."""
    names = ("lead", "contact", "account", "opportunity")
    ids = Enquiry.objects.filter(pk=enquiry.pk).values_list(*(f"{name}_id" for name in names)).first()
    for name, pk in zip(names, ids or (), strict=False):
        if pk is not None:
            hold_for(name, [pk])
    if ids is not None:
        Lead.objects.select_for_update(of=("self",), no_key=True).filter(pk=ids[0]).first()
