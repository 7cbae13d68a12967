"""The small forms of a lead's page: plan the next touch, note BANT."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms

from crm.activities.models import kind_choices
from crm.core.days import Day, ask_at
from crm.core.inputs import DateInput
from leads.guards import BANT
from leads.models import Known, Lead

# Django's forms are generic to the type checker only.
if TYPE_CHECKING:
    LeadForm = forms.ModelForm[Lead]
else:
    LeadForm = forms.ModelForm


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
