"""What each move of a lead asks for; a dialog, a bulk action and a program all pass these same forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from crm import handbook
from crm.core import phones
from crm.core.admin_fields import PersonChoice
from crm.core.days import Day, Moment
from crm.core.flow import Facts
from crm.core.inputs import DateInput, DateTimeInput
from crm.people.models import Team, User

MEETING_OUTCOMES = [("held", "Held"), ("no_show", "No-show"), ("cancelled", "Cancelled")]


def moment(label: str, **kwargs: Any) -> Moment:
    """A field for a day and a time, in the reader's zone."""
    return Moment(label=label, required=False, widget=DateTimeInput(), **kwargs)


def day(label: str, **kwargs: Any) -> Day:
    """A field for a day in the company's calendar."""
    return Day(label=label, required=False, widget=DateInput(), **kwargs)


def word(label: str, **kwargs: Any) -> forms.ChoiceField:
    """A field for one of the handbook's words; the form fills in its choices."""
    return forms.ChoiceField(label=label, required=False, **kwargs)


def offer(form: forms.Form, name: str, choices: list[tuple[str, str]], blank: str = "Choose one") -> None:
    """Fill in the choices of a `word` field."""
    form.fields[name].choices = [("", blank), *choices]  # type: ignore[attr-defined]


class EnrichFacts(Facts):
    """A contact channel that was found."""

    email = forms.EmailField(label="Email", required=False, max_length=254)
    second_email = forms.EmailField(label="Second email", required=False, max_length=254)
    phone = forms.CharField(label="Phone", required=False, max_length=60)
    mobile = forms.CharField(label="Mobile", required=False, max_length=60)
    linkedin_url = forms.URLField(label="LinkedIn profile URL", required=False, max_length=500, assume_scheme="https")

    def clean_email(self) -> str:
        """What is found besides an address that is known does not replace it."""
        known, found = getattr(self.record, "email", ""), self.cleaned_data["email"]
        if known and found and found.casefold() != known.casefold():
            raise forms.ValidationError("The lead has an email already: use second email.")
        return str(known) if known and found else str(found)

    def clean_phone(self) -> str:
        """A number that can be called."""
        return self._number("phone")

    def clean_mobile(self) -> str:
        """A number that can be called."""
        return self._number("mobile")

    def _number(self, name: str) -> str:
        """What the record has already, whatever it is, or a possible number."""
        found = str(self.cleaned_data[name])
        if found and found != getattr(self.record, name, "") and not phones.e164(found, phones.default_region()):
            raise forms.ValidationError(f"“{found}” is not a phone number.")
        return found


class QualifyFacts(Facts):
    """How many people work there."""

    employees = forms.IntegerField(label="Employees", required=False, min_value=1, max_value=2_000_000_000)


class OwnerFacts(Facts):
    """Who works to engage them."""

    owner = PersonChoice(User.objects.none(), label="Owner", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at = self.at or timezone.now()
        self.fields["owner"].queryset = User.objects.to_choose(at=at)  # type: ignore[attr-defined]


class ReleaseFacts(Facts):
    """Whether somebody else may have it now."""

    queue = forms.ModelChoiceField(
        Team.objects.none(),
        label="Put it into the queue of",
        required=False,
        empty_label="No queue: it keeps its owner",
        help_text="In a queue it has no owner: that team's people may claim it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["queue"].queryset = Team.objects.all()  # type: ignore[attr-defined]


class EvidenceFacts(Facts):
    """How they answered (L7): logged as a touch together with the move."""

    evidence = word("How did they answer?")
    happened_at = moment("When?")
    said = forms.CharField(label="What was said?", required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "evidence", evidence_choices())
        self.fields["happened_at"].initial = timezone.localtime(self.at) if self.at else None

    def clean_happened_at(self) -> Any:
        """What is evidence has happened."""
        value = self.cleaned_data["happened_at"]
        if value and self.at and value > self.at:
            raise forms.ValidationError("It cannot be evidence before it has happened: choose a time that has passed.")
        return value


def evidence_choices() -> list[tuple[str, str]]:
    """Each kind of touch with each outcome that proves contact: `call.connected`, "Call: connected"."""
    touch = handbook.current().touch
    return [
        (f"{kind.key}.{outcome.key}", f"{kind.label}: {outcome.label.lower()}")
        for kind in touch.kinds
        for outcome in touch.outcomes
        if outcome.two_way and kind.key in outcome.kinds
    ]


class MeetingFacts(Facts):
    """When they meet."""

    meeting_at = moment("When is the meeting?")


class FellThroughFacts(Facts):
    """What became of the meeting that did not lead on."""

    meeting_outcome = forms.ChoiceField(
        label="What became of the meeting?",
        required=False,
        choices=[("", "Choose one"), *MEETING_OUTCOMES[1:]],
    )


class HeldFacts(Facts):
    """Whether the meeting was held; asked only of a lead that has one scheduled."""

    meeting_outcome = forms.ChoiceField(
        label="What became of the meeting?", required=False, choices=[("", "Choose one"), MEETING_OUTCOMES[0]]
    )
    said = forms.CharField(label="What was said?", required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self.record, "status", "") != "meeting_scheduled":
            del self.fields["meeting_outcome"]
            del self.fields["said"]


class NurtureFacts(Facts):
    """Why not now, and when to come back."""

    nurture_reason = word("Why not now?")
    come_back_on = day("Come back on", help_text="Empty: the handbook's default for the reason.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "nurture_reason", handbook.current().choices("lead.nurture_reasons"))


class DoNotContactFacts(Facts):
    """Why they are never reached out to again."""

    do_not_contact_reason = word("Why?")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "do_not_contact_reason", handbook.current().choices("lead.do_not_contact_reasons"))
