"""Requests as they come in: to whom they belong, once each, with their clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.core.errors import Refused
from crm.enquiries.models import Enquiry
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import received

pytestmark = pytest.mark.django_db


def test_a_new_person_becomes_a_new_lead_whose_clock_runs(alice: User, now: datetime) -> None:
    receipt = received(now, name="Nia Park", email="nia@hooli.example", company="Hooli")
    lead = Lead.objects.get()
    assert receipt.made_lead
    assert (receipt.enquiry.lead, lead.status, lead.first_name, lead.last_name) == (lead, "new", "Nia", "Park")
    clock = receipt.enquiry.clock
    assert clock is not None
    assert (clock.policy, clock.stopped_at, clock.started_at) == ("enquiry", None, now - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"channel": "pigeon"}, "invalid_channel"),
        ({"channel": "web_chat", "priority": "p1"}, "invalid_priority"),
        ({"channel": "support", "priority": "p9"}, "invalid_priority"),
        ({"text": ""}, "needs_text"),
        ({"text": "x" * 100_001}, "invalid_text"),
        ({"email": "not an address"}, "invalid_email"),
        ({"name": "x" * 256}, "invalid_name"),
        ({"linkedin_url": "https://www.linkedin.com/company/hooli"}, "invalid_linkedin_url"),
        ({"received_at": datetime(2026, 3, 4, 9, 0)}, "invalid_received_at"),
        ({"external_id": "17"}, "needs_system"),
    ],
)
def test_it_refuses_what_will_not_do_and_names_the_field(values: dict[str, Any], code: str, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        received(now, **values)
    assert refused.value.codes == (code,)
    assert not Enquiry.objects.exists()


def test_the_same_message_is_received_once(alice: User, now: datetime) -> None:
    first = received(now, email="nia@hooli.example", system="drift", external_id="c-17")
    again = received(now, email="nia@hooli.example", system="drift", external_id="c-17")
    assert (again.known, again.enquiry, Enquiry.objects.count()) == (True, first.enquiry, 1)
