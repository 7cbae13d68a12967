"""Panels of leads, and the receipts of conversions, shown on the pages of all four records (L12)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm import handbook
from crm.core.asking import moment
from crm.core.dialogs import url_of
from crm.core.display import shown
from crm.core.labels import field_label
from crm.core.panels import panel
from crm.core.permissions import may
from leads import page
from leads.models import Conversion, Lead
from leads.statuses import Status

# A company that buys often has many; the newest are what people look for.
SHOWN = 5
KINDS = (("account", "Account"), ("contact", "Contact"), ("opportunity", "Opportunity"))


@panel("receipts", "Conversions", Lead, Account, Contact, Opportunity, always=True)
def receipts(request: HttpRequest, record: Any) -> str:
    """What was considered, chosen by whom, made and copied; for an opportunity, accepting and returning it."""
    related = ("lead", "lead__owner", "account", "contact", "opportunity", "opportunity__owner", "by", "answered_by")
    found = record.conversions.select_related(*related)[:SHOWN]
    if not found:
        return ""
    shown = [receipt(request, conversion, on=record) for conversion in found]
    return render_to_string("leads/receipts.html", {"receipts": shown, "record": record}, request)


@panel("next_touch", "Next touch", Lead)
def next_touch(request: HttpRequest, lead: Lead) -> str:
    """What is to happen next, and the form that changes it."""
    return render_to_string("leads/next_touch.html", page.next_touch_panel(request, lead), request)


@panel("meeting", "Meeting", Lead)
def meeting(request: HttpRequest, lead: Lead) -> str:
    """When they meet, and what became of it; nothing while no meeting is agreed."""
    at, outcome = moment(request), lead.meeting_outcome
    if lead.meeting_at is None:
        return ""
    words = {
        "lead": lead,
        "meeting_open": lead.status == Status.MEETING_SCHEDULED and not outcome,
        "meeting_passed": lead.meeting_at <= at,
        "meeting_outcome": handbook.current().label("touch.outcomes", outcome) if outcome else "",
        "page_version": lead.version,
    }
    return render_to_string("leads/meeting.html", words, request)


@panel("provenance", "Where the details came from", Lead)
def provenance(request: HttpRequest, lead: Lead) -> str:
    """Where the details came from (L16), ids elsewhere, and values an import kept."""
    return render_to_string("leads/provenance.html", page.provenance(lead), request)


@panel("status_times", "Time in each status", Lead)
def status_times(request: HttpRequest, lead: Lead) -> str:
    """How long it was in each status so far (L13)."""
    return render_to_string("leads/status_times.html", {"lead": lead, "at": moment(request)}, request)


def receipt(request: HttpRequest, conversion: Conversion, *, on: Any) -> dict[str, Any]:
    """One receipt in the words of its page."""
    stored = conversion.receipt
    user: Any = request.user
    lines = []
    for name, label in KINDS:
        target = getattr(conversion, name)
        chosen = stored.get("chosen", {}).get(name, {})
        considered = stored.get("considered", {}).get(f"{_plural(name)}", [])
        lines.append(
            {
                "label": label,
                "record": target,
                "url": url_of(target, "change"),
                "here": target == on,
                "how": chosen.get("how", ""),
                "considered": considered,
            }
        )
    copied = [
        (label, _copied(type(getattr(conversion, name)), stored["copied"][name]))
        for name, label in KINDS
        if stored.get("copied", {}).get(name)
    ]
    standing = conversion.state != Conversion.State.RETURNED
    return {
        "conversion": conversion,
        "lines": lines,
        "copied": copied,
        "lead_url": url_of(conversion.lead, "change"),
        "standing": standing,
        "may_accept": conversion.state == Conversion.State.HANDED_OVER and may(user, "accept", conversion),
        "may_return": standing
        and conversion.lead.converted_opportunity_id == conversion.opportunity_id
        and may(user, "return_lead", conversion.lead),
        "on_opportunity": isinstance(on, Opportunity),
        "back": url_of(on, "change"),
    }


def _plural(name: str) -> str:
    return "opportunities" if name == "opportunity" else f"{name}s"


def _copied(kind: type[models.Model], values: dict[str, Any]) -> list[tuple[str, str]]:
    """The copied values under the labels that they have now; a field that is gone keeps its name."""
    fields = {field.name: field for field in kind._meta.concrete_fields}
    return [
        (field_label(fields.get(name) or name.replace("_", " ")), shown(fields.get(name), value))
        for name, value in sorted(values.items())
    ]
