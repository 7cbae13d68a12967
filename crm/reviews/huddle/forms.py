"""What a huddle asks of an opportunity in place, and what others changed while it was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms

from contracts.flow_facts import day
from contracts.models import Opportunity
from contracts.models.choices import FORECASTS, forecast_choices
from contracts.stages import find_stage
from crm.core.days import check_day
from crm.core.display import names_of, shown
from crm.core.labels import field_label
from crm.core.later import Later, by_column, changes_after
from crm.core.text import tidy, whole_number

YES, NO = "yes", "no"
# The columns of an opportunity that are edited in place.
EDITED = ("next_step", "next_step_due", "close_on", "stated_forecast", "confidence", "amount")


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """One field that somebody else changed since the form was opened: what it was, is now, and what was typed."""

    label: str
    before: str
    theirs: str
    yours: str
    who: str


class HuddleForm(forms.Form):
    """Whether the promise was kept, what is done next, and what is expected; empty fields stay empty.

    It carries the version it was opened with. What only somebody else changed meanwhile is taken over; `meanwhile`
    tells everything that they changed, so that it is shown and never overwritten unseen.
    """

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    step_kept = forms.ChoiceField(
        label="Was it done?",
        required=False,
        choices=[(YES, "Yes, it was done"), (NO, "No, not yet")],
        widget=forms.RadioSelect,
    )
    next_step = forms.CharField(label="Next step", required=False, max_length=500)
    next_step_due = day("Next step's due date")
    close_on = day("Close date")
    stated_forecast = forms.ChoiceField(label="Forecast category", required=False)
    confidence = forms.IntegerField(label="Confidence", required=False, min_value=0, max_value=100, help_text="%")
    amount = forms.DecimalField(label="Amount", required=False, max_digits=14, decimal_places=2)

    def __init__(self, record: Opportunity, data: Any, *, at: datetime) -> None:
        self.record, self.at = record, at
        self.meanwhile: list[Meanwhile] = []
        self.sent: dict[str, Any] = dict(data.items()) if data is not None else {}
        initial = {name: getattr(record, name) for name in EDITED} | {"version": record.version}
        if record.amount is not None and record.amount == record.amount.to_integral_value():
            initial["amount"] = int(record.amount)  # as people write it
        super().__init__(self.sent if data is not None else None, initial=initial)
        stage = find_stage(record.stage)
        own = FORECASTS.get(stage.forecast, "") if stage else ""
        empty = ("", f"By stage: {own}" if own else "By stage")
        self.fields["stated_forecast"].choices = [empty, *forecast_choices()]  # type: ignore[attr-defined]
        self.fields["amount"].help_text = record.currency
        if not record.next_step:
            del self.fields["step_kept"]
        if self.is_bound:
            self._take_over()

    def clean(self) -> dict[str, Any]:
        """Days that are typed lie within reason; one that is stored already may stand. What was not sent stays."""
        values = super().clean() or self.cleaned_data
        for name in EDITED:
            if name not in self.sent:
                values.pop(name, None)
        for name in ("next_step_due", "close_on"):
            value = values.get(name)
            if isinstance(value, date) and value != getattr(self.record, name):
                try:
                    check_day(value)
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return values

    def _take_over(self) -> None:
        """Let the fields hold what others stored meanwhile, where nobody typed in them."""
        opened = whole_number(str(self.sent.get("version") or ""))
        if opened is None or opened >= self.record.version:
            return
        columns: dict[str, Any] = {str(one.column): one for one in self.record._meta.concrete_fields}
        for column, later in by_column(changes_after(self.record, opened)).items():
            if column not in columns or later.before == later.after or column == "stage_since":
                continue
            yours = ""
            if column in EDITED:
                typed = self.fields[column].widget.value_from_datadict(self.data, self.files, column)
                if self.fields[column].has_changed(columns[column].to_python(later.before), typed):
                    yours = tidy(str(typed or ""))
                else:
                    stored = self.fields[column].prepare_value(getattr(self.record, column))
                    self.sent[column] = self.fields[column].widget.format_value(stored) or ""
            self.meanwhile.append(_told(columns[column], later, yours))


def _told(field: Any, later: Later, yours: str) -> Meanwhile:
    names = names_of([(field, later.before), (field, later.after)])
    said = [shown(field, value, names) for value in (later.before, later.after)]
    who = later.transaction.actor_name or "somebody outside Plumb"
    return Meanwhile(field_label(field), said[0], said[1], shown(field, yours) if yours else "", who)
