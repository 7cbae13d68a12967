"""What may be sent about enquiries over the API: each fact has one JSON type; all that is wrong is named at once.

Whether a word is one of the handbook's, and whether what was sent will do, says the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from accounts.models import Contact
from crm import handbook
from crm.activities.models import kind_choices, outcome_choices
from crm.core.api.facts import LONGEST_TEXT, fact_from, fact_schema
from crm.core.api.problems import Flaw, invalid, pointer_to
from crm.core.api.schema import RecordSchema
from crm.core.days import check_day
from crm.core.errors import Unreadable
from crm.enquiries.incoming import EARLIEST
from crm.enquiries.models import channel_choices, priority_choices, void_choices
from leads.models import Lead

JSON = "application/json"
LONGEST_LINE = 255
IF_MATCH = "The ETag you read: 412 if the enquiry was changed since."


def words(help_text: str = "", *, required: bool = False) -> forms.CharField:
    """A text that the door judges."""
    return forms.CharField(required=required, help_text=help_text)


class Receive(forms.Form):
    """A request as it came in."""

    channel = words("By which channel: a key of the handbook.", required=True)
    received_at = forms.DateTimeField(required=False, help_text="When they sent it, if not now.")
    text = words("What they wrote.")
    subject = words()
    name = words("Who asks.")
    company = words()
    email = words()
    linkedin_url = words()
    phone = words()
    website = words("Their company's.")
    priority = words("Where the channel has priorities: a key of the handbook.")
    system = words("The system that it comes from; with external_id.")
    external_id = words("The id of the message there: a second one with the same is the same enquiry.")
    meeting_at = forms.DateTimeField(required=False, help_text="The slot they booked.")


class Note(forms.Form):
    """Something to say about it."""

    note = words("A word about it.")


class Void(Note):
    """Why it is no request of anybody."""

    reason = words("A key of the handbook's void_reasons.", required=True)


class HoldUp(Note):
    """What they are to do first."""

    reason = words("A key of the handbook's pause_reasons.", required=True)


class Nothing(forms.Form):
    """Nothing."""


class Attach(forms.Form):
    """Whose it is: a record, or the details that name one."""

    lead_id = forms.ModelChoiceField(Lead.objects.all(), required=False)
    contact_id = forms.ModelChoiceField(Contact.objects.all(), required=False)
    email = words("Their email; the record that it names is found, or a lead is made.")
    linkedin_url = words("Their LinkedIn profile URL.")
    name = words()
    company = words()
    phone = words()


class Answer(forms.Form):
    """The response, and the next touch of the lead."""

    kind = forms.ChoiceField(choices=kind_choices, help_text="Of the touch.")
    outcome = forms.ChoiceField(choices=outcome_choices)
    happened_at = forms.DateTimeField(required=False, help_text="When it was given, if not now.")
    text = forms.CharField(required=False, max_length=LONGEST_TEXT, help_text="What was said.")
    next_touch_on = forms.DateField(required=False, validators=[check_day], help_text="When the lead is touched next.")
    next_touch_kind = forms.ChoiceField(required=False, choices=kind_choices, help_text="As this one, unless said.")
    next_touch_text = forms.CharField(required=False, max_length=LONGEST_LINE, help_text="What is to be done then.")

    def clean_happened_at(self) -> Any:
        """A time within reason."""
        found = self.cleaned_data["happened_at"]
        if found is not None and found < EARLIEST:
            raise forms.ValidationError(f"A time since {EARLIEST.year}.", code="invalid_happened_at")
        return found


def pause_choices() -> list[tuple[str, str]]:
    """Why an enquiry is held up, as the handbook names it."""
    return handbook.current().choices("enquiry.pause_reasons")


# What each action of the resource takes.
BODIES: dict[str, type[forms.Form]] = {
    "create": Receive,
    "void": Void,
    "unvoid": Note,
    "hold_up": HoldUp,
    "resume": Note,
    "claim": Nothing,
    "attach": Attach,
    "respond": Answer,
}
WORDS = {
    ("create", "channel"): channel_choices,
    ("create", "priority"): priority_choices,
    ("void", "reason"): void_choices,
    ("hold_up", "reason"): pause_choices,
}


def read(action: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a body by their names; a text that was not sent is empty, anything else None.

    Raises:
        Problem: 400 with each name that is unknown and each value that is of another type.
    """
    form = BODIES[action]
    known: Any = form.base_fields
    said = ", ".join(known) or "there is none"
    flaws = [
        Flaw(name, "unknown_field", f"“{name}” is no field: {said}.", pointer_to(name))
        for name in body
        if name not in known
    ]
    sent = {name: fact_from(known[name], value) for name, value in body.items() if name in known}
    flaws += [Flaw(name, "type", str(value)) for name, value in sent.items() if isinstance(value, Unreadable)]
    judged = form(data={name: value for name, value in sent.items() if not isinstance(value, Unreadable)})
    told = {flaw.field for flaw in flaws}
    flaws += [
        Flaw(name, error.code or "invalid", said)
        for name, errors in judged.errors.as_data().items()
        if name not in told
        for error in errors
        for said in error.messages
    ]
    if flaws:
        raise invalid(flaws)
    return judged.cleaned_data


class EnquirySchema(RecordSchema):
    """Describes what each action takes, and that what was here already is answered with 200."""

    def get_request_serializer(self) -> Any:
        action = str(getattr(self.view, "action", ""))
        form: Any = BODIES.get(action)
        if form is None:
            return super().get_request_serializer()
        fields = {name: fact_schema(field) for name, field in form.base_fields.items()}
        for name in fields:
            if choices := WORDS.get((action, name)):
                fields[name]["enum"] = [key for key, _ in choices()]
            if not form.base_fields[name].required:
                fields[name]["type"] = [fields[name]["type"], "null"]
                if "enum" in fields[name]:
                    fields[name]["enum"] = [*fields[name]["enum"], None]
        needed = [name for name, field in form.base_fields.items() if field.required]
        return {JSON: {"type": "object", "properties": fields, **({"required": needed} if needed else {})}}

    def _get_parameters(self) -> list[Any]:
        found = super()._get_parameters()
        if getattr(self.view, "action", "") in BODIES.keys() - {"create"}:
            schema = {"type": "string"}
            found.append({"name": "If-Match", "in": "header", "description": IF_MATCH, "schema": schema})
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None and getattr(self.view, "action", "") == "create":
            here = {**operation["responses"]["201"], "description": "This message was here already: its enquiry."}
            operation["responses"]["200"] = here
        return operation
