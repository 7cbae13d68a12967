"""The pages of a meeting, as people meet them: with and without JavaScript, holding the minutes or following."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts.models import Opportunity
from crm.people.models import User
from crm.reviews.meetings import kinds
from crm.reviews.meetings.of_kind import meetings_of
from crm.reviews.meetings.services import join, start_meeting
from crm.reviews.models import Item, Meeting
from tests.access import client_of
from tests.factories import make_opportunity
from tests.reviews.small_kind import SmallKind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, SmallKind.key, SmallKind())


@pytest.fixture
def meeting(mona: User, now: datetime) -> Meeting:
    """Mona goes through three."""
    for number in range(3):
        make_opportunity(name=f"Deal {number + 1} 2026", owner=mona)
    return start_meeting("huddle", {}, actor=mona, at=now, via="test")


def send(client: Client, meeting: Meeting, verb: str, **data: Any) -> Any:
    """What the page sends."""
    return client.post(reverse("admin:meeting_do", args=[meeting.pk, verb]), data, follow=True)


def read(client: Client, meeting: Meeting, query: str = "") -> str:
    """The page of the meeting."""
    return str(client.get(reverse("admin:meeting", args=[meeting.pk]) + query).content.decode())


def test_a_meeting_is_gone_through_by_plain_forms(mona: User) -> None:
    client, address = client_of(mona), reverse("admin:meeting_start")
    assert (
        "there is nothing to go through now" in client.post(address, {"kind": "huddle"}, follow=True).content.decode()
    )
    for number in range(3):
        make_opportunity(name=f"Deal {number + 1} 2026", owner=mona)
    shown = client.post(address, {"kind": "huddle"}, follow=True).content.decode()
    meeting = Meeting.objects.get()
    for words in ("Deal 1 2026</a></h2>", "It has no next step.", "0 of 3 done, 3 to go", "Save and next"):
        assert words in shown, words
    shown = send(client, meeting, "answer", position=1, next_step="Call Nina").content.decode()
    assert "Deal 2 2026</a></h2>" in shown
    assert Opportunity.objects.get(name="Deal 1 2026").next_step == "Call Nina"
    shown = send(client, meeting, "answer", position=2, next_step="Explode", item_note="Loud").content.decode()
    for words in ("That is no step.", 'value="Explode"', "Loud</textarea>", 'data-refused="1"'):
        assert words in shown, words
    assert "Nothing was changed." in send(client, meeting, "answer", position=2, next_step="").content.decode()
    send(client, meeting, "answer", position=2, next_step="", item_note="On holiday", item_nothing_new="1")
    assert "To skip it, say why." in send(client, meeting, "skip", position=3, item_skip_reason="").content.decode()
    assert "1 item waits for an answer" in send(client, meeting, "finish").content.decode()
    send(client, meeting, "decisions", text="Hire somebody", was="")
    send(client, meeting, "skip", position=3, item_skip_reason="Ann is away")
    shown = send(client, meeting, "finish", send="1").content.decode()
    expected = (
        "Next step set|Nothing new|On holiday|Ann is away|Call Nina|Hire somebody|2 answered, 1 skipped|Send again"
    )
    for words in expected.split("|"):
        assert words in shown, words
    # It is over: whoever has its page open is led to the minutes.
    shown = send(client, meeting, "answer", position=1, item_note="Too late").content.decode()
    assert "This meeting is over: held. Nothing was written. What you typed: “Too late”" in shown
    assert meetings_of("huddle", {}, user=mona, at=Meeting.objects.get().started_at)["held"][0].counts.total == 3


def test_who_follows_sees_what_is_shown_and_takes_over(
    meeting: Meeting, mona: User, alice: User, now: datetime
) -> None:
    hers, his = client_of(mona), client_of(alice)
    shown = read(his, meeting)
    assert "Mona holds the minutes." in shown
    assert "Save and next" not in shown
    assert "Take over the minutes" not in shown, "who is not there joins first"
    assert "Deal 3 2026</a></h2>" in read(his, meeting, "?item=3")
    assert "The agenda has no such place" in read(his, meeting, "?item=77")
    assert "Running now" in his.get("/admin/").content.decode()
    send(his, meeting, "join")
    assert "Take over the minutes" in read(his, meeting)
    # What is asked every few seconds costs next to nothing.
    news = reverse("admin:meeting_news", args=[meeting.pk])
    first = his.get(news)
    assert first.json() == {"revision": 1, "state": "running", "holder": mona.pk, "holder_name": "Mona"}
    with CaptureQueriesContext(connection) as asked:
        assert his.get(news, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    assert len(asked) <= 3, "who asks, and one number"
    send(his, meeting, "take-over", held_by=mona.pk)
    assert his.get(news, headers={"If-None-Match": first.headers["ETag"]}).json()["holder"] == alice.pk
    # Nothing that she had typed is lost, and she is told who writes now.
    refused = send(hers, meeting, "answer", position=1, next_step="Call Nina", item_note="Keen")
    shown = refused.content.decode()
    assert refused.status_code == 409
    for words in ("Alice holds the minutes since", "Keen</textarea>", 'value="Call Nina"', "Take over the minutes"):
        assert words in shown, words
    stale = send(hers, meeting, "take-over", held_by=mona.pk)
    assert "Alice holds the minutes now" in stale.content.decode()


def test_texts_save_themselves_and_both_are_shown_when_they_differ(meeting: Meeting, mona: User) -> None:
    client, script = client_of(mona), {"Accept": "application/json"}
    address = reverse("admin:meeting_do", args=[meeting.pk, "notes"])
    assert client.post(address, {"text": "One", "was": ""}, headers=script).json() == {"revision": 1}
    answer = client.post(address, {"text": "Two", "was": ""}, headers=script)
    assert (answer.status_code, answer.json()["code"], answer.json()["stored"]) == (409, "stale", {"notes": "One"})
    shown = client.post(address, {"text": "Two", "was": ""}).content.decode()
    assert "The notes were changed since you opened them." in shown
    assert ">Two</textarea>" in shown
    assert '<textarea name="was" hidden aria-hidden="true" tabindex="-1">One</textarea>' in shown


def test_a_long_agenda_is_paged_and_counted_in_full(meeting: Meeting, mona: User) -> None:
    rows = [Item(meeting=meeting, position=n, record_id=10**9 + n, name=f"Old {n}") for n in range(4, 10_001)]
    Item.objects.bulk_create(rows, batch_size=2000)
    client = client_of(mona)
    with CaptureQueriesContext(connection) as asked:
        shown = read(client, meeting)
    assert len(asked) <= 20
    assert "0 of 10000 done" in shown.replace(",", "")
    assert "Page 1 of 200" in shown
    assert shown.count('<li data-state="waiting"') == 50
    assert "Old 10000</button>" in read(client, meeting, "?page=999")
    minutes = client.get(reverse("admin:meeting_minutes", args=[meeting.pk]) + "?page=2").content.decode()
    assert "Page 2 of 50" in minutes


def test_nobody_else_gets_in_and_odd_questions_are_answered(
    meeting: Meeting, mona: User, charlie: User, robot: User, now: datetime
) -> None:
    client = client_of(charlie)
    for verb in ("take-over", "call-off"):
        assert send(client, meeting, verb, held_by=mona.pk).status_code == 403
    assert client.post(reverse("admin:meeting_start"), {"kind": "huddle", "owner": "999999"}).status_code == 403
    assert client.post(reverse("admin:meeting_start"), {"kind": "picnic"}).status_code == 404
    for address in ("/admin/reviews/meetings/999999/", "/admin/reviews/meetings/999999/news/"):
        assert client.get(address).status_code == 404
    assert send(client, meeting, "dance").status_code == 404
    assert send(client_of(mona), meeting, "go", position="x").status_code == 404
    odd = {"position": "1", "next_step": "\x00", "item_note": "\x00", "item_seen": "yesterday"}
    assert send(client_of(mona), meeting, "answer", **odd).status_code == 409
    assert "Choose somebody who works here." in send(client_of(mona), meeting, "join", who="x").content.decode()
    join(meeting, actor=charlie, at=now, via="test")
    assert "is off the list" in send(client_of(mona), meeting, "take-off", who=charlie.pk).content.decode()
    send(client_of(mona), meeting, "call-off")
    assert "Called off by Mona" in client.get(reverse("admin:meeting_minutes", args=[meeting.pk])).content.decode()
