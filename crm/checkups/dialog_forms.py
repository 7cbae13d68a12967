"""What the dialogs of a finding ask; what will not do is the service's to say, in its words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms

from crm import handbook
from crm.checkups.models import Finding
from crm.core.admin_fields import PersonChoice
from crm.core.days import Day, ask_at
from crm.core.inputs import DateInput
from crm.people.models import User

LIKELY_DAYS = 30  # how long something is most likely accepted


class FindingForm(forms.Form):
    """A dialog's form about one finding."""

    def __init__(self, data: Any, *, at: datetime, finding: Finding) -> None:
        super().__init__(data, initial=self.likely(finding, at), auto_id="finding_%s")
        ask_at(self, at)

    def likely(self, finding: Finding, at: datetime) -> dict[str, Any]:
        """What it is filled in with."""
        return {}

    def values(self) -> dict[str, Any]:
        """The facts as the service takes them."""
        return dict(self.cleaned_data)


class NothingForm(FindingForm):
    """Asks nothing."""


class AssignForm(FindingForm):
    """Whose it is to be."""

    assignee = PersonChoice(User.objects.none(), label="Assign to", empty_label="Choose one")

    def __init__(self, data: Any, *, at: datetime, finding: Finding) -> None:
        super().__init__(data, at=at, finding=finding)
        people = User.objects.to_choose(at=at)
        self.fields["assignee"].queryset = people  # type: ignore[attr-defined]
        self.fields["assignee"].help_text = "They are told by the bell, and see this finding from then on."

    def likely(self, finding: Finding, at: datetime) -> dict[str, Any]:
        """Whose it is now."""
        return {"assignee": finding.assignee_id}


class DueForm(FindingForm):
    """By which day; none is a day as well."""

    due_on = Day(label="Due", required=False, widget=DateInput(), help_text="Empty: by no particular day.")

    def likely(self, finding: Finding, at: datetime) -> dict[str, Any]:
        """The day that it is due now."""
        return {"due_on": finding.due_on}


class AcceptForm(FindingForm):
    """Until when it may stay as it is, and why."""

    until = Day(
        label="Until", required=False, widget=DateInput(), help_text="A day within a year; then it opens again."
    )
    reason = forms.CharField(label="Why?", required=False, widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500}))

    def likely(self, finding: Finding, at: datetime) -> dict[str, Any]:
        """As it is accepted now; else a month."""
        until = finding.accepted_until or handbook.current().today(at) + timedelta(days=LIKELY_DAYS)
        return {"until": until, "reason": finding.accepted_because}


class CommentForm(FindingForm):
    """What is to be said."""

    text = forms.CharField(label="Comment", required=False, widget=forms.Textarea(attrs={"rows": 3}))
