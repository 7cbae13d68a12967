"""Mending and releasing a held row."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from crm.core.admin import moment, refusal_words, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.imports.models import HeldRow
from crm.imports.services import release_held_row
from crm.site import site

# Ours, and what the same thing is called in the rows that come.
COLUMNS = {
    "first_name": ("FirstName",),
    "last_name": ("LastName",),
    "email": ("Email",),
    "linkedin_url": ("LinkedIn__c", "LinkedIn_URL__c", "LinkedInURL__c"),
}


class ReleaseForm(forms.Form):
    """What most often keeps a lead from being stored: it cannot be reached. Of other rows, every column."""

    first_name = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget)
    last_name = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget)
    email = forms.EmailField(required=False, max_length=254, widget=UnfoldAdminEmailInputWidget)
    linkedin_url = forms.URLField(
        label="LinkedIn profile URL",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, data: Any = None, *, held: HeldRow) -> None:
        came = dict(held.row)
        if _is_lead(held):
            came = {name: next((came[c] for c in columns if came.get(c)), "") for name, columns in COLUMNS.items()}
        super().__init__(data, initial=came)
        if not _is_lead(held):
            self.fields = {
                column: forms.CharField(label=column, required=False, widget=UnfoldAdminTextInputWidget)
                for column in came
            }

    def mended(self) -> dict[str, str]:
        """What was supplied or corrected; the rest stays as it came."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


def _is_lead(held: HeldRow) -> bool:
    """Whether it is a lead with the columns of Salesforce; any other row is mended column by column."""
    return held.object.lower() == "lead" and not held.run.is_csv


@require_http_methods(["GET", "HEAD", "POST"])
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Store the mended row as the record it says it is."""
    held = get_object_or_404(HeldRow.objects.select_related("run"), pk=pk)
    if not may(user_of(request), "change", held):
        raise PermissionDenied
    page = reverse("admin:imports_heldrow_change", args=[held.pk])
    if request.method != "POST":
        return HttpResponseRedirect(page)
    form = ReleaseForm(request.POST, held=held)
    if form.is_valid():
        try:
            record = release_held_row(
                held, values=form.mended(), actor=user_of(request), at=moment(request), via="admin"
            )
        except Refused as error:
            for item in error.missing:
                form.add_error(item.field if item.field in form.fields else None, item.message)
            if not error.missing:
                form.add_error(None, refusal_words(error))
        except ValidationError as error:
            for message in error.messages:
                form.add_error(None, message)
        else:
            messages.success(request, f"Released: {record} is stored.")
            return HttpResponseRedirect(page)
    context: dict[str, Any] = {"title": f"Release {held}", "held": held, "release_form": form, "back": page}
    context["row"] = held.row.items()
    return TemplateResponse(request, "admin/imports/release.html", {**site.each_context(request), **context})
