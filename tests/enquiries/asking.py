"""Requests and answers for tests, made through the doors users have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models

from crm.activities.models import Activity
from crm.activities.touching import log_touch
from crm.clocks.models import Clock
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import Incoming, Receipt, receive_enquiry
from crm.people.models import User
from leads.models import Lead

MINUTE = timedelta(minutes=1)


def received(now: datetime, **values: Any) -> Receipt:
    """A request by the contact form, a minute ago."""
    given = {"channel": "contact_form", "received_at": now - MINUTE, "text": "Do you support Windows?"}
    came_by = values.pop("came_by", "api")
    actor = values.pop("actor", None) or User.objects.system()
    return receive_enquiry(Incoming(**{**given, **values}), came_by=came_by, actor=actor, at=now, via="test")


def ask(now: datetime, **values: Any) -> Enquiry:
    """As `received`, the enquiry."""
    return received(now, **values).enquiry


def touched(record: models.Model, by: User, at: datetime, **values: Any) -> Activity:
    """An email that was sent to them."""
    given = {"kind": "email", "direction": "out", "outcome": "sent", "happened_at": at, **values}
    return log_touch({str(record._meta.model_name): record}, actor=by, at=at, via="test", **given)


def written_by_sql(lead: Lead, by: User, at: datetime) -> None:
    """A voicemail, by a way that wakes nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activities_activity (version, kind, direction, outcome, happened_at, text, by_id, lead_id,"
            " title, notes_url, kept) VALUES (1, 'call', 'out', 'voicemail', %s, '', %s, %s, '', '', '{}')",
            [at, by.pk, lead.pk],
        )


def clock_of(enquiry: Enquiry) -> Clock:
    """Its clock as it is now."""
    return Clock.objects.get(enquiry=enquiry)
