"""Forms about sources of enquiries."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from crm.core.admin_edit import RecordForm
from crm.core.salted import MOST_HOURS, OVERLAP_HOURS
from crm.enquiries.models import Source


class SourceForm(RecordForm):
    """What may be changed about a source: what it is called here, and the channel of what it sends from now on."""

    class Meta:
        model = Source
        fields = ("name", "channel")
        help_texts = {"channel": "Of the enquiries that it sends from now on."}


class NewSourceForm(RecordForm):
    """A new source: what it sends, and the service account that it acts as."""

    class Meta:
        model = Source
        fields = ("name", "kind", "channel", "user")
        help_texts = {
            "name": "Which system it is.",
            "channel": "Of the enquiries that it sends.",
            "user": "A service account: what the source does, it does as this one.",
        }
        labels = {"user": "Acts as", "kind": "What it sends"}


class RotateForm(forms.Form):
    """How long the present secret still works beside the new one."""

    hours = forms.IntegerField(
        label="Hours that the present secret still works",
        min_value=0,
        max_value=MOST_HOURS,
        initial=OVERLAP_HOURS,
        help_text="0 if it leaked: it stops at once.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )


class StopForm(forms.Form):
    """Why a source is stopped."""

    reason = forms.CharField(
        label="Note", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
