"""Open tasks and events to come: the lead's next touch and its meeting, and never a touch that has not happened."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crm.activities.models import Activity, NextTouch
from crm.activities.suppressing import suppress
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from leads.models import Lead
from leads.working import clear_touch, plan_touch
from tests.imports.activities import event, task
from tests.imports.export import CREATED_AT, NOW, bring_in, codes, contact, counts, id_of, lead, only, write

pytestmark = pytest.mark.django_db
OPEN = {"IsClosed": "FALSE", "Status": "Not Started", "CompletedDateTime": ""}
LATER = {"StartDateTime": "2026-04-01T17:00:00.000+0000", "ActivityDateTime": "", "ActivityDate": "2026-04-01"}


def to_do(number: int, due: str, **columns: Any) -> dict[str, Any]:
    """An open task of the first lead."""
    return task(number, **OPEN, ActivityDate=due, Subject=f"Call again {number}", **columns)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with a lead, and one that has a meeting."""
    write(tmp_path, "Lead", lead(1), lead(2, Status="Meeting scheduled"))
    return tmp_path


def test_the_earliest_open_task_is_the_next_touch(folder: Path) -> None:
    write(folder, "Task", to_do(1, "2026-03-20"), to_do(2, "2026-03-10", Type="Email"), to_do(3, "2026-03-30"))
    report = bring_in(folder)
    planned = NextTouch.objects.get()
    assert (planned.due_on, planned.kind, planned.text) == (date(2026, 3, 10), "email", "Call again 2")
    assert [(p.code, p.line) for p in report.problems if p.file == "Task.csv" and p.line] == [
        ("open_task", 2),
        ("open_task", 4),
    ]
    assert counts(report, "Task") == {"read": 3, "created": 3, "flagged": 2}
    assert counts(bring_in(folder), "Task") == {"read": 3, "unchanged": 3, "flagged": 2}
    planned.refresh_from_db()
    assert planned.version == 1


def test_what_is_not_done_is_a_note_of_when_it_was_entered(folder: Path) -> None:
    write(folder, "Task", to_do(1, "2026-03-20", Description="Ask for Lisa"))
    bring_in(folder)
    touch = Activity.objects.get()
    assert (touch.kind, touch.outcome, touch.happened_at) == ("note", "", CREATED_AT)
    assert touch.text == "To do by 2026-03-20 (Call): Call again 1\n\nAsk for Lisa"


def test_one_that_is_overdue_or_of_a_contact_is_kept_and_told(folder: Path) -> None:
    write(folder, "Contact", contact(1))
    write(folder, "Task", to_do(1, "2026-03-01"), to_do(2, ""), to_do(3, "2026-03-20", WhoId=id_of("Contact", 1)))
    report = bring_in(folder)
    assert codes(report).count("open_task") == 3
    assert (Activity.objects.count(), NextTouch.objects.count()) == (3, 0)
    assert not Activity.objects.filter(happened_at__gt=NOW).exists()


def test_done_there_it_is_a_touch_and_no_longer_next(folder: Path) -> None:
    write(folder, "Task", to_do(1, "2026-03-03"))
    bring_in(folder, at=datetime(2026, 3, 1, 18, tzinfo=UTC))
    assert NextTouch.objects.exists()
    write(folder, "Task", task(1, CompletedDateTime="2026-03-03T17:00:00.000+0000", CallDisposition="Connected"))
    assert counts(bring_in(folder), "Task") == {"read": 1, "updated": 1}
    touch = Activity.objects.get()
    assert (touch.kind, touch.outcome) == ("call", "connected")
    assert touch.happened_at == datetime(2026, 3, 3, 17, tzinfo=UTC)
    assert not NextTouch.objects.exists()


@pytest.mark.parametrize("lacks", ["ActivityDate", "Type", "Status"])
def test_a_later_file_without_its_columns_leaves_the_next_touch(folder: Path, lacks: str) -> None:
    write(folder, "Task", to_do(1, "2026-03-20", Type="Email", TaskSubtype="Email"))
    bring_in(folder)
    row = to_do(1, "2026-03-20", Type="Email", TaskSubtype="Email")
    gone = {"Type": ("Type", "TaskSubtype"), "Status": ("Status", "IsClosed")}.get(lacks, (lacks,))
    write(
        folder, "Task", {column: row[column] for column in row if column not in (*gone, "CallType", "CallDisposition")}
    )
    bring_in(folder)
    planned = NextTouch.objects.get()
    assert (planned.due_on, planned.kind, planned.version) == (date(2026, 3, 20), "email", 1)


def test_an_earlier_one_comes_later_and_takes_its_place(folder: Path) -> None:
    write(folder, "Task", to_do(1, "2026-03-20"))
    bring_in(folder)
    write(folder, "Task", to_do(2, "2026-03-10"))
    bring_in(folder)
    assert NextTouch.objects.get().text == "Call again 2"


