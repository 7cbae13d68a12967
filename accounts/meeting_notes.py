"""Meeting notes (C3, C7): the reminder that is always there, what it asks for, and the notes there are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import Account, Contact
from crm.activities.meetings import Passed, meetings_with_notes, meetings_without_notes
from crm.activities.models import Activity
from crm.activities.touch_forms import NotesForm
from crm.activities.touching import add_notes, handle, title_of
from crm.core.asking import moment, user_of
from crm.core.dialogs import status_of, told, url_of
from crm.core.errors import Refused
from crm.core.offers import VIA
from crm.core.panels import panel
from crm.core.permissions import may
from crm.site import site
from crm.workspace.layouts import stored_layout
from crm.workspace.links import links_for

SHOWN = 10
ASKED = 3
# The useful link of accounts that leads to where notes are kept.
LINK = "meeting notes"


@panel("meeting_notes", "Meeting notes", Account)
def notes(request: HttpRequest, account: Account, *, swap: bool = False) -> str:
    """The newest meetings of the company and its people whose notes there are."""
    found = meetings_with_notes(account, user=user_of(request), most=SHOWN)
    context = {"meetings": [_noted(touch) for touch in found], "swap": swap}
    return render_to_string("accounts/meeting_notes.html", context, request)


@panel("meeting_notes_reminder", "Looking for meeting notes", Account, Contact)
def reminder(
    request: HttpRequest, record: Any, *, wrong: tuple[int, NotesForm | None, str] | None = None, saved: bool = False
) -> str:
    """Where notes are and how they are titled; and a request for each meeting that passed without."""
    passed = meetings_without_notes(record, user=user_of(request), at=moment(request), most=ASKED + 1)
    context = {
        "record": record,
        "asked": [_asked(one, record, wrong) for one in passed[:ASKED]],
        "more": len(passed) > ASKED,
        "titled": handle(record) if isinstance(record, Contact) else f"Charlie ({record})",
        "repository": _repository(record),
        "saved": saved,
    }
    return render_to_string("accounts/meeting_notes_reminder.html", context, request)


@site.page("accounts/<slug:name>/<int:pk>/notes/<int:touch>/", "accounts_meeting_notes")
@require_POST
def write(request: HttpRequest, name: str, pk: int, touch: int) -> HttpResponse:
    """Add the notes of a meeting."""
    kind: Any = {"account": Account, "contact": Contact}.get(name, Account)
    record, meeting = get_object_or_404(kind, pk=pk), get_object_or_404(Activity, pk=touch)
    if not (may(user_of(request), "view", record) and may(user_of(request), "view", meeting)):
        raise PermissionDenied
    form, refusal = NotesForm(request.POST), None
    if form.is_valid():
        try:
            add_notes(meeting, actor=user_of(request), at=moment(request), via=VIA, **form.cleaned_data)
        except Refused as refused:
            refusal = refused
    said = refusal.message if refusal else " ".join(str(one) for errors in form.errors.values() for one in errors)
    if not request.htmx:  # type: ignore[attr-defined]
        (messages.error if said else messages.success)(request, said or "The notes are added.")
        response: HttpResponse = HttpResponseRedirect(url_of(record, "change"))
    else:
        html = reminder(request, record, wrong=(touch, form, said) if said else None, saved=not said)
        if not said and isinstance(record, Account):
            html += notes(request, record, swap=True)
        response = HttpResponse(html, status=status_of(refusal))
    return told(response, refusal)


def _noted(touch: Activity) -> dict[str, Any]:
    """One meeting of the list: its title, and where its notes are."""
    elsewhere = touch.notes_url if touch.notes_url.startswith(("https://", "http://")) else ""
    return {
        "touch": touch,
        "title": touch.title or title_of(touch),
        "address": elsewhere or url_of(touch, "change"),
        "outside": bool(elsewhere),
    }


def _asked(one: Passed, record: Any, wrong: tuple[int, NotesForm | None, str] | None) -> dict[str, Any]:
    """One request: with whom, when, and the form that answers it."""
    touch = one.touch
    mine = touch is not None and wrong is not None and wrong[0] == touch.pk
    form = wrong[1] if wrong and mine else None
    if touch is not None and form is None:
        form = NotesForm(initial={"title": touch.title or title_of(touch)}, auto_id=f"notes_{touch.pk}_%s")
    where = [record._meta.model_name, record.pk, touch.pk] if touch is not None else []
    return {
        "who": one.who,
        "at": one.at,
        "touch": touch,
        "address": one.address,
        "answer": reverse("admin:accounts_meeting_notes", args=where) if where else "",
        "form": form,
        "said": wrong[2] if wrong and mine else "",
    }


def _repository(record: Any) -> str:
    """Where the notes of the company are searched for, as the layout of accounts has it; empty without such a link."""
    company = record if isinstance(record, Account) else record.account
    if company is None:
        return ""
    links = [one for one in stored_layout(Account).links if LINK in one[0].casefold()]
    found = links_for(links[:1], company)
    return found[0].address if found else ""
