"""The flow of a lead: every allowed move as a verb. README's table and `manage.py flow` are read off this class."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.apps import apps
from django.db import models
from django.db.models.functions import Now
from django_fsm import GET_STATE, FSMField

from crm import handbook
from crm.activities.gate import Bar
from crm.activities.models import Activity
from crm.core.flow import Ask, Facts, Stateful, verb
from leads import facts, guards
from leads.conversion_facts import ConvertFacts
from leads.statuses import NEW_ONES, OPEN, Status

if TYPE_CHECKING:
    from crm.history.models import Move

WORKER = "Owner, their team, a manager; anybody while unowned, in a queue its team"
MANAGER = "A manager"


class PlaceFacts(Facts):
    """The status that another system says it has."""

    status = forms.ChoiceField(label="Status", required=False, choices=[("", "Choose one"), *Status.choices])


def new_status_before(lead: Any) -> str:
    """The New status a lead was in when work began; New when it had none."""
    earlier = [m.from_state for m in lead.moves_so_far if m.from_state in NEW_ONES]
    return str(earlier[-1] if earlier else Status.NEW)


class LeadFlow(Stateful):
    """The status of a lead and the verbs that change it."""

    FLOW: ClassVar[str] = "status"
    status = FSMField(
        "lead status", max_length=50, choices=Status.choices, default=Status.NEW, protected=True, editable=False
    )
    status_since = models.DateTimeField("in this status since", db_default=Now(), editable=False)

    # Fetched for a whole batch by Lead.prepare_moves.
    moves_so_far: list[Move]
    came_with: set[str]
    bars: Sequence[Bar]
    two_way_touch: bool

    class Meta:
        abstract = True

    @property
    def last_move(self) -> Move | None:
        """The latest move, if any."""
        return self.moves_so_far[-1] if self.moves_so_far else None

    @verb(
        "Mark as enriched",
        field=status,
        source=Status.NEW,
        target=Status.NEW_ENRICHED,
        who=WORKER,
        needs="A contact channel more than it came with",
        guard=guards.enrich,
        facts=facts.EnrichFacts,
    )
    def enrich(self, ask: Ask) -> None:
        """L4: additional contact info was found."""
        for name, value in ask.facts.items():
            if value:
                setattr(self, name, value)

    @verb(
        "Qualify",
        field=status,
        source=[Status.NEW, Status.NEW_ENRICHED, Status.CLOSED_NURTURE],
        target=Status.NEW_MQL,
        who=WORKER,
        needs="Employees at or above the handbook's threshold",
        guard=guards.qualify,
        facts=facts.QualifyFacts,
    )
    def qualify(self, ask: Ask) -> None:
        """L5: meets the company-size criterion."""
        self.employees = ask.facts.get("employees") or self.employees  # type: ignore[has-type]
        self.leave_nurture()

    @verb(
        "Start working",
        field=status,
        source=[*NEW_ONES, Status.CLOSED_NURTURE],
        target=Status.WORKING_TO_ENGAGE,
        who=WORKER,
        needs="An owner",
        guard=guards.work,
        facts=facts.OwnerFacts,
    )
    def work(self, ask: Ask) -> None:
        """L6: somebody is working to engage them."""
        self.owner = ask.facts.get("owner") or self.owner  # type: ignore[has-type]
        self.leave_nurture()

    @verb(
        "Release",
        field=status,
        source=Status.WORKING_TO_ENGAGE,
        target=GET_STATE(lambda lead, ask: new_status_before(lead), states=list(NEW_ONES)),
        who=WORKER,
        needs="Back to the New status it came from",
        facts=facts.ReleaseFacts,
    )
    def release(self, ask: Ask) -> None:
        """Nobody is working on it now; in a queue, it is anybody's of that team."""
        if ask.facts.get("queue"):
            self.owner, self.queue = None, ask.facts["queue"]

    @verb(
        "Engage",
        field=status,
        source=[*NEW_ONES, Status.WORKING_TO_ENGAGE, Status.CLOSED_NURTURE],
        target=Status.ENGAGED,
        who=WORKER,
        needs="Evidence that contact was made",
        guard=guards.engage,
        facts=facts.EvidenceFacts,
    )
    def engage(self, ask: Ask) -> list[models.Model]:
        """L7: contact was made; the evidence is logged as a touch."""
        self.leave_nurture()
        if not ask.facts.get("evidence"):
            return []
        kind, _, outcome = ask.facts["evidence"].partition(".")
        happened_at = ask.facts.get("happened_at") or ask.at
        return [self.touch(ask, kind, outcome, at=happened_at, text=ask.facts.get("said", ""))]

    @verb(
        "Schedule meeting",
        field=status,
        source=[*NEW_ONES, Status.WORKING_TO_ENGAGE, Status.ENGAGED, Status.WORKING_TO_CONVERT, Status.CLOSED_NURTURE],
        target=Status.MEETING_SCHEDULED,
        who=WORKER,
        needs="A meeting in the future",
        guard=guards.schedule_meeting,
        facts=facts.MeetingFacts,
    )
    def schedule_meeting(self, ask: Ask) -> None:
        """L8: a meeting is in the calendar."""
        self.leave_nurture()
        self.meeting_at = ask.facts.get("meeting_at") or self.meeting_at  # type: ignore[has-type]
        self.meeting_outcome = ""

    @verb(
        "Reschedule",
        field=status,
        source=Status.MEETING_SCHEDULED,
        target=Status.MEETING_SCHEDULED,
        who=WORKER,
        needs="Another time in the future",
        guard=guards.reschedule,
        facts=facts.MeetingFacts,
    )
    def reschedule(self, ask: Ask) -> None:
        """L8: the meeting was moved."""
        self.meeting_at = ask.facts["meeting_at"]
        self.meeting_outcome = ""

    @verb(
        "Fell through",
        field=status,
        source=Status.MEETING_SCHEDULED,
        target=Status.ENGAGED,
        who=WORKER,
        needs="What became of the meeting: no-show or cancelled",
        guard=guards.fall_through,
        facts=facts.FellThroughFacts,
    )
    def fall_through(self, ask: Ask) -> list[models.Model]:
        """L8: the meeting was not held."""
        self.meeting_outcome = ask.facts["meeting_outcome"]
        return [self.touch(ask, "meeting", self.meeting_outcome, at=min(self.meeting_at or ask.at, ask.at))]

    @verb(
        "Work to convert",
        field=status,
        source=[Status.ENGAGED, Status.MEETING_SCHEDULED],
        target=Status.WORKING_TO_CONVERT,
        who=WORKER,
        needs="A part of BANT not confirmed; from Meeting scheduled, that it was held",
        guard=guards.work_to_convert,
        facts=facts.HeldFacts,
    )
    def work_to_convert(self, ask: Ask) -> list[models.Model]:
        """L9: not enough is known of BANT."""
        return self.close_meeting(ask)

    @verb(
        "Convert",
        field=status,
        source=[Status.ENGAGED, Status.MEETING_SCHEDULED, Status.WORKING_TO_CONVERT],
        target=Status.SAO_CONVERTED,
        who=WORKER,
        needs="All four of BANT confirmed; the opportunity's owner, next step and its due date",
        guard=ConvertFacts.guard,
        facts=ConvertFacts,
        writes=True,
    )
    def convert(self, ask: Ask) -> list[models.Model]:
        """L12: makes or matches account, contact and opportunity, and hands over."""
        from leads.conversion import carry_out

        held = self.close_meeting(ask)
        carry_out(self, ask)  # type: ignore[arg-type]
        return held

    @verb(
        "Nurture",
        field=status,
        source=list(OPEN),
        target=Status.CLOSED_NURTURE,
        who=WORKER,
        needs="A reason; a come-back date, by default the handbook's for the reason",
        guard=guards.nurture,
        facts=facts.NurtureFacts,
    )
    def nurture(self, ask: Ask) -> None:
        """L10: not now, but worth keeping."""
        self.nurture_reason = ask.facts["nurture_reason"]
        self.come_back_on = ask.facts.get("come_back_on") or self.default_come_back(self.nurture_reason, ask.at)

    @verb(
        "Do not contact",
        field=status,
        source=[*OPEN, Status.CLOSED_NURTURE],
        target=Status.CLOSED_DO_NOT_CONTACT,
        who=WORKER,
        needs="A reason",
        guard=guards.do_not_contact,
        facts=facts.DoNotContactFacts,
    )
    def do_not_contact(self, ask: Ask) -> None:
        """L11: never reached out to again."""
        self.leave_nurture()

    @verb(
        "Lift do not contact",
        field=status,
        source=Status.CLOSED_DO_NOT_CONTACT,
        target=Status.NEW,
        who=MANAGER,
        needs="A reason",
        guard=guards.lift,
    )
    def lift(self, ask: Ask) -> None:
        """D5: they may be contacted again."""

    @verb(
        "Return",
        field=status,
        source=Status.SAO_CONVERTED,
        target=Status.WORKING_TO_CONVERT,
        who="The opportunity's owner, a manager",
        needs="A reason; no signed contract",
        guard=guards.return_lead,
        writes=True,
    )
    def return_lead(self, ask: Ask) -> None:
        """L12: the opportunity's owner hands it back; what was made is closed lost as returned."""
        from leads.conversion import undo

        undo(self, ask)  # type: ignore[arg-type]

    @verb(
        "Take back",
        field=status,
        source="*",
        target=GET_STATE(lambda lead, ask: lead.last_move.from_state),
        who="Who made the last move, within the hour; later, a manager with a reason",
        needs="A last move that was not a conversion, its return, or a lifted DNC",
        guard=guards.take_back,
        listed=False,
    )
    def take_back(self, ask: Ask) -> None:
        """The last move was a slip: the status before, and the fields that the move set as they were."""
        change = apps.get_model("history", "Change").objects.of(self).get(version=self.last_move.version)  # type: ignore[union-attr]
        for column, (old, new) in (change.what or {}).items():
            field: Any = self._meta.get_field(column.removesuffix("_id"))
            if column.startswith(self.FLOW) or field.to_python(new) != getattr(self, field.attname):
                continue
            setattr(self, field.attname, field.to_python(old))

    @verb(
        "Place",
        field=status,
        source="*",
        target=GET_STATE(lambda lead, ask: ask.facts["status"]),
        who="Imports and programs that may place",
        needs="A status that another system says it has",
        guard=guards.place,
        facts=PlaceFacts,
        listed=False,
        writes=True,
    )
    def place(self, ask: Ask) -> None:
        """A fact of another system, at its own time. Placed out of SAO Converted, its conversion no longer stands."""
        from leads.conversion import withdraw

        if ask.facts["status"] != Status.CLOSED_NURTURE:
            self.leave_nurture()
        if self.status == Status.SAO_CONVERTED:
            withdraw(self, ask)  # type: ignore[arg-type]

    def leave_nurture(self) -> None:
        """Forget why and until when it was put aside."""
        self.nurture_reason, self.come_back_on = "", None

    def close_meeting(self, ask: Ask) -> list[models.Model]:
        """Note that the meeting was held, and log it."""
        if ask.facts.get("meeting_outcome") != "held":
            return []
        self.meeting_outcome = "held"
        at = min(self.meeting_at or ask.at, ask.at)
        return [self.touch(ask, "meeting", "held", at=at, text=ask.facts.get("said", ""))]

    def touch(self, ask: Ask, kind: str, outcome: str, *, at: datetime, text: str = "") -> Activity:
        """An unsaved touch with this lead, by who makes the move."""
        inbound = outcome == "replied"
        direction = Activity.Direction.INBOUND if inbound else Activity.Direction.OUTBOUND
        return Activity(
            lead_id=self.pk, kind=kind, outcome=outcome, direction=direction, happened_at=at, text=text, by=ask.actor
        )

    @staticmethod
    def default_come_back(reason: str, at: datetime) -> Any:
        """The day to come back on: so many days after today, as the handbook says for the reason."""
        book = handbook.current()
        days = next(item.come_back_days for item in book.lead.nurture_reasons if item.key == reason)
        return book.today(at) + timedelta(days=days)
