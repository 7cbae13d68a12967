"""Erasing a person takes them out of what was said of them in meetings, and leaves what was done."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.reviews.models import Item, Meeting
from tests.factories import make_lead

pytestmark = pytest.mark.django_db


def test_items_lose_the_person_and_keep_what_was_answered(alice: User, mona: User, root: User, now: datetime) -> None:
    lead = make_lead(first_name="Zdenka", last_name="Quillfeather", email="zdenka@quill.example", owner=alice)
    other = make_lead(first_name="Zdenka", last_name="Other", owner=alice)
    meeting = Meeting.objects.create(
        kind="leads", started_at=now, started_by=mona, holder=mona, held_since=now, notes="Ask Zdenka Quillfeather"
    )
    said = {"state": "answered", "answers": ["moved"], "answered_at": now, "before": {"company": "Quillfeather Inc"}}
    for position, one in enumerate((lead, other), 1):
        note, decision = "Zdenka is keen", f"Call {one.email}"
        Item.objects.create(
            meeting=meeting, position=position, record_id=one.pk, name=str(one), note=note, decision=decision, **said
        )
    erase_person(lead=lead, reason="They asked", actor=root, at=now, via="test")
    mine, theirs = meeting.items.all()
    everything = f"{mine.name} {mine.note} {mine.decision} {mine.before}".lower()
    assert "zdenka" not in everything
    assert "quillfeather" not in everything
    assert (mine.state, mine.answers, mine.answered_at) == ("answered", ["moved"], now)
    assert theirs.note == "Zdenka is keen", "a name that others have stays with them"
    meeting.refresh_from_db()
    assert "Quillfeather" not in meeting.notes