def test_what_people_planned_or_cleared_here_stays(folder: Path, alice: User) -> None:
    write(folder, "Task", to_do(1, "2026-03-20"))
    bring_in(folder)
    found = Lead.objects.get(last_name="Lead 1")
    ours: dict[str, Any] = {"actor": User.objects.system(), "at": NOW, "via": "admin"}
    plan_touch(found, due_on=date(2026, 3, 25), kind="call", text="Ours", **ours)
    write(folder, "Task", to_do(1, "2026-03-12"), to_do(2, "2026-03-11"))
    bring_in(folder)
    assert NextTouch.objects.get().text == "Ours"
    clear_touch(found, **ours)
    write(folder, "Task", to_do(1, "2026-03-12"))
    bring_in(folder)
    assert not NextTouch.objects.exists()


def test_a_converted_lead_has_no_next_touch(folder: Path) -> None:
    write(folder, "Account", {"Id": id_of("Account", 1), "Name": "Acme"})
    converted = lead(1, IsConverted="1", ConvertedDate="2025-05-05", ConvertedAccountId=id_of("Account", 1))
    write(folder, "Lead", converted)
    write(folder, "Task", to_do(1, "2026-03-20"))
    bring_in(folder)
    assert (Activity.objects.count(), NextTouch.objects.count()) == (1, 0)


def test_an_event_to_come_is_the_meeting_of_a_lead_that_has_one(folder: Path) -> None:
    write(folder, "Event", event(1, WhoId=id_of("Lead", 2), **LATER))
    report = bring_in(folder)
    found = Lead.objects.get(last_name="Lead 2")
    assert found.meeting_at == datetime(2026, 4, 1, 17, tzinfo=UTC)
    assert counts(report, "Event") == {"read": 1, "created": 1}
    touch = Activity.objects.get()
    assert (touch.kind, touch.happened_at) == ("note", CREATED_AT)
    assert touch.text.startswith("Meeting planned for 2026-04-01 10:00: Demo")
    version = found.version
    assert counts(bring_in(folder), "Event") == {"read": 1, "unchanged": 1}
    found.refresh_from_db()
    assert found.version == version


def test_moved_there_it_is_moved_here_and_over_it_is_a_touch(folder: Path) -> None:
    write(folder, "Event", event(1, WhoId=id_of("Lead", 2), **LATER))
    bring_in(folder)
    write(folder, "Event", event(1, WhoId=id_of("Lead", 2), **LATER | {"StartDateTime": "2026-04-02T17:00:00.000Z"}))
    bring_in(folder)
    assert Lead.objects.get(last_name="Lead 2").meeting_at == datetime(2026, 4, 2, 17, tzinfo=UTC)
    assert counts(bring_in(folder, at=datetime(2026, 4, 3, tzinfo=UTC)), "Event") == {"read": 1, "updated": 1}
    touch = Activity.objects.get()
    assert (touch.kind, touch.happened_at) == ("meeting", datetime(2026, 4, 2, 17, tzinfo=UTC))


def test_brought_in_anew_after_an_undo_a_meeting_still_follows_its_event(folder: Path, root: User) -> None:
    write(folder, "Event", event(1, **LATER, WhoId=id_of("Lead", 2)))
    bring_in(folder)
    revert(Transaction.objects.latest("id"), actor=root, at=NOW, via="admin")
    bring_in(folder)
    write(
        folder, "Event", event(1, **LATER | {"StartDateTime": "2026-04-09T17:00:00.000+0000"}, WhoId=id_of("Lead", 2))
    )
    bring_in(folder)
    assert Lead.objects.get(status="meeting_scheduled").meeting_at == datetime(2026, 4, 9, 17, tzinfo=UTC)


def test_a_lead_in_another_status_gets_no_meeting(folder: Path) -> None:
    write(folder, "Event", event(1, **LATER))
    assert "not in Meeting scheduled" in only(bring_in(folder), "future_event").message
    assert Lead.objects.get(last_name="Lead 1").meeting_at is None


def test_nothing_is_planned_with_who_is_not_to_be_contacted(folder: Path) -> None:
    bring_in(folder)
    ours: dict[str, Any] = {"actor": User.objects.system(), "at": NOW, "via": "admin"}
    suppress(**ours, reason="asked_us", emails=["lea1@globex.example"])
    write(folder, "Task", to_do(1, "2026-03-20"))
    assert codes(bring_in(folder)).count("open_task") == 1
    assert not NextTouch.objects.exists()


def test_an_outreach_to_who_asked_us_not_to_is_marked_and_counted(folder: Path) -> None:
    bring_in(folder)
    ours: dict[str, Any] = {"actor": User.objects.system(), "at": NOW, "via": "admin"}
    asked = suppress(**ours, reason="asked_us", emails=["lea1@globex.example"], since=datetime(2025, 5, 10, tzinfo=UTC))
    before = {"CompletedDateTime": "2025-05-09T16:30:00.000+0000"}
    write(folder, "Task", task(1), task(2, **before), task(3, CallType="Inbound"), task(4, WhoId=id_of("Lead", 2)))
    report = bring_in(folder)
    assert only(report, "violations").message.startswith("1 touches reached out")
    marked = Activity.objects.get(violation_of__isnull=False)
    assert marked.violation_of == asked.suppressions[0]
    assert (marked.lead, marked.kept.get("Type")) == (Lead.objects.get(last_name="Lead 1"), None)
    assert "violations" not in codes(bring_in(folder))
