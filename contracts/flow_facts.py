"""What the moves of an opportunity ask for, and what they do not do without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django import forms

from contracts.stages import criteria_of, every_criterion, neighbour, stage_keys, unmet
from crm import handbook
from crm.activities.gate import bar_of
from crm.core.days import Day
from crm.core.errors import Missing
from crm.core.flow import Ask, Facts

WHERE_CONTRACTS_ARE = "Add the contract on this page under “Contracts”, and sign it there."


def day(label: str, help_text: str = "") -> Day:
    """A day of the company's calendar, asked for with the browser's own field."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return Day(label=label, required=False, help_text=help_text, widget=widget)


class Ticks(forms.CheckboxSelectMultiple):
    """Boxes to tick; a program and a bulk move send a list, or keys between commas."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """The keys that were ticked."""
        found = super().value_from_datadict(data, files, name)
        given = [found] if isinstance(found, str) else found
        if not isinstance(given, list | tuple):
            return given
        return [key.strip() for one in given for key in str(one).split(",") if key.strip()]


class Criteria(forms.MultipleChoiceField):
    """Exit criteria by their keys: those of the record's stage are offered, every other one is known as well."""

    widget = Ticks

    def clean(self, value: Any) -> Any:
        """Nothing ticked is no fact."""
        return super().clean(value) or None

    def valid_value(self, value: Any) -> bool:
        """Any criterion of the handbook: a bulk move has records in several stages."""
        return any(str(value) == key for key, _ in every_criterion())


class Said(forms.BooleanField):
    """A box to tick: not ticked, nothing was said."""

    def clean(self, value: Any) -> Any:
        """True, or no fact."""
        return super().clean(value) or None


class StepFacts(Facts):
    """The next step and by when; and whether the one that stood was kept."""

    next_step = forms.CharField(label="Next step", required=False, max_length=500)
    next_step_due = day("Next step's due date")
    next_step_kept = Said(label="The last next step was done", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standing = getattr(self.record, "next_step", "") if self.record is not None else ""
        if self.record is not None and not standing:
            del self.fields["next_step_kept"]
        elif standing:
            self.fields["next_step_kept"].label = f"“{standing}” was done"


class CriteriaFacts(Facts):
    """Which exit criteria of its stage are met; a stage without any asks for none."""

    criteria = Criteria(label="Exit criteria", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: list[tuple[str, str]] = every_criterion()
        if self.record is not None:
            offered = [(one.key, one.label) for one in criteria_of(self.record.stage)]
            self.initial.setdefault("criteria", self.record.criteria_met)
        self.fields["criteria"].choices = offered  # type: ignore[attr-defined]
        if not offered:
            del self.fields["criteria"]


class AdvanceFacts(CriteriaFacts, StepFacts):
    """Which exit criteria are met, and what is done next."""

    field_order = ("criteria", "next_step_kept", "next_step", "next_step_due")


class KeptFacts(Facts):
    """Whether the next step that stood was kept: closing drops it else."""

    next_step_kept = Said(label="The last next step was done", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standing = getattr(self.record, "next_step", "") if self.record is not None else ""
        if standing:
            self.fields["next_step_kept"].label = f"“{standing}” was done"


class WinFacts(CriteriaFacts, KeptFacts):
    """Which exit criteria are met: the last open stage is left by winning alone. What is not ticked stays missing."""

    field_order = ("criteria", "next_step_kept")


class LoseFacts(KeptFacts):
    """Why it was lost."""

    lost_reason = forms.ChoiceField(label="Reason for losing", required=False)
    field_order = ("lost_reason", "next_step_kept")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = handbook.current().choices("opportunity.lost_reasons")
        self.fields["lost_reason"].choices = [("", "Choose a reason"), *choices]  # type: ignore[attr-defined]


def step_missing(record: Any, ask: Ask) -> Iterable[Missing]:
    """An open opportunity has a next step with a due date to come; people who are not to be contacted get none."""
    given, due = ask.facts.get("next_step") or "", ask.facts.get("next_step_due")
    kept = bool(ask.facts.get("next_step_kept")) and bool(record.next_step)
    today = handbook.current().today(ask.at)
    text, day = (given, due) if kept else (given or record.next_step, due or record.next_step_due)
    if not text:
        yield Missing("needs_next_step", "Say what is done next.", "next_step")
    elif kept and (text, day) == (record.next_step, record.next_step_due):
        yield Missing("same_next_step", "That step was done: say what is done next.", "next_step")
    if day is None:
        yield Missing("needs_next_step_due", "Say by when the next step is done.", "next_step_due")
    elif day < today and due is not None:
        yield Missing("next_step_due_past", f"{due} has passed: choose today or a later day.", "next_step_due")
    elif day < today:
        yield Missing(
            "next_step_overdue", f"The next step was due on {day}: say what is done next, by when.", "next_step_due"
        )
    if given and (given, due) != (record.next_step, record.next_step_due):
        kind, pk = ("contact", record.contact_id) if record.contact_id else ("account", record.account_id)
        if bar := bar_of(kind, pk):
            yield replace(bar.missing(), field="next_step")


def advance_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """There is a stage to advance to, what this one asks is met, and what is done next is known."""
    if not neighbour(record.stage, 1):
        yield Missing("no_further_stage", "It cannot be advanced further: win or lose it.")
        return
    met = {*record.criteria_met, *(ask.facts.get("criteria") or ())}
    for one in unmet(record.stage, met):
        yield Missing(f"unmet_{one.key}", f"{one.label}: tick it once it is so.", "criteria")
    yield from step_missing(record, ask)


def step_back_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """There is a stage to step back to, and what is done next is known."""
    if not neighbour(record.stage, -1):
        yield Missing("no_earlier_stage", "It is in the first stage, or closed.")
        return
    yield from step_missing(record, ask)


def open_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is open."""
    if record.stage not in stage_keys("open"):
        yield Missing("not_open", "It is closed: reopen it first.")


def win_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is open, and a contract of it and of its account is signed or accepted online."""
    wrong = list(open_guard(record, ask))
    yield from wrong
    if wrong or any(one.is_agreed and one.account_id == record.account_id for one in record.contracts.all()):
        return
    drafts = sum(not one.is_agreed and one.status in ("draft", "sent") for one in record.contracts.all())
    said = "Its contract is not signed yet: sign it first." if drafts else WHERE_CONTRACTS_ARE
    yield Missing("needs_contract", f"Winning takes a contract that is signed or accepted online. {said}", "contracts")


def lose_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is open, and the reason is known."""
    yield from open_guard(record, ask)
    if not ask.facts.get("lost_reason"):
        yield Missing("needs_lost_reason", "Say why it was lost.", "lost_reason")


def reopen_guard(record: Any, ask: Ask) -> Iterable[Missing]:
    """It is closed, somebody says why it is not, and what is done next is known."""
    if record.stage in stage_keys("open"):
        yield Missing("not_closed", "It is open already.")
        return
    if not ask.reason:
        yield Missing("needs_reason", "Say why it is reopened.", "reason")
    yield from step_missing(record, ask)
