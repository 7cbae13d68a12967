"""Forms about webhooks and the hosts they may be sent to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.text import capfirst
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from crm.core.admin_edit import RecordForm
from crm.core.api.resources import followed
from crm.core.salted import MOST_HOURS, OVERLAP_HOURS
from crm.sync.models import Webhook, WebhookHost
from crm.sync.webhooks.hosts import HOST_SHAPE, is_host, plain_host
from crm.sync.webhooks.rules import EVENTS, faults


def objects() -> list[tuple[str, str]]:
    """What a webhook may be told of."""
    return [(name, str(capfirst(name.replace("_", " ")))) for name in followed()]


class Boxes(forms.CheckboxSelectMultiple):
    """A box for each choice, side by side."""

    template_name = "admin/sync/webhook/boxes.html"

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        """By a template of the project's, which Django's form renderer does not look for."""
        chosen = set(value or ())
        choices = [(key, label, key in chosen) for key, label in self.choices]
        return render_to_string(self.template_name, {"name": name, "choices": choices})


class Words(forms.CharField):
    """A few words with commas between; a list."""

    def __init__(self, *, base_field: Any = None, **kwargs: Any) -> None:
        # What each of the words is like, as the column has it: texts.
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        """The words."""
        words = value if isinstance(value, list) else str(value or "").split(",")
        return list(dict.fromkeys(word.strip() for word in words if word.strip()))

    def prepare_value(self, value: Any) -> Any:
        """As they are typed."""
        return ", ".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other words were typed."""
        return bool(self.to_python(initial) != self.to_python(data))

    def validate(self, value: Any) -> None:
        """Which words there are, the webhook's rules say."""

    def run_validators(self, value: Any) -> None:
        """As above."""


class WebhookForm(RecordForm):
    """Who is told, where, of what, and only of what passes."""

    objects_told = forms.MultipleChoiceField(label="Of what", choices=objects, widget=Boxes)
    events = forms.MultipleChoiceField(label="When", choices=list(EVENTS.items()), widget=Boxes)

    class Meta:
        model = Webhook
        fields = ("name", "url", "user", "objects_told", "events", "fields", "filter")
        field_classes = {"fields": Words}
        widgets = {"fields": UnfoldAdminTextInputWidget()}
        labels = {
            "url": "Address",
            "user": "Told what this user may see",
            "fields": "Only changes of these fields",
            "filter": "Only records that pass",
        }
        help_texts = {
            "name": "Which system is told.",
            "url": "As https://hooks.example.com/plumb. Its host has to be among the allowed hosts.",
            "fields": "By the API's names with commas between, as owner_id, lead_status. Empty: every change.",
            "filter": "As in the address of the API's list: lead_status=new&owner_id=7. A record passes as it is when"
            " the message is made; one that is gone always does.",
        }

    def _put(self, name: str, stored: Any) -> None:
        """Boxes hold several values."""
        if isinstance(self.fields[name].widget, Boxes):
            self.data.setlist(self.add_prefix(name), list(stored or ()))
        else:
            super()._put(name, stored)

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            for one in faults(self.instance):
                self.add_error(one.field if one.field in self.fields else None, one.message)


class HostForm(RecordForm):
    """A host that messages may be sent to."""

    class Meta:
        model = WebhookHost
        fields = ("host", "note")

    def clean_host(self) -> str:
        """As it is compared."""
        host = str(self.cleaned_data["host"])
        if not is_host(host):
            raise forms.ValidationError(HOST_SHAPE)
        return plain_host(host)


class RotateForm(forms.Form):
    """How long messages are signed with the present secret too."""

    hours = forms.IntegerField(
        label="Hours in which both sign",
        min_value=0,
        max_value=MOST_HOURS,
        initial=OVERLAP_HOURS,
        help_text="0 if it leaked: the new one alone signs, at once.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )


class ReasonForm(forms.Form):
    """Why it is paused, resumed or stopped."""

    reason = forms.CharField(
        label="Note", required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class ReplayForm(forms.Form):
    """From when everything is told again."""

    since = forms.SplitDateTimeField(
        label="From when", widget=UnfoldAdminSplitDateTimeWidget(), help_text="In your time zone."
    )
