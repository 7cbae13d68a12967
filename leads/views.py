"""What the buttons and small forms of a lead's page do: one domain call each, its answer shown in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm as Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from crm import handbook
from crm.activities.touch_forms import TouchForm
from crm.core.dialogs import MoveDialog, leave, status_of, told, url_of
from crm.core.errors import Refused, Stale
from crm.core.flow import Facts, Stateful
from crm.core.offers import VIA
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.people.models import Team
from leads import page
from leads.conversion import accept_conversion
from leads.forms import BantForm, NextTouchForm
from leads.models import Conversion, Lead
from leads.queues import queue_leads
from leads.working import claim_lead, clear_touch, log_touch, note_bant, plan_touch

Page = Callable[[HttpRequest, Lead], HttpResponse]


class LeadMove(MoveDialog):
    """The dialog of a lead's move, with what is likely for leads."""

    kind: ClassVar[type[Stateful]] = Lead

    def initial(self) -> dict[str, Any]:
        """A meeting that has passed was most likely held, and is not when they meet next."""
        values = super().initial()
        passed = self.record.meeting_at is not None and self.record.meeting_at <= self.at
        if passed:
            values.pop("meeting_at", None)
        if passed and self.info.name in ("convert", "work_to_convert"):
            values.setdefault("meeting_outcome", "held")
        return values

    def form(self, data: Any) -> Facts:
        """Beside each reason for nurture, the day that it leads back on."""
        form = super().form(data)
        if "nurture_reason" in form.fields:
            today = handbook.current().today(self.at)
            back = {
                reason.key: date_format(today + timedelta(days=reason.come_back_days), "DATE_FORMAT")
                for reason in handbook.current().lead.nurture_reasons
            }
            field: Any = form.fields["nurture_reason"]
            field.choices = [
                (key, f"{label} (back on {back[key]})" if key in back else label) for key, label in field.choices
            ]
        return form

    def more(self, form: Facts) -> dict[str, Any]:
        """Taking a closing back lifts nothing (D5): said before it is done."""
        last = getattr(self.record, "last_move", None)
        closed = self.info.name == "take_back" and last is not None and last.verb == "do_not_contact"
        said = (
            "This takes the status back only. They are still not to be contacted: a manager lifts that, with a reason."
        )
        return {**super().more(form), "note": said if closed else ""}


def of_lead(view: Page) -> Callable[..., HttpResponse]:
    """A view that is posted to and works on one lead the user may see."""

    @require_POST
    @wraps(view)
    def working(request: HttpRequest, pk: int) -> HttpResponse:
        lead = get_object_or_404(Lead.objects.select_related("owner"), pk=pk)
        if not may(request.user, "view", lead):  # type: ignore[arg-type]
            raise PermissionDenied
        return view(request, lead)

    return working


@of_lead
def claim(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Make an unowned lead one's own."""
    try:
        claim_lead(lead, actor=request.user, at=timezone.now(), via=VIA)  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, refusal.message)
        return leave(request, _next(request, lead), refusal)
    messages.success(request, f"{lead} is yours.")
    return leave(request, _next(request, lead))


