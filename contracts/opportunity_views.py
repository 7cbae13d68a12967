"""The dialogs of an opportunity: its moves, and the next step that was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View

from contracts.flow_facts import StepFacts
from contracts.models import Opportunity
from contracts.next_steps import KEEP, keep_next_step
from crm.core.dialogs import MoveDialog, dialog, leave, url_of
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.core.offers import VIA
from crm.core.permissions import may
from crm.core.text import whole_number

if TYPE_CHECKING:
    from crm.people.models import User


class OpportunityMove(MoveDialog):
    """The dialog of each move of an opportunity."""

    kind: ClassVar[type[Stateful]] = Opportunity

    def sent(self) -> dict[str, Any]:
        """The facts as they were sent; of boxes, every one that was ticked."""
        fields = self.info.facts(record=self.record, at=self.at).fields
        return {
            name: self.request.POST.getlist(name) if isinstance(field, forms.MultipleChoiceField) else value
            for name, field in fields.items()
            if (value := self.request.POST.get(name)) is not None
        }


class KeepStep(View):
    """The next step was done: what is next? With JavaScript in a dialog, without it a page."""

    site: Any = None
    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.at = timezone.now()
        self.actor: User = request.user  # type: ignore[assignment]
        found = Opportunity.objects.select_related("owner").filter(pk=kwargs["pk"]).first()
        if found is None:
            raise Http404("There is no such opportunity.")
        self.record: Opportunity = found
        if not may(self.actor, "change", found):
            raise PermissionDenied(f"“{KEEP.label}” may be done by: {KEEP.who}.")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What is next; nothing is changed."""
        return self.answer(self.form(None), None)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep the promise and make the next one, or say what is missing at its field."""
        try:
            kept = keep_next_step(
                self.record,
                actor=self.actor,
                at=self.at,
                via=VIA,
                version=whole_number(request.POST.get("version", "")),
                next_step=request.POST.get("next_step", ""),
                next_step_due=request.POST.get("next_step_due", ""),
            )
        except Refused as refusal:
            form = self.form(request.POST)
            form.is_valid()
            for item in refusal.missing:
                if item.field in form.fields and item.field not in form.errors:
                    form.add_error(item.field, item.message)
            return self.answer(form, refusal)
        messages.success(request, f"“{kept.text}” was {kept.get_outcome_display().lower()}.")
        return leave(request, url_of(self.record, "change"))

    def form(self, data: Any) -> StepFacts:
        """The next one, and by when."""
        form = StepFacts(data, record=self.record, at=self.at)
        form.fields.pop("next_step_kept", None)
        return form

    def answer(self, form: StepFacts, refusal: Refused | None) -> TemplateResponse:
        """The dialog, with what is wrong at its field."""
        said = refusal
        if refusal is not None and refusal.missing and all(item.field in form.fields for item in refusal.missing):
            said = None  # each is said at its field
        context = {
            "title": f"“{self.record.next_step}” was done" if self.record.next_step else KEEP.label,
            "button": "Save",
            "form": form,
            "record": self.record,
            "record_url": url_of(self.record, "change"),
            "version": self.request.POST.get("version") or self.record.version,
            "refusal": said,
        }
        return dialog(self.request, context, refusal, site=self.site, partial="contracts/dialog_form.html")
