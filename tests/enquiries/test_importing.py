"""Requests of another system: with the time at which they were received there, each with its verdict, nobody told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm.clocks.models import Clock
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.imports import runs as every_run
from crm.imports.models import HeldRow, ImportRun
from crm.notifications.models import Notification
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import touched
from tests.factories import make_lead
from tests.imports.csv.using import bring, counts, plan, problems, tried, upload, work
from tests.imports.export import NOW

pytestmark = pytest.mark.django_db
DAY = (NOW - timedelta(days=9)).strftime("%Y-%m-%d")
FILE = (
    "Ticket ID,Request type,Received,Email,Message,Name\n"
    f"z-1,Web chat,{DAY}T18:00:00Z,lea@globex.example,Do you?,Lea\n"
    f"z-2,Contact form,{DAY}T19:00:00Z,nia@hooli.example,Can you?,Nia Park\n"
    f"z-3,Carrier pigeon,{DAY}T20:00:00Z,max@globex.example,Coo,Max\n"
)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    """Uploads of tests lie in a folder of their own."""
    settings.MEDIA_ROOT = tmp_path / "media"


def test_they_keep_their_time_and_have_their_verdict_and_nobody_is_told(root: User, alice: User) -> None:
    lead = make_lead(email="lea@globex.example", owner=alice)
    touched(lead, alice, NOW - timedelta(days=9) + timedelta(hours=20))
    run = bring(FILE, "enquiry", root, system="zendesk")
    assert counts(run) == {"created": 2, "rejected": 1, "flagged": 0} or counts(run) == {"created": 2, "rejected": 1}
    assert "unmapped_value" in {code for _, code in problems(run)}
    assert HeldRow.objects.count() == 1
    chat = Enquiry.objects.get(external_id="z-1")
    assert (chat.system, chat.channel, chat.lead, chat.came_by) == ("zendesk", "web_chat", lead, "import")
    assert chat.received_at.isoformat() == f"{DAY}T18:00:00+00:00"
    assert chat.clock is not None
    assert (chat.clock.quiet, chat.clock.stopped_at is not None) == (True, True)
    assert Enquiry.objects.get(external_id="z-2").lead == Lead.objects.get(email="nia@hooli.example")
    assert not Notification.objects.filter(kind__startswith="enquiry").exists()


def test_the_same_file_a_second_time_changes_nothing(root: User, alice: User) -> None:
    bring(FILE, "enquiry", root, system="zendesk")
    run = bring(FILE, "enquiry", root, system="zendesk")
    assert counts(run)["unchanged"] == 2
    assert Enquiry.objects.count() == Clock.objects.count() == 2


def test_a_dry_run_leaves_nothing(root: User, alice: User) -> None:
    run = tried(plan(upload(FILE, "enquiry", root), root, system="zendesk"), root)
    assert counts(run)["created"] == 2
    assert not Enquiry.objects.exists()
    assert not Lead.objects.exists()


def test_it_is_undone_and_no_clock_runs_on(root: User, alice: User) -> None:
    run = bring(FILE, "enquiry", root, system="zendesk")
    note_responses(at=NOW)
    run = work(every_run.undo(run, actor=root, at=NOW))
    assert run.stage == ImportRun.Stage.UNDONE
    assert not Enquiry.objects.exists()
    assert not Lead.objects.exists()
    assert Clock.objects.count() == 2
    assert not Clock.objects.filter(voided_at=None).exists()


def test_one_without_its_time_is_refused_in_words_of_people(root: User, alice: User) -> None:
    run = bring(FILE.replace(f"{DAY}T19:00:00Z", ""), "enquiry", root, system="zendesk")
    row = HeldRow.objects.get(line=3)
    assert "It has no time at which it was received" in str(row.__dict__)
    assert counts(run)["created"] == 1
