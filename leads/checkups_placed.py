"""What a guard would have asked of a lead that was placed in its status and is missing (K4).

Guards judge moves, not records: what another system says is stored as it is, and what is missing is a finding, never a
refusal. Looked at is a lead that is in its status because it was placed there: of any other the guard was asked. One
finding for each missing fact, under the guard's own code. What a rule of its own tells of every lead is not told a
second time here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL

from crm.activities.gate import bars_of
from crm.activities.models import Activity
from crm.checkups.rules import Look, Rows, checkup
from crm.handbook.document import Handbook
from crm.history.models import Move
from leads.guards import BANT, CHANNELS
from leads.models import Lead
from leads.statuses import Status

PLACE = "place"
# Those of a status whom a suppression in force covers, by the gate's own definition.
SUPPRESSED = """
    SELECT f.record_id FROM suppressed('lead', ARRAY(SELECT l.id FROM leads_lead l WHERE l.status = %s), NULL) f
"""
# The guard's code, the status it guards, what it asks for, and what is there instead; in SQL, and in plain Python.
Asked = tuple[str, str, str, str, Q, Callable[[Any], bool]]


@checkup(
    "data.lead_placed_facts",
    title="Placed leads have what the move to their status asks for",
    row="K4",
    severity="note",
    why="An import or a program said in which status they are; what a person is asked on the way there is not known.",
)
def placed_facts(look: Look) -> Iterator[Rows]:
    """Every fact that the guard of its status asks for, of the leads in which it can be missing."""
    placed = Lead.objects.exclude(status=Status.NEW).filter(placed_here())
    for code, status, expected, found, wrong, means in _asked(look.book):
        yield Rows(
            among=placed,
            wrong=Q(status=status) & wrong,
            expected=expected,
            found=found,
            detail=code,
            evidence=lambda lead: [("Lead status", lead.get_status_display())],
            applies=lambda lead: lead.status != Status.NEW and is_placed(lead),
            means=_in_status(status, means),
        )


def _asked(book: Handbook) -> Iterator[Asked]:
    """As leads.guards has it; a test asks both."""
    threshold = book.lead.mql_employees
    no_more = Q(pk__in=[])
    for channel in CHANNELS:
        no_more |= Q(**{other: "" for other in CHANNELS if other != channel})
    yield (
        "needs_new_channel",
        Status.NEW_ENRICHED,
        "A second way to reach them: phone, mobile, second email, LinkedIn URL or address",
        "One alone, or none",
        no_more,
        lambda lead: sum(bool(getattr(lead, name)) for name in CHANNELS) < 2,
    )
    yield (
        "employees_unknown",
        Status.NEW_MQL,
        "How many employees the company has",
        "Not known",
        Q(employees=None),
        lambda lead: lead.employees is None,
    )
    yield (
        "too_few_employees",
        Status.NEW_MQL,
        f"A company with {threshold} employees or more",
        "Fewer",
        Q(employees__lt=threshold),
        lambda lead: lead.employees is not None and lead.employees < threshold,
    )
    yield (
        "needs_owner",
        Status.WORKING_TO_ENGAGE,
        "An owner, who is working to engage them",
        "Nobody owns it",
        Q(owner=None),
        lambda lead: lead.owner_id is None,
    )
    two_way = [one.key for one in book.touch.outcomes if one.two_way]
    yield (
        "needs_evidence",
        Status.ENGAGED,
        "How they answered: a reply, a call that connected, a meeting",
        "No such touch is logged",
        ~Q(Exists(Activity.objects.filter(lead=OuterRef("pk"), outcome__in=two_way))),
        lambda lead: not any(touch.outcome in two_way for touch in lead.touches.all()),
    )
    yield (
        "needs_meeting",
        Status.MEETING_SCHEDULED,
        "When the meeting is",
        "Not known",
        Q(meeting_at=None),
        lambda lead: lead.meeting_at is None,
    )
    yield (
        "bant_complete",
        Status.WORKING_TO_CONVERT,
        "Something of Budget, Authority, Need and Timing (BANT) that is not known or not met",
        "All four are confirmed: it can be converted",
        Q(**dict.fromkeys(BANT, "confirmed")),
        lambda lead: all(getattr(lead, name) == "confirmed" for name in BANT),
    )
    yield (
        "needs_nurture_reason",
        Status.CLOSED_NURTURE,
        "Why not now",
        "No reason",
        Q(nurture_reason=""),
        lambda lead: not lead.nurture_reason,
    )
    yield (
        "needs_do_not_contact_reason",
        Status.CLOSED_DO_NOT_CONTACT,
        "Why they are not to be contacted, as a suppression that holds at every door",
        "Closed, and nothing keeps anybody from contacting them",
        ~Q(pk__in=RawSQL(SUPPRESSED, [Status.CLOSED_DO_NOT_CONTACT])),  # noqa: S611 - SQL of our own
        lambda lead: not bars_of("lead", [lead.pk])[lead.pk],
    )
    for name in BANT:
        for state, found in (("unknown", "Not known"), ("not_met", "Not met")):
            yield (
                f"bant_{name}_{state}",
                Status.SAO_CONVERTED,
                f"{name.capitalize()} is confirmed",
                found,
                Q(**{name: state}),
                _is(name, state),
            )


def _in_status(status: str, means: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda lead: lead.status == status and means(lead)


def _is(name: str, state: str) -> Callable[[Any], bool]:
    return lambda lead: getattr(lead, name) == state


def placed_here() -> Exists:
    """Leads whose status is that of the move that placed them, since that moment."""
    moves = Move.objects.filter(object="lead", verb=PLACE)
    return Exists(
        moves.filter(record_id=OuterRef("pk"), to_state=OuterRef("status"), at=OuterRef("status_since")),
    )


def is_placed(lead: Any) -> bool:
    """As `placed_here`; whatever a file says of a lead that is not stored was placed there."""
    if lead._state.adding:
        return True
    if not hasattr(lead, "moves_so_far"):
        lead.moves_so_far = list(Move.objects.of(lead))
    return any(
        move.verb == PLACE and move.to_state == lead.status and move.at == lead.status_since
        for move in lead.moves_so_far
    )
