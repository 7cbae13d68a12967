"""Meetings: an agenda that is gone through one by one, answered in full, and what comes of it (P1, P2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from contracts.models import Opportunity
from crm.people.models import User
from crm.reviews.meetings import kinds
from crm.reviews.meetings.services import Said, answer_item, finish_meeting, join, skip_item, start_meeting
from crm.reviews.models import Item, Meeting
from tests.access import client_of
from tests.factories import make_opportunity
from tests.reviews.small_kind import SmallKind

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _small_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, SmallKind.key, SmallKind())


def begin(mona: User, now: datetime, count: int = 3, **given: str) -> Meeting:
    """A meeting about so many opportunities."""
    for number in range(count):
        make_opportunity(name=f"Deal {number + 1} 2026", owner=mona)
    return start_meeting("huddle", given, actor=mona, at=now, via="test")


def test_a_meeting_is_begun_gone_through_and_finished(mona: User, alice: User, now: datetime) -> None:
    client = client_of(mona)
    for number in range(3):
        make_opportunity(name=f"Deal {number + 1} 2026", owner=mona)
    page = client.post(reverse("admin:meeting_start"), {"kind": "huddle"}, follow=True)
    meeting = Meeting.objects.get()
    shown = page.content.decode()
    assert "Deal 1 2026" in shown
    assert "It has no next step." in shown
    do = lambda verb, **data: client.post(reverse("admin:meeting_do", args=[meeting.pk, verb]), data, follow=True)  # noqa: E731
    shown = do("answer", position=1, next_step="Call Nina", item_note="Keen").content.decode()
    assert "Deal 2 2026</a></h2>" in shown
    assert Opportunity.objects.get(name="Deal 1 2026").next_step == "Call Nina"
    shown = do("answer", position=2, next_step="", item_note="").content.decode()
    assert "Nothing was changed." in shown
    do("answer", position=2, next_step="", item_note="On holiday", item_nothing_new="1")
    shown = do("skip", position=3, item_skip_reason="").content.decode()
    assert "To skip it, say why." in shown
    assert "1 item waits for an answer" in do("finish").content.decode()
    do("skip", position=3, item_skip_reason="Ann is away")
    shown = do("finish").content.decode()
    meeting.refresh_from_db()
    assert meeting.state == "held"
    for words in ("Next step set", "Nothing new", "On holiday", "Ann is away", "Call Nina", "2 answered, 1 skipped"):
        assert words in shown, words
