"""Forms about API keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template.loader import render_to_string
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from crm.core.admin_edit import RecordForm
from crm.core.salted import OVERLAP_HOURS
from crm.sync.models import ApiKey
from crm.sync.scopes import grouped, scopes


class ScopeBoxes(forms.CheckboxSelectMultiple):
    """A box for each scope, in one group for each resource."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        """The groups; a template of the project's, which Django's form renderer does not look for."""
        chosen = set(value or ())
        groups = [
            (resource.replace("_", " ").capitalize(), [(scope, said, scope in chosen) for scope, said in found])
            for resource, found in grouped().items()
        ]
        return render_to_string("admin/sync/scopes.html", {"name": name, "groups": groups})


class KeyForm(RecordForm):
    """What may be changed about a key: what it is called, when it ends, how often it may ask."""

    class Meta:
        model = ApiKey
        fields = ("name", "expires_at", "per_minute")


class NewKeyForm(RecordForm):
    """A new key: who it acts as, and what it may do."""

    scopes = forms.MultipleChoiceField(
        label="What it may do",
        required=False,
        choices=lambda: [(name, said) for name, said in scopes().items()],
        widget=ScopeBoxes,
        help_text="Never more than its user may. Writing does not include reading.",
    )

    def _post_clean(self) -> None:
        # A list of its own, judged by the service together with the rest.
        chosen = self.cleaned_data.pop("scopes", None)
        super()._post_clean()
        if chosen is not None:
            self.cleaned_data["scopes"] = chosen


class RevokeForm(forms.Form):
    """Why a key is revoked."""

    reason = forms.CharField(
        label="Note", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class RotateForm(forms.Form):
    """How long the old secret works beside the new one, and why there is a new one."""

    hours = forms.TypedChoiceField(
        label="The old secret works for",
        coerce=int,
        initial=OVERLAP_HOURS,
        choices=[
            (0, "Not at all"),
            (1, "1 hour"),
            (24, "24 hours"),
            (72, "3 days"),
            (168, "7 days"),
            (336, "14 days"),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(
        label="Note", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
