"""What the dialogs of an enquiry ask: the response and the next touch, reasons, whose it is, who they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import Contact
from crm import handbook
from crm.activities.models import kind_choices
from crm.activities.touch_forms import OutcomeSelect
from crm.core.days import Day, Moment, ask_at
from crm.core.inputs import DateInput, DateTimeInput
from crm.core.text import tidy, whole_number
from crm.enquiries.incoming import LONGEST_TEXT
from crm.enquiries.models import Enquiry
from leads.models import Lead

# How they are most likely answered: by the way they asked.
LIKELY = {"web_chat": "chat", "customer_message": "chat", "support": "email"}
FOUND = 6
LEAD, CONTACT = "lead", "contact"


class EnquiryForm(forms.Form):
    """A dialog's form about one enquiry; what will not do is the service's to say, in its words."""

    def __init__(self, data: Any, *, at: datetime, enquiry: Enquiry, initial: Any = None) -> None:
        super().__init__(data, initial=initial, auto_id="enquiry_%s")
        self.at, self.enquiry = at, enquiry
        ask_at(self, at)

    def values(self) -> dict[str, Any]:
        """The facts as the service takes them."""
        return dict(self.cleaned_data)


class AnswerForm(EnquiryForm):
    """What was answered, when and how; and what comes next, where there is a lead to plan it with."""

    kind = forms.ChoiceField(label="Kind", choices=kind_choices)
    outcome = forms.ChoiceField(label="Outcome", required=False, widget=OutcomeSelect(attrs={"data-outcome": ""}))
    happened_at = Moment(label="When", required=False, widget=DateTimeInput())
    text = forms.CharField(label="What was said", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    next_touch_on = Day(label="Next touch", required=False, widget=DateInput(), back=1)
    next_touch_kind = forms.ChoiceField(label="Next touch by", required=False)
    next_touch_text = forms.CharField(label="What to do next", required=False, max_length=255)

    def __init__(self, data: Any, *, at: datetime, enquiry: Enquiry, initial: Any = None) -> None:
        book, kind = handbook.current(), LIKELY.get(enquiry.channel, "email")
        fit = [one.key for one in book.touch.outcomes if one.response and kind in one.kinds]
        likely = {"kind": kind, "outcome": fit[0] if fit else "", "happened_at": timezone.localtime(at)}
        super().__init__(data, at=at, enquiry=enquiry, initial=likely | (initial or {}))
        self.fields["outcome"].choices = [("", "Choose one"), *book.choices("touch.outcomes")]  # type: ignore[attr-defined]
        self.fields["outcome"].help_text = "Their clock stops with a response: no answer and a bounce are none."
        self.fields["next_touch_kind"].choices = [("", "The same way"), *kind_choices()]  # type: ignore[attr-defined]
        if enquiry.lead_id is None:
            for name in ("next_touch_on", "next_touch_kind", "next_touch_text"):
                del self.fields[name]

    def values(self) -> dict[str, Any]:
        """An empty time is now, as when it was opened."""
        given = super().values()
        return given | {"happened_at": given.get("happened_at") or self.at}


class NoteForm(EnquiryForm):
    """A note for the record, or none."""

    note = forms.CharField(label="Note", required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 2}))


class ReasonForm(NoteForm):
    """Why, in a word of the handbook, and a note."""

    place = ""
    reason = forms.ChoiceField(label="Why?", required=False)
    field_order = ("reason", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [("", "Choose one"), *handbook.current().choices(self.place)]  # type: ignore[attr-defined]


class VoidForm(ReasonForm):
    """Why it is no request."""

    place = "enquiry.void_reasons"


class HoldForm(ReasonForm):
    """What they are to do first."""

    place = "enquiry.pause_reasons"


class NothingForm(EnquiryForm):
    """Asks nothing."""


class DetailsForm(EnquiryForm):
    """Who they said they are."""

    email = forms.CharField(label="Email", required=False, max_length=LONGEST_TEXT)
    linkedin_url = forms.CharField(label="LinkedIn profile URL", required=False, max_length=LONGEST_TEXT)
    name = forms.CharField(label="Name", required=False, max_length=LONGEST_TEXT)
    company = forms.CharField(label="Company", required=False, max_length=LONGEST_TEXT)
    phone = forms.CharField(label="Phone", required=False, max_length=LONGEST_TEXT)

    def __init__(self, data: Any, *, at: datetime, enquiry: Enquiry, initial: Any = None) -> None:
        known = {name: getattr(enquiry, name) for name in ("email", "linkedin_url", "name", "company", "phone")}
        super().__init__(data, at=at, enquiry=enquiry, initial=known)


class AttachForm(EnquiryForm):
    """Another lead or contact: searched for, then chosen."""

    term = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        help_text="Name, company or email of a lead or a contact.",
        widget=forms.TextInput(attrs={"data-reload": "", "type": "search"}),
    )
    record = forms.ChoiceField(label="It is of", required=False, widget=forms.RadioSelect)

    def __init__(self, data: Any, *, at: datetime, enquiry: Enquiry, initial: Any = None) -> None:
        super().__init__(data, at=at, enquiry=enquiry, initial=initial)
        term = tidy(str((data or {}).get("term", "")))
        chosen = str((data or {}).get("record", ""))
        found = people_found(term)
        if chosen and chosen not in dict(found) and (record := person_named(chosen)) is not None:
            found.insert(0, (chosen, f"{record._meta.verbose_name}: {record}".capitalize()))
        self.fields["record"].choices = found  # type: ignore[attr-defined]
        if not found:
            self.fields["record"].help_text = "Nobody was found." if term else "Search first."


def people_found(term: str) -> list[tuple[str, str]]:
    """Leads and contacts that a search finds, as choices."""
    if not term:
        return []
    found: list[tuple[str, str]] = []
    kinds: tuple[tuple[str, Any], ...] = ((CONTACT, Contact), (LEAD, Lead))
    for key, kind in kinds:
        rows = list(kind.objects.search(term.lower()).order_by("-pk")[:FOUND])
        found += [(f"{key}:{row.pk}", _said(row, key)) for row in rows]
    return found


def _said(row: Any, key: str) -> str:
    details = ", ".join(word for word in (getattr(row, "company", ""), row.email) if word and word != str(row))
    return f"{row} ({details}), {key}" if details else f"{row}, {key}"


def person_named(word: str) -> Any:
    """The lead or contact that a choice names, as “lead:12”; None when there is none."""
    kind, _, number = word.partition(":")
    pk = whole_number(number)
    kinds: dict[str, Any] = {LEAD: Lead, CONTACT: Contact}
    return kinds[kind].objects.filter(pk=pk).first() if kind in kinds and pk is not None else None
