"""What a lead's page shows: its path, moves, timeline, next touch, and where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from crm import handbook
from crm.activities.feed import feed
from crm.activities.gate import bars_of, first_bar
from crm.activities.models import NextTouch
from crm.activities.touch_forms import TouchForm
from crm.core.meanwhile import Meanwhile, changes_after
from crm.core.offers import moves_of
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.history.models import Move
from crm.people.models import Team
from crm.sync.models import ExternalId
from crm.workspace.showing import linked
from leads.forms import NextTouchForm
from leads.models import Lead
from leads.statuses import MEANING, OPEN, PATH, Status

# Ways aside: offered, but never as the button that leads on.
QUIET = ("nurture", "do_not_contact", "release", "return_lead", "lift")
# The first of these that can be made is the button that stands out.
LEADS_ON = ("convert", "work", "engage", "schedule_meeting", "work_to_convert", "enrich", "qualify")


@dataclass(frozen=True, slots=True)
class Step:
    """One status on the path: `now`, `been` (the lead was there) or `ahead`."""

    key: str
    label: str
    meaning: str
    place: str


def path_of(lead: Lead) -> list[Step]:
    """The statuses on the way to SAO Converted; a lead that left the way ends it with where it went."""
    been = {step.to_state for step in lead.moves_so_far} | {step.from_state for step in lead.moves_so_far}
    keys = list(PATH) if lead.status in PATH else [*PATH, Status(lead.status)]

    def place(key: str) -> str:
        return "now" if key == lead.status else ("been" if key in been else "ahead")

    return [Step(key, Status(key).label, MEANING[key], place(key)) for key in keys]


def moves_panel(request: HttpRequest, lead: Lead, *, at: datetime) -> dict[str, Any]:
    """The buttons, the reasons why not, and the version that they were shown for."""
    moves = moves_of(lead, actor=request.user, at=at)  # type: ignore[arg-type]
    possible = {verdict.verb.name for verdict in moves.possible}
    return {
        "record": lead,
        "lead": lead,
        "moves": moves,
        "last_move": lead.last_move,
        "last_move_label": move_label(lead.last_move) if lead.last_move and lead.last_move.from_state else "",
        "moves_url": "admin:leads_lead_move",
        "quiet_verbs": QUIET,
        "main_verb": next((name for name in LEADS_ON if name in possible), ""),
        "page_version": lead.version,
        "bars": lead.bars,
    }


def move_label(step: Move) -> str:
    """What people read for a move's verb; the word itself when it is none of ours."""
    info = Lead.verbs().get(step.verb)
    return info.label if info else capfirst(step.verb)


def lead_feed(request: HttpRequest, lead: Lead, *, at: datetime, touch_form: TouchForm | None = None) -> dict[str, Any]:
    """The timeline of a lead, where touches are logged all day; one that was planned is logged as done."""
    address = {"touch_url": reverse("admin:leads_lead_touch", args=[lead.pk])}
    words = {"feed_title": "Timeline", "log_open": True}
    return feed(request, lead, at=at, touch_form=touch_form) | address | words


def next_touch_panel(request: HttpRequest, lead: Lead, form: NextTouchForm | None = None) -> dict[str, Any]:
    """What is to happen next, and the form that changes it."""
    planned = NextTouch.objects.filter(lead=lead).first()
    at = timezone.now()
    today = handbook.current().today(at)
    if form is None:
        first = {"due_on": today}
        form = NextTouchForm(
            at=at,
            initial={"due_on": planned.due_on, "next_kind": planned.kind, "what": planned.text} if planned else first,
        )
    return {
        "lead": lead,
        "planned": planned,
        "planned_kind": handbook.current().label("touch.kinds", planned.kind) if planned else "",
        "next_form": form,
        "today": today,
        "next_barred": first_bar(lead.bars if hasattr(lead, "bars") else bars_of("lead", [lead.pk])[lead.pk]),
        "can_change": may(request.user, "change", lead),  # type: ignore[arg-type]
    }


def queue_panel(request: HttpRequest, lead: Lead) -> dict[str, Any]:
    """The teams in whose queue the lead may be put; none for who may not change it, or when it is closed."""
    if lead.status not in OPEN or not may(request.user, "change", lead):  # type: ignore[arg-type]
        return {"queues": []}
    return {"queues": list(Team.objects.all())}


def meanwhile(lead: Lead, version: str) -> Sequence[Meanwhile]:
    """What others did to the lead since `version` was on the page."""
    opened = whole_number(version)
    return changes_after(lead, lead.version if opened is None else opened)


def provenance(lead: Lead) -> dict[str, Any]:
    """Where the details came from (L16), ids elsewhere, and values an import kept."""
    kept = sorted(lead.kept.items()) if isinstance(lead.kept, dict) else []
    return {
        "came_from": lead.came_from,
        "external_ids": list(ExternalId.objects.of(lead).order_by("system", "value")),
        "kept": [(name, linked(value) if isinstance(value, str) else value) for name, value in kept],
    }