@of_lead
def queue(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Put the lead into a team's queue, or out of every queue; it has no owner then."""
    number = whole_number(request.POST.get("team", "")) if request.POST.get("team") else None
    team = Team.objects.filter(pk=number).first() if number is not None else None
    refusal: Refused | None = None
    if request.POST.get("team") and team is None:
        refusal = Refused("unknown_team", "There is no such team: choose one of the list.")
    else:
        (answer,) = queue_leads([lead.pk], team, actor=request.user, at=timezone.now(), via=VIA)  # type: ignore[arg-type]
        refusal = answer.refusal
    if refusal is None:
        messages.success(request, f"{lead} waits in the queue of {team}." if team else f"{lead} is in no queue.")
    else:
        messages.error(request, refusal.message)
    return leave(request, _next(request, lead), refusal)


@of_lead
def bant(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Note what is known of Budget, Authority, Need and Timing."""
    version = request.POST.get("version", "")
    form = BantForm(request.POST, instance=Lead.objects.get(pk=lead.pk))
    at, opened, refusal = timezone.now(), whole_number(version), None
    if form.is_valid():
        try:
            note_bant(
                lead,
                form.cleaned_data,
                actor=request.user,  # type: ignore[arg-type]
                at=at,
                via=VIA,
                version=lead.version if opened is None else opened,
            )
        except Refused as refused:
            refusal = refused
    lead.refresh_from_db()
    saved = form.is_valid() and refusal is None
    context = page.moves_panel(request, lead, at=at) | {
        "bant": BantForm(instance=lead) if saved else form,
        "bant_saved": saved,
        "bant_refusal": refusal,
        "bant_meanwhile": page.meanwhile(lead, version) if isinstance(refusal, Stale) else None,
        "can_change": may(request.user, "change", lead),  # type: ignore[arg-type]
        "oob": saved,
    }
    return _answer(request, lead, "leads/bant_answer.html", context, form, refusal)


@of_lead
def touch(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Log a touch; if it was the planned one, clear what was planned."""
    at = timezone.now()
    form = TouchForm(request.POST, at=at, record=lead)
    refusal, made = None, None
    if form.is_valid():
        try:
            made = log_touch(lead, actor=request.user, at=at, via=VIA, **form.values())  # type: ignore[arg-type]
            if request.POST.get("planned"):
                clear_touch(lead, actor=request.user, at=at, via=VIA)  # type: ignore[arg-type]
        except Refused as refused:
            refusal = refused
    saved = form.is_valid() and refusal is None
    context = page.moves_panel(request, lead, at=at) | {
        **page.lead_feed(request, lead, at=at, touch_form=None if saved else form),
        "touch_saved": saved,
        "violated": made.violation_of if saved and made else None,
        "touch_refusal": refusal,
        "oob": saved,
    }
    context |= page.next_touch_panel(request, lead)
    return _answer(request, lead, "leads/touch_answer.html", context, form, refusal)


@of_lead
def next_touch(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Plan the next touch, or clear it."""
    at, refusal = timezone.now(), None
    form = NextTouchForm(request.POST, at=at)
    try:
        if request.POST.get("clear"):
            form = NextTouchForm(at=at)
            clear_touch(lead, actor=request.user, at=at, via=VIA)  # type: ignore[arg-type]
        elif form.is_valid():
            values = form.cleaned_data
            plan_touch(
                lead,
                due_on=values["due_on"],
                kind=values["next_kind"],
                text=values["what"],
                actor=request.user,  # type: ignore[arg-type]
                at=at,
                via=VIA,
            )
    except Refused as refused:
        refusal = refused
    context = page.next_touch_panel(request, lead, form if form.errors else None) | {"next_refusal": refusal}
    return _answer(request, lead, "leads/next_touch.html", context, form, refusal)


@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Take over an opportunity that was handed over."""
    conversion = get_object_or_404(Conversion.objects.select_related("opportunity"), pk=pk)
    refusal = None
    try:
        accept_conversion(conversion, actor=request.user, at=timezone.now(), via=VIA)  # type: ignore[arg-type]
        messages.success(request, f"Accepted: {conversion.opportunity} is in your hands.")
    except Refused as refused:
        refusal = refused
        messages.error(request, refusal.message)
    return leave(request, _next(request, conversion.opportunity), refusal)


def _next(request: HttpRequest, record: Any) -> str:
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return wanted
    return url_of(record, "change")


def _answer(
    request: HttpRequest, lead: Lead, template: str, context: dict[str, Any], form: Form, refusal: Refused | None
) -> HttpResponse:
    """The changed parts of the page; without htmx, the page again, with what was wrong as messages."""
    if not request.htmx:  # type: ignore[attr-defined]
        for name, errors in form.errors.items():
            messages.error(request, f"{form[name].label}: {' '.join(map(str, errors))}")
        if refusal:
            messages.error(request, refusal.message)
        return leave(request, url_of(lead, "change"), refusal)
    return told(render(request, template, context, status=status_of(refusal)), refusal)
