"""Seeing that somebody was answered, in whatever way the answer was written down.

Triggers note whose enquiries have to be looked at (`Recheck`), so no way of writing a touch is missed. What they noted
is worked off when the transaction has committed, and by the sweep when that process died in between. Looking twice is
harmless: the first answer is found anew each time, and the clock brought into line with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import prefetch_related_objects
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from crm.activities.models import Activity
from crm.activities.watching import watches_suppressions
from crm.clocks.following import before_sweep
from crm.clocks.services import policy_of, reopen_clock, stop_clock, void_clock
from crm.core.acting import acting, apart, retry_deadlocks
from crm.enquiries.barring import heed_bars
from crm.enquiries.evidence import MEETING, Evidence, first_answers
from crm.enquiries.models import Enquiry, Recheck
from crm.history.models import Move
from crm.people.models import User
from leads.statuses import Status

BATCH = 500
VIA = "task"
NO_MORE = "The answer is gone."
# Whose enquiries: also those of the contact that a lead became.
WHOSE = """
    SELECT e.id FROM enquiries_enquiry e JOIN unnest(%(leads)s::bigint[]) AS l (id) ON e.lead_id = l.id
    UNION
    SELECT e.id FROM enquiries_enquiry e JOIN unnest(%(leads)s::bigint[]) AS l (id) ON e.converted_lead_id = l.id
    UNION
    SELECT e.id FROM unnest(%(leads)s::bigint[]) AS l (id) JOIN leads_lead c ON c.id = l.id
    JOIN enquiries_enquiry e ON e.contact_id = c.converted_contact_id
    UNION
    SELECT e.id FROM enquiries_enquiry e JOIN unnest(%(contacts)s::bigint[]) AS c (id) ON e.contact_id = c.id
    UNION
    SELECT e.id FROM enquiries_enquiry e WHERE e.id = ANY(%(enquiries)s)
"""


@before_sweep
def note_responses(*, at: datetime) -> int:
    """Work off everything that was noted; how many enquiries were looked at."""
    looked = 0
    while (one := _work_batch(at=at)) is not None:
        looked += one
    return looked


@retry_deadlocks
def _work_batch(*, at: datetime, newest_first: bool = False) -> int | None:
    """Work off some of what was noted, in one transaction; None when nothing is left that nobody else works on."""
    with acting(actor=User.objects.system(), via=VIA, at=at):
        rows = list(
            Recheck.objects.select_for_update(skip_locked=True).order_by("-id" if newest_first else "id")[:BATCH]
        )
        if not rows:
            return None
        with connection.cursor() as cursor:
            cursor.execute(
                WHOSE,
                {
                    "leads": [row.lead_id for row in rows if row.lead_id],
                    "contacts": [row.contact_id for row in rows if row.contact_id],
                    "enquiries": [row.enquiry_id for row in rows if row.enquiry_id],
                },
            )
            ids = [row[0] for row in cursor.fetchall()]
        settle(ids, at=at)
        heed_bars(ids, at=at)
        Recheck.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(ids)


def settle(ids: Iterable[int], *, at: datetime) -> None:
    """Bring the clocks of these enquiries, and the touch that answered each, into line with the first answer there is.

    Inside a domain call.
    """
    rows = list(Enquiry.objects.select_for_update(of=("self",)).filter(pk__in=list(ids)).order_by("pk"))
    # After the rows are locked: whoever locks them next sees what was made of their clocks here.
    prefetch_related_objects(rows, "clock", "voided_by")
    for row in rows:
        _settle_voided(row, at=at)
    # Of who was not to be contacted when they asked no clock ever ran, and nothing answers them.
    rows = [row for row in rows if row.voided_at is None and not (row.barred and row.clock is None)]
    found = first_answers({row.pk: _meeting_answers(row) for row in rows})
    people = User.objects.in_bulk({one.by_id for one in found.values() if one.by_id is not None})
    for row in rows:
        _settle(row, found.get(row.pk), people, at=at)


def _settle_voided(enquiry: Enquiry, *, at: datetime) -> None:
    """The clock of what is voided has ended, and of what is not has not, also when somebody undid the voiding."""
    clock = enquiry.clock
    if clock is None or (clock.voided_at is None) == (enquiry.voided_at is None):
        return
    if enquiry.voided_at is None or enquiry.voided_by is None:
        enquiry.clock = reopen_clock(clock, by=None, at=at, reason="The voiding was undone.")
    else:
        enquiry.clock = void_clock(clock, by=enquiry.voided_by, at=enquiry.voided_at, reason=enquiry.void_reason)


def _meeting_answers(enquiry: Enquiry) -> bool:
    return enquiry.clock is not None and MEETING in policy_of(enquiry.clock).stops


def _settle(enquiry: Enquiry, found: Evidence | None, people: dict[int, User], *, at: datetime) -> None:
    clock = enquiry.clock
    if clock is not None:
        given = max(found.at, clock.started_at) if found else None
        if clock.stopped_at is not None and (given is None or given > clock.stopped_at):
            clock = reopen_clock(clock, by=None, at=at, reason=NO_MORE)
        if found is not None and given is not None and clock.stopped_at != given:
            by = people.get(found.by_id) if found.by_id is not None else None
            facts: dict[str, Any] = {"touch": found.touch_id} if found.touch_id is not None else {}
            stop_clock(clock, by=by, how=found.how, at=given, facts=facts)
    touch = found.touch_id if found is not None else None
    if enquiry.answer_id != touch:
        enquiry.answer_id = touch
        enquiry.save(update_fields=["answer"])


# --- when the transaction has committed -------------------------------------------------------------------------------


def _touch_written(instance: Activity, **kwargs: Any) -> None:
    if instance.direction == Activity.Direction.OUTBOUND:
        look_on_commit()


def _move_written(instance: Move, **kwargs: Any) -> None:
    if instance.object == "lead" and Status.MEETING_SCHEDULED in (instance.from_state, instance.to_state):
        look_on_commit()


def look_on_commit() -> None:
    """Work off what was noted once this transaction has committed. It is the sweep's too: a failure harms nobody."""
    transaction.on_commit(_look, robust=True)


def _look() -> None:
    if not Recheck.objects.exists():
        return
    # The newest first: a large import may have noted thousands, which the sweep works off.
    with apart():
        _work_batch(at=timezone.now(), newest_first=True)


@watches_suppressions
def _suppressed(suppressions: Sequence[int]) -> None:
    look_on_commit()


def listen() -> None:
    """Look when a touch or a move was written; called when Plumb starts."""
    for signal in (post_save, post_delete):
        signal.connect(_touch_written, sender=Activity, dispatch_uid="enquiries.touch")
    post_save.connect(_move_written, sender=Move, dispatch_uid="enquiries.move")
