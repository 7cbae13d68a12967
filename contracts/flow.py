"""The flow of an opportunity: stages are the handbook's, in its order; the verbs are fixed here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.db import models
from django.db.models.functions import Now
from django_fsm import GET_STATE, FSMField

from crm import handbook
from crm.core.errors import Missing
from crm.core.flow import Ask, Facts, Stateful, verb

OWNER = "Owner, their team, a manager"


def stage_choices() -> list[tuple[str, str]]:
    """Stages as the handbook names them."""
    return handbook.current().choices("opportunity.stages")


def stage_keys(kind: str) -> list[str]:
    """The keys of the stages of one kind (`open`, `won`, `lost`), in order."""
    return [stage.key for stage in handbook.current().opportunity.stages if stage.kind == kind]


def _neighbour(record: Any, step: int) -> str:
    """The open stage `step` places on, or an empty string at either end."""
    stages = stage_keys("open")
    if record.stage not in stages:
        return ""
    place = stages.index(record.stage) + step
    return stages[place] if 0 <= place < len(stages) else ""


def _before_closing(record: Any) -> str:
    """The open stage it was last in, else the first."""
    moves = apps.get_model("history", "Move").objects.of(record).filter(to_state__in=stage_keys("open"))
    last = moves.last()
    return str(last.to_state) if last else stage_keys("open")[0]


def advance_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """There is a stage to advance to."""
    if not _neighbour(record, 1):
        yield Missing("no_further_stage", "It cannot be advanced further: win or lose it.")


def step_back_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """There is a stage to step back to."""
    if not _neighbour(record, -1):
        yield Missing("no_earlier_stage", "It is in the first stage, or closed.")


def open_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is open."""
    if record.stage not in stage_keys("open"):
        yield Missing("not_open", "It is closed: reopen it first.")


def lose_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is open, and the reason is known."""
    yield from open_guard(record, ask)
    if not ask.facts.get("lost_reason"):
        yield Missing("needs_lost_reason", "Say why it was lost.", "lost_reason")


def reopen_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is closed, and somebody says why it is not."""
    if record.stage in stage_keys("open"):
        yield Missing("not_closed", "It is open already.")
    if not ask.reason:
        yield Missing("needs_reason", "Say why it is reopened.", "reason")


class LoseFacts(Facts):
    """Why it was lost."""

    lost_reason = forms.ChoiceField(label="Reason for losing", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = handbook.current().choices("opportunity.lost_reasons")
        self.fields["lost_reason"].choices = [("", "Choose a reason"), *choices]  # type: ignore[attr-defined]


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

    @verb(
        "Advance",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: _neighbour(record, 1)),
        who=OWNER,
        needs="A further open stage",
        guard=advance_guard,
    )
    def advance(self, ask: Ask) -> None:
        """On to the next open stage."""

    @verb(
        "Step back",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: _neighbour(record, -1)),
        who=OWNER,
        needs="An earlier open stage",
        guard=step_back_guard,
    )
    def step_back(self, ask: Ask) -> None:
        """Back to the open stage before."""

    @verb(
        "Win",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: stage_keys("won")[0]),
        who=OWNER,
        needs="An open opportunity",
        guard=open_guard,
    )
    def win(self, ask: Ask) -> None:
        """Closed won."""

    @verb(
        "Lose",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: stage_keys("lost")[0]),
        who=OWNER,
        needs="An open opportunity; a reason for losing",
        guard=lose_guard,
        facts=LoseFacts,
    )
    def lose(self, ask: Ask) -> None:
        """Closed lost, with the reason."""
        self.lost_reason = ask.facts["lost_reason"]

    @verb(
        "Reopen",
        field=stage,
        source="*",
        target=GET_STATE(lambda record, ask: _before_closing(record)),
        who="A manager",
        needs="A closed opportunity; a reason",
        guard=reopen_guard,
    )
    def reopen(self, ask: Ask) -> None:
        """Back to the open stage it was closed from."""
        self.lost_reason = ""
