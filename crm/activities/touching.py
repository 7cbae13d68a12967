"""Writing down what happened with people, and the notes of a meeting afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from crm.activities.models import MEETING_KIND, Activity
from crm.core.acting import acting
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User


def log_touch(about: Mapping[str, models.Model], *, actor: User, at: datetime, via: str, **values: Any) -> Activity:
    """Write down a touch with these records (`{"contact": cora, "account": initech}`): kind, direction, outcome,
    happened_at, text, title, notes_url. An outreach to who was not to be contacted is logged, and marked (D4).

    Raises:
        Refused: `forbidden`.
    """
    if not may(actor, "add", Activity):
        raise Refused("forbidden", "Touches are logged by those who have a role here.")
    with acting(actor=actor, via=via, at=at):
        touch = Activity(by=actor, **about, **values)
        if touch.kind == MEETING_KIND and touch.notes_url and not touch.title:
            touch.title = title_of(touch)
        touch.save()
    return touch


def add_notes(
    touch: Activity, *, title: str = "", notes_url: str = "", text: str = "", actor: User, at: datetime, via: str
) -> Activity:
    """Write down what was said, or where its notes are; whoever was there may, where nobody has done it yet.

    Raises:
        Refused: `forbidden`, `missing_facts` with `needs_notes`, `has_notes` when somebody was quicker, `not_found`.
    """
    if not (tidy(notes_url) or tidy(text)):
        said = "Give the link to the notes, or write down what was said."
        raise Refused("missing_facts", said, [Missing("needs_notes", said, "notes_url")])
    with acting(actor=actor, via=via, at=at):
        locked = Activity.objects.select_for_update(of=("self",)).filter(pk=touch.pk).first()
        if locked is None:
            raise Refused("not_found", "This meeting is gone.")
        if not may(actor, "add_notes", locked):
            raise Refused("forbidden", "Notes are added by those who have a role here.")
        if locked.has_notes and not may(actor, "change", locked):
            raise Refused("has_notes", "Somebody has added the notes already.")
        locked.notes_url, locked.text = tidy(notes_url) or locked.notes_url, tidy(text) or locked.text
        locked.title = tidy(title) or locked.title or title_of(locked)
        locked.save(update_fields=["title", "notes_url", "text"])
    return locked


def title_of(touch: Activity) -> str:
    """How the notes of a meeting are titled and headed, so that they are found: “Charlie (Fleet)” (S8)."""
    return str(handle(touch.lead or touch.contact, touch.account or touch.opportunity or touch.contract))


def handle(person: Any, company: Any = None) -> str:
    """The first name of somebody, and their company in brackets; of nobody, the company alone."""
    first = (person.first_name or person.last_name or person.email or "") if person else ""
    where = getattr(person, "company", "") or getattr(person, "account", None) or company or ""
    where = getattr(where, "account", where)
    return f"{first} ({where})"[:255] if first and str(where) else (first or str(where))[:255]
