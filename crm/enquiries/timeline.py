"""Enquiries and the events of their clocks in the timelines of the records that they are of."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from crm.activities.timeline import Event, Reading, tell_more
from crm.activities.timeline_rows import Source
from crm.clocks.models import ClockEvent
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.enquiries.showing import told

KINDS = ("lead", "contact", "account", "opportunity")
ENQUIRIES = Source(
    "enquiry",
    "received_at",
    """
    SELECT t.id, t.at, t.written FROM scope s CROSS JOIN LATERAL (
        SELECT r.id, r.received_at AS at, r.created_at AS written FROM enquiries_enquiry r
        WHERE r.{kind}_id = s.id AND s.object = '{kind}' {older}
        ORDER BY r.received_at DESC, r.id DESC LIMIT %(most)s
    ) t
    """,
    KINDS,
)
# That a clock started is told by its enquiry.
CLOCKS = Source(
    "clock",
    "at",
    """
    SELECT t.id, t.at, t.written FROM scope s CROSS JOIN LATERAL (
        SELECT r.id, r.at, r.recorded_at AS written
        FROM enquiries_enquiry e JOIN clocks_clockevent r ON r.clock_id = e.clock_id
        WHERE e.{kind}_id = s.id AND s.object = '{kind}' AND r.kind <> 'started' {older}
        ORDER BY r.at DESC, r.id DESC LIMIT %(most)s
    ) t
    """,
    KINDS,
)


def tell_enquiries(ids: list[int], reading: Reading) -> dict[int, Event]:
    """What they asked."""
    if not may(reading.user, "view", Enquiry):
        return {}
    return {
        one.pk: Event(
            one.received_at,
            "enquiry",
            "contact_support",
            f"Enquiry: {one.channel_label}",
            one.name or one.email or "Somebody unknown",
            ": ".join(filter(None, (one.subject, one.text))),
            address=address_of(one.pk),
            **_on(one, reading),
        )
        for one in Enquiry.objects.filter(pk__in=ids).select_related("lead", "contact", "account", "opportunity")
    }


def tell_events(ids: list[int], reading: Reading) -> dict[int, Event]:
    """What happened to the clock of what they asked."""
    if not may(reading.user, "view", Enquiry):
        return {}
    rows: Any = ClockEvent.objects.filter(pk__in=ids).select_related("by", "clock__enquiry")
    found = {}
    for row in rows:
        words, enquiry = told(row), row.clock.enquiry
        found[row.pk] = Event(
            row.at,
            f"clock-{row.kind}",
            words.icon,
            f"{enquiry.channel_label}: {words.title[:1].lower()}{words.title[1:]}",
            words.who or "The clock",
            words.text,
            address=address_of(enquiry.pk),
        )
    return found


def address_of(pk: int) -> str:
    """The page of an enquiry."""
    return reverse("admin:enquiries_enquiry_change", args=[pk])


def _on(enquiry: Enquiry, reading: Reading) -> dict[str, Any]:
    """Whose it is, on the page of a company; nothing on that of the person."""
    person = enquiry.lead or enquiry.contact
    if person is None or (type(person), person.pk) == (type(reading.record), reading.record.pk):
        return {}
    where = f"admin:{person._meta.app_label}_{person._meta.model_name}_change"
    return {"on": str(person), "on_address": reverse(where, args=[person.pk])}


tell_more(ENQUIRIES, tell_enquiries, under="enquiries")
tell_more(CLOCKS, tell_events, under="enquiries")
