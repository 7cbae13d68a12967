"""The small forms beside a timeline: log a touch, add a task, add the notes of a meeting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.db import models
from django.utils import timezone

from crm import handbook
from crm.activities.models import ABOUT, MEETING_KIND, Activity, kind_choices
from crm.activities.rules import wrong_with_touch
from crm.activities.touching import handle
from crm.core.admin_fields import PersonChoice
from crm.core.days import Day, Moment, ask_at
from crm.core.inputs import DateInput, DateTimeInput
from crm.people.models import User

# Of a company's people so many are offered; with the others it is logged on their own page.
MOST_PEOPLE = 100


class OutcomeSelect(forms.Select):
    """Outcomes that say which kinds of touch they belong to, so that the page can offer those of the chosen kind."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        kinds = {outcome.key: outcome.kinds for outcome in handbook.current().touch.outcomes}
        if option["value"] in kinds:
            option["attrs"]["data-kinds"] = " ".join(kinds[option["value"]])
        return option


class AboutForm(forms.Form):
    """A form on a record's page: what is made is about that record, and about somebody of its company who is chosen."""

    def __init__(self, *args: Any, at: datetime, record: models.Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at, self.record = at, record
        ask_at(self, at)
        people = people_near(record)
        if people:
            self.fields["contact"] = forms.TypedChoiceField(
                label="With",
                required=False,
                choices=[("", "Nobody in particular"), *((person.pk, str(person)) for person in people)],
                coerce=lambda value: next(person for person in people if str(person.pk) == value),
                empty_value=None,
            )

    def about(self) -> dict[str, models.Model]:
        """The records that it is about, by the names of the foreign keys."""
        found = {str(self.record._meta.model_name): self.record} if self.record is not None else {}
        contact = self.cleaned_data.get("contact")
        return found | ({"contact": contact} if contact else {})

    def values(self) -> dict[str, Any]:
        """The facts as the service takes them."""
        return {name: value for name, value in self.cleaned_data.items() if name != "contact"}


class TouchForm(AboutForm):
    """What happened: which way they were reached, who reached out, what came of it, when, what was said."""

    kind = forms.ChoiceField(label="Kind", choices=kind_choices)
    direction = forms.ChoiceField(
        label="Direction", choices=Activity.Direction.choices, initial=Activity.Direction.OUTBOUND
    )
    outcome = forms.ChoiceField(label="Outcome", widget=OutcomeSelect(attrs={"data-outcome": ""}))
    happened_at = Moment(label="When", widget=DateTimeInput())
    text = forms.CharField(label="What was said", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    title = forms.CharField(
        label="Title of the notes", required=False, max_length=255, help_text="Of the document and of its heading."
    )
    notes_url = forms.URLField(label="Link to the notes", required=False, max_length=500, assume_scheme="https")

    def __init__(self, *args: Any, at: datetime, record: models.Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, at=at, record=record, **{"auto_id": "touch_%s", **kwargs})
        book = handbook.current()
        self.fields["outcome"].choices = [("", "Choose one"), *book.choices("touch.outcomes")]  # type: ignore[attr-defined]
        self.fields["happened_at"].initial = timezone.localtime(at)
        for name in ("title", "notes_url"):
            self.fields[name].widget.attrs["data-for-kind"] = MEETING_KIND
        self.fields["title"].widget.attrs["placeholder"] = title_for(record)

    def clean(self) -> dict[str, Any]:
        """It has happened, and the outcome is one that this kind of touch can have."""
        values = self.cleaned_data
        kind, outcome = values.get("kind") or "", values.get("outcome") or ""
        wrong = wrong_with_touch(kind=kind, outcome=outcome, happened_at=values.get("happened_at"), at=self.at)
        for item in wrong:
            self.add_error(item.field, item.message)
        return values


class TaskForm(AboutForm):
    """Something to do: what, by when, by whom; and how they are reached, if they are."""

    text = forms.CharField(label="What to do", max_length=500)
    due_on = Day(label="Due", required=False, widget=DateInput(), back=1)
    kind = forms.ChoiceField(label="Reaches out by", required=False)
    owner = PersonChoice(User.objects.none(), label="For", required=False, empty_label="Myself")

    def __init__(self, *args: Any, at: datetime, record: models.Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, at=at, record=record, **{"auto_id": "task_%s", **kwargs})
        self.fields["owner"].queryset = User.objects.to_choose(at=at)  # type: ignore[attr-defined]
        self.fields["kind"].choices = [("", "Nothing: it stays with us"), *kind_choices()]  # type: ignore[attr-defined]


class NotesForm(forms.Form):
    """The notes of a meeting: where they are, or what they say."""

    title = forms.CharField(label="Title of the notes", required=False, max_length=255)
    notes_url = forms.URLField(label="Link to the notes", required=False, max_length=500, assume_scheme="https")
    text = forms.CharField(label="Or what was said", required=False, widget=forms.Textarea(attrs={"rows": 3}))


def people_near(record: models.Model | None) -> list[Any]:
    """The contacts of the company whose record it is, champions first; on a person's own page nobody else."""
    kinds: Mapping[str, str] = {"account": "pk", "opportunity": "account_id", "contract": "account_id"}
    column = kinds.get(str(record._meta.model_name)) if record is not None else None
    if record is None or column is None:
        return []
    known: list[Any] | None = record.__dict__.get("people_near")  # a page has several forms about one record
    if known is not None:
        return known
    contacts: Any = apps.get_model("accounts", "Contact")
    found = contacts.objects.filter(account=getattr(record, column)).order_by("-is_champion", "first_name", "pk")
    record.__dict__["people_near"] = known = list(
        found.only("first_name", "last_name", "email", "is_champion")[:MOST_PEOPLE]
    )
    return known


def title_for(record: Any) -> str:
    """How the notes of a meeting on this record's page are titled, as far as the page knows: “Charlie (Fleet)” (S8)."""
    if record is None:
        return ""
    if record._meta.model_name in ABOUT[:2]:
        return handle(record)
    return f"First name ({getattr(record, 'account', None) or record})"
