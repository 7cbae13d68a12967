"""What is asked of who notes that somebody is not to be contacted, and of who lifts it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from crm.activities.models import reason_choices
from crm.core.days import Moment, ask_at
from crm.core.errors import Refused


def _line(label: str, **kwargs: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=500, widget=UnfoldAdminTextInputWidget(), **kwargs)


class SuppressForm(forms.Form):
    """Somebody by an address of theirs, with or without a record here; which are needed is the service's to say."""

    email = _line("Email")
    linkedin_url = _line("LinkedIn URL")
    phone = _line("Phone")
    domain = _line("Domain", help_text="Everybody at the company, as example.com; with a reason that covers all of it.")
    reason = forms.ChoiceField(label="Why?", required=False, widget=UnfoldAdminSelectWidget())
    since = Moment(
        label="Since",
        required=False,
        help_text="When they said so. Empty: now.",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    note = forms.CharField(
        label="Note", required=False, max_length=10_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [("", "Choose one"), *reason_choices()]  # type: ignore[attr-defined]
        ask_at(self, at)

    def values(self) -> dict[str, Any]:
        """The facts as `suppress` takes them."""
        sent = self.cleaned_data
        return {
            "emails": [sent["email"]],
            "linkedin_urls": [sent["linkedin_url"]],
            "phone_numbers": [sent["phone"]],
            "domains": [sent["domain"]],
            "reason": sent["reason"],
            "since": sent["since"],
            "note": sent["note"],
        }

    def take(self, refused: Refused) -> None:
        """Show each thing that is missing at its field."""
        for item in refused.missing:
            self.add_error(item.field if item.field in self.fields else None, item.message)
        if not refused.missing:
            self.add_error(None, refused.message)


class LiftForm(forms.Form):
    """Why they may be contacted again."""

    reason = forms.CharField(
        label="Why may they be contacted again?",
        required=False,
        max_length=10_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
