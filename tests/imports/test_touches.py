"""Tasks, events, notes and campaign members become touches at the time they happened."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.models import Activity
from crm.imports.models import HeldRow
from crm.imports.salesforce.values import read_id
from crm.imports.services import release_held_row
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.imports.activities import NOBODY, campaign, contract, event, lead_history, member, note, task
from tests.imports.export import (
    CREATED_AT,
    NOW,
    account,
    bring_in,
    codes,
    contact,
    counts,
    id_of,
    lead,
    only,
    opportunity,
    user,
    write,
)

pytestmark = pytest.mark.django_db
AT_THE_FAIR = 'Met at the fair.\r\n\r\nShe said: “call me, "really"”'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with one of each that a touch can be with."""
    write(tmp_path, "User", user(1))
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Contact", contact(1, AccountId=id_of("Account", 1)))
    write(tmp_path, "Opportunity", opportunity(1))
    write(tmp_path, "Lead", lead(1))
    return tmp_path


def touch_of(name: str, number: int) -> Activity:
    """What this row of the export became."""
    return Activity.objects.get(
        pk__in=ExternalId.objects.filter(object="activity", value=id_of(name, number)).values("record_id")
    )


def test_a_call_is_a_touch_with_all_that_was_said_of_it(folder: Path) -> None:
    said = {"CallType": "Inbound", "CallDisposition": "Left Voicemail", "Description": AT_THE_FAIR, "Priority": "High"}
    write(folder, "Task", task(1, **said))
    report = bring_in(folder)
    assert counts(report, "Task") == {"read": 1, "created": 1}
    touch = Activity.objects.get()
    assert (touch.kind, touch.direction, touch.outcome) == ("call", "in", "voicemail")
    assert touch.happened_at == datetime(2025, 5, 20, 16, 30, tzinfo=UTC)
    assert touch.text == f"Call\n\n{AT_THE_FAIR}".replace("\r\n", "\n")
    assert (touch.lead, touch.contact, touch.by.email) == (Lead.objects.get(), None, "u1@acme.example")
    assert touch.created_at == CREATED_AT
    assert touch.kept["Priority"] == "High"
    assert touch.kept["CallDisposition"] == "Left Voicemail"
    assert "WhatId" not in touch.kept


KINDS: list[tuple[dict[str, str], tuple[str, str, str]]] = [
    ({"Type": "Email"}, ("email", "sent", "out")),
    ({"Type": "", "TaskSubtype": "Email", "CallDisposition": "Replied"}, ("email", "replied", "in")),
    ({"Type": "Other", "TaskSubtype": "Call"}, ("call", "", "out")),
    ({"Type": "", "TaskSubtype": "", "Subject": "Email: hello"}, ("email", "sent", "out")),
    ({"Type": "", "TaskSubtype": "Task", "CallDurationInSeconds": "61"}, ("call", "", "out")),
    ({"Type": "", "TaskSubtype": "Task"}, ("note", "noted", "out")),
    ({"Type": "SMS", "CallDisposition": "BOUNCED"}, ("text_message", "bounced", "out")),
]


def test_its_kind_is_what_its_columns_tell(folder: Path) -> None:
    write(folder, "Task", *(task(n, **columns) for n, (columns, _) in enumerate(KINDS, 1)))
    assert counts(bring_in(folder), "Task") == {"read": len(KINDS), "created": len(KINDS)}
    for n, (columns, expected) in enumerate(KINDS, 1):
        touch = touch_of("Task", n)
        assert (touch.kind, touch.outcome, touch.direction) == expected, columns


def test_words_that_nobody_mapped_are_kept_and_told(folder: Path) -> None:
    write(folder, "Task", task(1, Type="Carrier pigeon", CallDisposition="It flew", CallType="Sideways"))
    report = bring_in(folder)
    said = only(report, "unmapped_value").message
    assert all(word in said for word in ("Carrier pigeon", "It flew", "Sideways"))
    touch = Activity.objects.get()
    assert (touch.kind, touch.outcome, touch.direction) == ("call", "", "out")
    assert (touch.kept["Type"], touch.kept["CallDisposition"], touch.kept["CallType"]) == (
        "Carrier pigeon",
        "It flew",
        "Sideways",
    )


def test_an_outcome_that_cannot_come_of_it_is_kept(folder: Path) -> None:
    write(folder, "Task", task(1, Type="Email", CallDisposition="No Answer"))
    assert "cannot come of a email" in only(bring_in(folder), "outcome_not_of_kind").message
    touch = Activity.objects.get()
    assert (touch.outcome, touch.kept["CallDisposition"]) == ("sent", "No Answer")


TIMES: list[tuple[dict[str, str], datetime]] = [
    ({"CompletedDateTime": "", "ActivityDate": "2025-05-01"}, CREATED_AT),
    ({"CompletedDateTime": "", "ActivityDate": "2025-05-20"}, datetime(2025, 5, 20, 7, tzinfo=UTC)),
    ({"CompletedDateTime": "", "ActivityDate": ""}, CREATED_AT),
    ({"CompletedDateTime": "soon", "ActivityDate": "2025-05-01"}, CREATED_AT),
    ({"CompletedDateTime": "", "ActivityDate": "2026-09-01"}, datetime(2025, 6, 1, 10, tzinfo=UTC)),
]


