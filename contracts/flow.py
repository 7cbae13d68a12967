"""The flow of an opportunity: stages are the handbook's, in its order; the verbs are fixed here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar

from django.apps import apps
from django.db import models
from django.db.models.functions import Now
from django_fsm import GET_STATE, FSMField

from contracts import flow_facts as facts
from contracts.stages import criteria_of, find_stage, neighbour, stage_choices, stage_keys
from crm import handbook
from crm.activities.gate import hold_for
from crm.core.flow import Ask, Stateful, Verb, verb

__all__ = ["OpportunityFlow", "stage_choices", "stage_keys"]

OWNER = "Owner, their team, a manager"
STEP = "a next step that is not past due"
# Nobody sees who wins first: both take the contract's lock, then the opportunity's.
WIN = "win"


def _moves(record: Any) -> Any:
    return apps.get_model("history", "Move").objects.of(record)


def _before_closing(record: Any) -> str:
    """The open stage it was last in, else the first."""
    last = _moves(record).filter(to_state__in=stage_keys("open")).last()
    return str(last.to_state) if last else stage_keys("open")[0]


class OpportunityFlow(Stateful):
    """The stage of an opportunity and the verbs that change it."""

    FLOW: ClassVar[str] = "stage"
    stage = FSMField("stage", max_length=50, choices=stage_choices, protected=True, editable=False)
    stage_since = models.DateTimeField("in this stage since", db_default=Now(), editable=False)

    class Meta:
        abstract = True

    @property
    def stage_label(self) -> str:
        """The handbook's label; a word that left the file stands as it is."""
        return str(dict(stage_choices()).get(self.stage, self.stage))

    @property
    def is_open(self) -> bool:
        """Neither won nor lost."""
        return self.stage in stage_keys("open")

    @property
    def probability(self) -> int | None:
        """How likely it is won, in percent, as the handbook has it for its stage; None for a word that left it."""
        found = find_stage(str(self.stage))
        return found.probability if found else None

    @property
    def forecast(self) -> str:
        """Its forecast category: the stated one while it is open, else that of its stage."""
        known: Any = self
        if known.stated_forecast and self.is_open:
            return str(known.stated_forecast)
        found = find_stage(str(self.stage))
        return found.forecast if found else ""

    @property
    def is_won(self) -> bool:
        """Closed won."""
        return self.stage in stage_keys("won")

    @classmethod
    def open_states(cls) -> list[str]:
        """The keys of the open stages, in order."""
        return stage_keys("open")

    @classmethod
    def entry_states(cls) -> set[str]:
        """A new opportunity begins in the first stage."""
        return {stage_keys("open")[0]}

    @classmethod
    def take_holds(cls, ids: Sequence[int], info: Verb, ask: Ask) -> None:
        """A contract's lock comes before its opportunity's; the gate's answer holds while a step is planned."""
        if info.name == WIN:
            contracts: Any = apps.get_model("contracts", "Contract")
            list(contracts.objects.select_for_update(of=("self",)).filter(opportunity__in=ids).order_by("pk"))
        if ask.facts.get("next_step"):
            rows: Any = cls._base_manager.filter(pk__in=ids)
            people = list(rows.values_list("contact_id", "account_id"))
            hold_for("contact", sorted({contact for contact, _ in people if contact}))
            hold_for("account", sorted({account for contact, account in people if not contact}))

    @verb(
        "Advance",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: neighbour(record.stage, 1)),
        who=OWNER,
        needs=f"The stage's exit criteria; {STEP}",
        guard=facts.advance_guard,
        facts=facts.AdvanceFacts,
        writes=True,
    )
    def advance(self, ask: Ask) -> None:
        """On to the next open stage."""
        self._tick(ask)
        self._plan(ask)

    @verb(
        "Step back",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: neighbour(record.stage, -1)),
        who=OWNER,
        needs=f"An earlier open stage; {STEP}",
        guard=facts.step_back_guard,
        facts=facts.StepFacts,
        writes=True,
    )
    def step_back(self, ask: Ask) -> None:
        """Back to the open stage before."""
        self._plan(ask)

    @verb(
        "Win",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: stage_keys("won")[0]),
        who=OWNER,
        needs="A contract that is signed or accepted online",
        guard=facts.win_guard,
        facts=facts.WinFacts,
        writes=True,
    )
    def win(self, ask: Ask) -> None:
        """Closed won: the close date is the contract's now, and the last expectation is kept beside it."""
        known: Any = self
        self._tick(ask)
        known.expected_close_on = known.close_on
        known.close_on = self._contract_closed_on() or known.close_on
        self._end_steps(ask)

    @verb(
        "Lose",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: stage_keys("lost")[0]),
        who=OWNER,
        needs="An open opportunity; a reason for losing",
        guard=facts.lose_guard,
        facts=facts.LoseFacts,
        writes=True,
    )
    def lose(self, ask: Ask) -> None:
        """Closed lost, with the reason."""
        known: Any = self
        known.lost_reason = ask.facts["lost_reason"]
        self._end_steps(ask)

    @verb(
        "Reopen",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: _before_closing(record)),
        who="A manager",
        needs=f"A closed opportunity; a reason; {STEP}",
        guard=facts.reopen_guard,
        facts=facts.StepFacts,
        writes=True,
    )
    def reopen(self, ask: Ask) -> None:
        """Back to the open stage it was closed from; what was expected before it was won is expected again."""
        known: Any = self
        last = _moves(self).filter(to_state=known.stage).last()
        if last is not None and last.verb == WIN:
            known.close_on, known.expected_close_on = known.expected_close_on, None
        known.lost_reason = ""
        self._plan(ask)

    # --- what the verbs share -----------------------------------------------------------------------------------------

    def _contract_closed_on(self) -> date | None:
        """The day the first of its contracts was signed."""
        known: Any = self
        return min((one.close_date for one in known.contracts.all() if one.is_agreed and one.close_date), default=None)

    def _tick(self, ask: Ask) -> None:
        """Take over which criteria of the stage it is in are met."""
        known: Any = self
        here = [one.key for one in criteria_of(known.stage)]
        ticked = [key for key in ask.facts.get("criteria") or () if key in here and key not in known.criteria_met]
        if ticked:
            known.criteria_met = [*known.criteria_met, *ticked]

    def _plan(self, ask: Ask) -> None:
        """Take the next step over; the database makes a promise of it, and ends the one that stood."""
        known: Any = self
        if ask.facts.get("next_step_kept"):
            self.keep_promise(ask)
        if ask.facts.get("next_step"):
            known.next_step = ask.facts["next_step"]
        if ask.facts.get("next_step_due"):
            known.next_step_due = ask.facts["next_step_due"]

    def _end_steps(self, ask: Ask) -> None:
        """What is closed has no next step: the one that stood was kept, or is dropped."""
        known: Any = self
        if ask.facts.get("next_step_kept"):
            self.keep_promise(ask)
        known.next_step, known.next_step_due = "", None

    def keep_promise(self, ask: Ask) -> None:
        """Say of the promise that stands that it was kept: late, if its day had passed in the company's calendar."""
        today = handbook.current().today(ask.at)
        promises: Any = apps.get_model("contracts", "NextStep")
        for promise in promises.objects.standing().filter(opportunity=self).select_for_update(of=("self",)):
            late = promise.due_on is not None and promise.due_on < today
            promise.outcome, promise.ended_at = ("late" if late else "kept"), ask.at
            promise.save(update_fields=["outcome", "ended_at"])
