"""Who is erased is not named any more in what colleagues were told, nor in what has yet to leave."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.clocks.sweeping import sweep
from crm.enquiries.incoming import Incoming
from crm.enquiries.receiving import receive_enquiry
from crm.notifications.models import Delivery, Notification
from crm.people.models import User
from crm.privacy.erasing import erase_person
from tests.factories import make_lead
from tests.notifications.servers import Mailbox, Room

pytestmark = pytest.mark.django_db


def test_a_name_leaves_what_was_told_and_what_waits_to_be_sent(
    alice: User, root: User, mailbox: Mailbox, room: Room, now: datetime
) -> None:
    lead = make_lead(owner=alice, first_name="Zdenka", last_name="Quillfeather", email="z@quill.example")
    make_lead(first_name="Zdenka", last_name="Quillfeather", email="another@hers.example")
    asked = Incoming(channel="web_chat", received_at=now, text="My blue invoice", email="z@quill.example")
    receive_enquiry(asked, came_by="api", actor=root, at=now, via="test")
    clock = lead.enquiries.get().clock  # type: ignore[attr-defined]
    assert clock is not None
    sweep(seconds=60, at=clock.limit_at)
    texts = [f"{one.title} {one.text}" for kind in (Notification, Delivery) for one in kind.objects.all()]
    assert [text for text in texts if "Quillfeather" in text]
    assert [text for text in texts if "blue invoice" in text]
    waiting = Delivery.objects.filter(state="waiting").count()
    assert waiting
    erase_person(lead=lead, reason="They asked", actor=root, at=now, via="test")
    texts = [f"{one.title} {one.text}" for kind in (Notification, Delivery) for one in kind.objects.all()]
    assert not [text for text in texts if "Quillfeather" in text or "Zdenka" in text or "blue invoice" in text]
    assert Delivery.objects.filter(state="waiting").count() == waiting, "what is due is told all the same"