def test_it_happened_when_it_was_done_and_never_in_the_future(folder: Path) -> None:
    write(folder, "Task", *(task(n, **columns) for n, (columns, _) in enumerate(TIMES, 1)))
    bring_in(folder)
    for n, (columns, expected) in enumerate(TIMES, 1):
        assert touch_of("Task", n).happened_at == expected, columns


def test_a_bad_time_is_told_by_line_and_column(folder: Path) -> None:
    write(folder, "Task", task(1), task(2, CompletedDateTime="yesterday"))
    problem = only(bring_in(folder), "bad_date")
    assert (problem.file, problem.line, problem.id) == ("Task.csv", 3, id_of("Task", 2))
    assert problem.message.startswith("CompletedDateTime “yesterday”")


def test_it_is_with_everybody_it_names(folder: Path) -> None:
    short = "001Nq0000000002"
    write(folder, "Account", account(1), account(2, Id=short))
    write(folder, "Contract", contract(1, OpportunityId=id_of("Opportunity", 1)))
    write(
        folder,
        "Task",
        task(1, WhoId=id_of("Contact", 1), WhatId=id_of("Opportunity", 1)),
        task(2, WhoId="", WhatId=read_id(short)),
        task(3, WhoId="", WhatId=id_of("Contract", 1)),
        task(4, WhoId=id_of("Lead", 1), WhatId="a0B000000000001AAA"),
    )
    report = bring_in(folder)
    assert counts(report, "Task") == {"read": 4, "created": 4, "flagged": 1}
    first, second, third, fourth = Activity.objects.order_by("pk")
    assert (first.contact, first.opportunity) == (Contact.objects.get(), Opportunity.objects.get())
    assert second.account == Account.objects.get(name="Acme 2")
    assert (third.account, third.opportunity) == (Account.objects.get(name="Acme 1"), Opportunity.objects.get())
    assert (fourth.lead, fourth.kept["WhatId"]) == (Lead.objects.get(), "a0B000000000001AAA")


def test_a_touch_with_nobody_is_held_until_they_come(folder: Path, tmp_path: Path) -> None:
    write(folder, "Task", task(1, WhoId=id_of("Lead", 2)), task(2, WhoId=NOBODY))
    report = bring_in(folder)
    assert counts(report, "Task") == {"read": 2, "rejected": 2}
    assert sorted(held.message for held in HeldRow.objects.waiting()) == [
        "It is with nobody.",
        f"Nobody it is with is known here: WhoId {id_of('Lead', 2)}.",
    ]
    write(folder, "Lead", lead(1), lead(2))
    assert counts(bring_in(folder), "Task") == {"read": 2, "created": 1, "rejected": 1}
    assert HeldRow.objects.get(state="released").record_id == Activity.objects.get().pk


def test_a_held_touch_is_released_to_somebody(folder: Path, mona: User) -> None:
    write(folder, "Task", task(1, WhoId=""))
    bring_in(folder)
    held = HeldRow.objects.get()
    assert held.object == "task"
    found = release_held_row(held, values={"WhoId": id_of("Lead", 1)}, actor=mona, at=NOW, via="admin")
    assert found == Activity.objects.get(lead=Lead.objects.get())
    assert counts(bring_in(folder), "Task") == {"read": 1, "unchanged": 1}


def test_nobody_of_ours_made_it(folder: Path) -> None:
    (folder / "User.csv").unlink()
    write(folder, "Task", task(1))
    report = bring_in(folder)
    touch = Activity.objects.get()
    assert touch.by == User.objects.system()
    assert touch.kept["OwnerId"] == id_of("User", 1)
    assert [p.message for p in report.problems if p.file == "Task.csv"] == [
        "1 rows have an owner who is not known here: theirs is who imports, OwnerId kept with the record."
    ]
    write(folder, "User", user(1))
    assert counts(bring_in(folder), "Task") == {"read": 1, "updated": 1}
    touch.refresh_from_db()
    assert touch.by.email == "u1@acme.example"


def test_again_nothing_changes_and_what_changed_there_comes(folder: Path) -> None:
    rows = [task(n, Type=["Call", "Email", ""][n % 3]) for n in range(9)]
    write(folder, "Task", *rows)
    bring_in(folder)
    before = list(Activity.objects.order_by("pk").values())
    write(folder, "Task", *reversed(rows))
    assert counts(bring_in(folder), "Task") == {"read": 9, "unchanged": 9}
    assert list(Activity.objects.order_by("pk").values()) == before
    write(folder, "Task", *(row | {"Subject": "Rang"} for row in rows[:1]))
    assert counts(bring_in(folder), "Task") == {"read": 1, "updated": 1}


def test_one_deleted_there_is_not_brought_in(folder: Path) -> None:
    write(folder, "Task", task(1, IsDeleted="TRUE"))
    assert counts(bring_in(folder), "Task") == {"read": 1, "rejected": 1}
    assert not Activity.objects.exists()


