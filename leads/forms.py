"""The small forms of a lead's page: log a touch, plan the next one, note BANT."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from crm import handbook
from crm.activities.models import Activity, kind_choices
from crm.activities.rules import wrong_with_touch
from crm.core.days import Day, Moment, ask_at
from leads.facts import DateInput, DateTimeInput
from leads.guards import BANT
from leads.models import Known, Lead

# Django's forms are generic to the type checker only.
if TYPE_CHECKING:
    LeadForm = forms.ModelForm[Lead]
else:
    LeadForm = forms.ModelForm


class OutcomeSelect(forms.Select):
    """Outcomes that say which kinds of touch they belong to, so that the page can offer those of the chosen kind."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        kinds = {outcome.key: outcome.kinds for outcome in handbook.current().touch.outcomes}
        if option["value"] in kinds:
            option["attrs"]["data-kinds"] = " ".join(kinds[option["value"]])
        return option


class TouchForm(forms.Form):
    """What happened: which way they were reached, who reached out, what came of it, when, what was said."""

    kind = forms.ChoiceField(label="Kind", choices=kind_choices)
    direction = forms.ChoiceField(
        label="Direction", choices=Activity.Direction.choices, initial=Activity.Direction.OUTBOUND
    )
    outcome = forms.ChoiceField(label="Outcome", widget=OutcomeSelect(attrs={"data-outcome": ""}))
    happened_at = Moment(label="When", widget=DateTimeInput())
    text = forms.CharField(label="What was said", required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "touch_%s", **kwargs})
        self.at = at
        ask_at(self, at)
        book = handbook.current()
        self.fields["outcome"].choices = [("", "Choose one"), *book.choices("touch.outcomes")]  # type: ignore[attr-defined]
        self.fields["happened_at"].initial = timezone.localtime(at)

    def clean(self) -> dict[str, Any]:
        """It has happened, and the outcome is one that this kind of touch can have."""
        values = self.cleaned_data
        kind, outcome = values.get("kind") or "", values.get("outcome") or ""
        wrong = wrong_with_touch(kind=kind, outcome=outcome, happened_at=values.get("happened_at"), at=self.at)
        for item in wrong:
            self.add_error(item.field, item.message)
        return values


class NextTouchForm(forms.Form):
    """The one next thing to do with the lead."""

    due_on = Day(label="Due", widget=DateInput(), back=1)
    next_kind = forms.ChoiceField(label="Kind", choices=kind_choices)
    what = forms.CharField(label="What to do", required=False, max_length=255)

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "next_%s", **kwargs})
        ask_at(self, at)


class BantForm(LeadForm):
    """Budget, Authority, Need and Timing: for each what is known, and a note."""

    class Meta:
        model = Lead
        fields = [f"{part}{suffix}" for part in BANT for suffix in ("", "_note")]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "bant_%s", **kwargs})

    def rows(self) -> list[dict[str, Any]]:
        """The four, each with its two fields and whether it is missing for converting."""
        return [
            {
                "name": part,
                "label": part.capitalize(),
                "state": self[part],
                "note": self[f"{part}_note"],
                "known": self[part].value(),
                "word": dict(Known.choices).get(str(self[part].value()), ""),
            }
            for part in BANT
        ]
