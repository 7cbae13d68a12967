"""Entering an enquiry that came by a way that is not connected, with the time at which it was received."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from crm.core.days import Moment, ask_at
from crm.core.dialogs import Asked
from crm.core.errors import Refused
from crm.core.inputs import DateTimeInput
from crm.enquiries.incoming import LONGEST_TEXT, Incoming
from crm.enquiries.models import channel_choices, priority_choices

TEXTS = ("subject", "name", "company", "email", "linkedin_url", "phone", "website")


def _line(label: str) -> forms.CharField:
    # How long each may be is `receive_enquiry`'s to say, in the same words as at every door.
    return forms.CharField(label=label, required=False, max_length=LONGEST_TEXT)


class EnterForm(forms.Form):
    """A request as it came in."""

    channel = forms.ChoiceField(label="Channel", required=False)
    received_at = Moment(label="Received", required=False, widget=DateTimeInput())
    priority = forms.ChoiceField(label="Priority", required=False)
    subject = _line("Subject")
    text = forms.CharField(
        label="What they wrote", required=False, max_length=LONGEST_TEXT + 1, widget=forms.Textarea(attrs={"rows": 5})
    )
    name = _line("Name")
    company = _line("Company")
    email = _line("Email")
    linkedin_url = _line("LinkedIn profile URL")
    phone = _line("Phone")
    website = _line("Website")

    def __init__(self, data: Any, *, at: datetime, initial: Any = None) -> None:
        super().__init__(data, initial={"received_at": timezone.localtime(at)} | (initial or {}), auto_id="enter_%s")
        self.at = at
        ask_at(self, at)
        self.fields["channel"].choices = [("", "Choose one"), *channel_choices()]  # type: ignore[attr-defined]
        self.fields["priority"].choices = [("", "None"), *priority_choices()]  # type: ignore[attr-defined]
        self.fields["priority"].help_text = "Of support requests."

    def incoming(self) -> Incoming:
        """As the service takes it; an empty time is now. The form is valid."""
        given = self.cleaned_data
        return Incoming(
            channel=given["channel"],
            received_at=given["received_at"] or self.at,
            priority=given["priority"],
            text=given["text"],
            **{name: given[name] for name in TEXTS},
        )

    def asked(self, refusal: Refused | None = None) -> tuple[list[Asked], list[str]]:
        """The fields, each with what is wrong with it; and what is wrong with none of them."""
        missing = refusal.missing if refusal else ()
        fields = [Asked(field, tuple(one for one in missing if one.field == field.name)) for field in self]
        rest = [one.message for one in missing if one.field not in self.fields]
        if refusal is not None and not missing:
            rest = [refusal.message]
        return fields, rest