def test_an_event_that_is_over_is_a_meeting(folder: Path) -> None:
    whole = {"StartDateTime": "", "ActivityDateTime": "", "IsAllDayEvent": "1"}
    write(folder, "Event", event(1), event(2, Type="Call", WhoId=id_of("Contact", 1)), event(3, **whole))
    assert counts(bring_in(folder), "Event") == {"read": 3, "created": 3}
    first, second, third = Activity.objects.order_by("pk")
    assert (first.kind, first.outcome, first.text) == ("meeting", "", "Demo")
    assert first.happened_at == datetime(2025, 5, 21, 17, tzinfo=UTC)
    assert first.kept["Location"] == "Zoom"
    assert (second.kind, second.contact) == ("call", Contact.objects.get())
    assert third.happened_at == datetime(2025, 5, 21, 7, tzinfo=UTC)


def test_a_note_is_a_touch_and_a_private_one_waits(folder: Path) -> None:
    write(folder, "Note", note(1, Body=AT_THE_FAIR), note(2, IsPrivate="TRUE"), note(3, ParentId=id_of("Account", 1)))
    assert counts(bring_in(folder), "Note") == {"read": 3, "created": 2, "rejected": 1}
    first, third = Activity.objects.order_by("pk")
    assert (first.kind, first.happened_at, first.lead) == ("note", CREATED_AT, Lead.objects.get())
    assert first.text.startswith("Met\n\nMet at the fair.")
    assert third.account == Account.objects.get()
    assert HeldRow.objects.get().code == "private_note"


def test_a_campaign_is_told_by_its_name(folder: Path) -> None:
    answered = {"HasResponded": "1", "Status": "Responded", "FirstRespondedDate": "2025-05-09"}
    write(folder, "Campaign", campaign(1))
    write(folder, "CampaignMember", member(1), member(2, CampaignId=id_of("Campaign", 2), **answered))
    report = bring_in(folder)
    assert counts(report, "CampaignMember") == {"read": 2, "created": 2}
    assert "file_not_read" not in codes(report)
    first, second = Activity.objects.order_by("pk")
    assert (first.kind, first.text, first.direction) == ("note", "Campaign Webinar 1: Sent", "out")
    assert (second.text, second.direction) == (f"Campaign {id_of('Campaign', 2)}: Responded", "in")
    assert second.happened_at == datetime(2025, 5, 9, 7, tzinfo=UTC)


def test_what_was_said_with_somebody_who_was_erased_stays_out(folder: Path) -> None:
    write(folder, "Task", task(1))
    write(folder, "LeadHistory", lead_history(1, "Open", "New"))
    bring_in(folder)
    ExternalId.objects.filter(object__in=("lead", "activity")).update(seen={"erased": True})
    write(folder, "Task", task(1, Subject="Rang Lea"), task(2, Subject="Rang Lea again"))
    write(folder, "LeadHistory", lead_history(2, "New", "Lea", Field="FirstName"))
    report = bring_in(folder)
    assert codes(report).count("erased") == 4
    assert counts(report, "Task") == {"read": 2, "unchanged": 1, "rejected": 1, "flagged": 1}
    assert not Activity.objects.filter(text__contains="Lea").exists()
    assert not HeldRow.objects.exists()


SAID = {"CallType": "Inbound", "CallDisposition": "Left Voicemail", "Description": AT_THE_FAIR}


LATER: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("Task", task(1, **SAID), ("Subject",)),
    ("Event", event(1, Type="Call", Description=AT_THE_FAIR), ("Subject",)),
    ("Note", note(1), ("ParentId",)),
    ("CampaignMember", member(1, HasResponded="1", FirstRespondedDate="2025-05-09"), ("CampaignId", "Status")),
]


@pytest.mark.parametrize("also", [(), ("Status",)], ids=["", "with a task's status"])
def test_what_a_later_file_has_no_column_for_stays(folder: Path, also: tuple[str, ...]) -> None:
    later = [(name, row, (*left, *also)) for name, row, left in LATER if name == "Task" or not also]
    write(folder, "Campaign", campaign(1))
    for name, row, _ in later:
        write(folder, name, row)
    bring_in(folder)
    before = said_of_all()
    assert len(before) == len(later)
    for name, row, left in later:
        with_whom = {column: row[column] for column in ("WhoId", "LeadId") if column in row}
        write(folder, name, {column: row[column] for column in ("Id", *left)} | with_whom)
    report = bring_in(folder)
    assert {name: counts(report, name)["unchanged"] for name, _, _ in later} == {name: 1 for name, _, _ in later}
    assert said_of_all() == before
    for name, row, _ in later:
        write(folder, name, row)
    report = bring_in(folder)
    for name, _, _ in later:
        assert counts(report, name) == {"read": 1, "unchanged": 1}


def said_of_all() -> list[dict[str, object]]:
    """What every touch says."""
    said = ("kind", "direction", "outcome", "happened_at", "text", "version", "kept")
    return list(Activity.objects.order_by("pk").values(*said))
