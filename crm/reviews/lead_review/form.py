"""What a lead pipeline review asks of a lead in place: who has it, what happened, and what is next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from crm import handbook
from crm.activities.models import Activity, NextTouch, kind_choices
from crm.activities.rules import wrong_with_touch
from crm.activities.touch_forms import OutcomeSelect
from crm.core.admin_fields import PersonChoice
from crm.core.days import Day, Moment, ask_at
from crm.core.inputs import DateInput, DateTimeInput
from crm.people.models import Team, User
from leads.models import Lead

BY_RULES, TO, QUEUE = "rules", "user:", "queue:"
TOUCH = {"kind": "touch_kind", "outcome": "touch_outcome", "happened_at": "touch_at"}


class LeadReviewForm(forms.Form):
    """Empty fields do nothing; the next touch stands in its own.

    It carries what it was opened with: the version of the lead, and that of its next touch.
    """

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    next_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    touch_kind = forms.ChoiceField(label="Touch", required=False)
    touch_direction = forms.ChoiceField(label="Direction", required=False, choices=Activity.Direction.choices)
    touch_outcome = forms.ChoiceField(label="Outcome", required=False, widget=OutcomeSelect(attrs={"data-outcome": ""}))
    touch_at = Moment(label="When", required=False, widget=DateTimeInput(), help_text="Empty: now.")
    touch_text = forms.CharField(label="What was said", required=False, max_length=10_000)
    next_due = Day(label="Due", required=False, widget=DateInput(), back=1)
    next_kind = forms.ChoiceField(label="Next touch", required=False)
    next_text = forms.CharField(label="What to do", required=False, max_length=255)
    give = forms.ChoiceField(label="Give to", required=False)

    def __init__(self, record: Lead, data: Any, *, at: datetime) -> None:
        self.record, self.at = record, at
        self.planned = NextTouch.objects.filter(lead=record).first()
        initial: dict[str, Any] = {"version": record.version, "touch_direction": Activity.Direction.OUTBOUND}
        if self.planned is not None:
            named = {"due": self.planned.due_on, "kind": self.planned.kind, "text": self.planned.text}
            initial |= {f"next_{name}": value for name, value in named.items()}
            initial["next_version"] = self.planned.version
        super().__init__(data, initial=initial, auto_id="lead_%s")
        ask_at(self, at)
        fields: Any = self.fields
        kinds, book = kind_choices(), handbook.current()
        fields["touch_kind"].choices = [("", "None to log"), *kinds]
        fields["touch_outcome"].choices = [("", "None"), *book.choices("touch.outcomes")]
        gone = [] if not self.planned or self.planned.kind in dict(kinds) else [(self.planned.kind, self.planned.kind)]
        fields["next_kind"].choices = [("", "None"), *kinds, *gone]
        fields["give"].choices = self._takers()

    def _takers(self) -> list[tuple[str, str]]:
        owner = self.record.owner
        stays = f"Stays {owner}’s" if owner else "Stays nobody’s"
        rules = [] if owner else [(BY_RULES, "Whose turn it is by the rules")]
        people = User.objects.to_choose(at=self.at)
        others = [(f"{TO}{one.pk}", PersonChoice.said(one)) for one in people if one.pk != self.record.owner_id]
        queues = [(f"{QUEUE}{one.pk}", f"Queue of {one}") for one in Team.objects.order_by("name")]
        return [("", stays), *rules, *others, *queues]

    def clean(self) -> dict[str, Any]:
        """A touch has happened and has an outcome of its kind; a next touch has a day and a kind."""
        values = super().clean() or self.cleaned_data
        kind, outcome = values.get("touch_kind") or "", values.get("touch_outcome") or ""
        if not kind and "touch_kind" not in self.errors and (outcome or values.get("touch_text")):
            self.add_error("touch_kind", "Say which kind of touch it was.")
        for item in wrong_with_touch(kind=kind, outcome=outcome, happened_at=values.get("touch_at"), at=self.at):
            self.add_error(TOUCH[item.field], item.message)
        if self.plans:
            for name, said in (("next_due", "Say by when."), ("next_kind", "Say how they are reached.")):
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, said)
        return values | {"plans": self.plans, "planned": self.planned}

    @property
    def plans(self) -> bool:
        """Whether something else was typed as next than what stands."""
        return any(name in self.changed_data for name in ("next_due", "next_kind", "next_text"))

    @property
    def touch_fields(self) -> list[forms.BoundField]:
        """What is asked about what happened."""
        return [self[name] for name in self.fields if name.startswith("touch_")]

    @property
    def next_fields(self) -> list[forms.BoundField]:
        """What is asked about what is next."""
        return [self[name] for name in ("next_kind", "next_due", "next_text")]
