"""What Salesforce recorded before a record came here: its moves with their own times, and every other change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.models import Opportunity
from crm.activities.timeline import timeline
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.history.models import Move, PriorChange, Transaction
from crm.history.revert import revert
from crm.history.selectors import history_of, time_in_states
from crm.imports.models import HeldRow
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from leads.statuses import Status
from tests.imports.activities import field_history, lead_history, stage_history
from tests.imports.export import (
    CREATED_AT,
    NOW,
    account,
    bring_in,
    codes,
    counts,
    id_of,
    lead,
    only,
    opportunity,
    user,
    write,
)

pytestmark = pytest.mark.django_db


def on(day: int) -> str:
    """A moment in May 2025, as Salesforce writes it."""
    return f"2025-05-{day:02}T10:00:00.000+0000"


def at(day: int) -> datetime:
    """The same moment."""
    return datetime(2025, 5, day, 10, tzinfo=UTC)


WORKED = [
    lead_history(1, "Open - Not Contacted", "Working - Contacted", on(4)),
    lead_history(2, "Working - Contacted", "Engaged", on(10)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with a lead in Engaged."""
    write(tmp_path, "User", user(1))
    write(tmp_path, "Lead", lead(1, Status="Engaged"))
    return tmp_path


def moves(record: Any) -> list[tuple[int, str, str, datetime]]:
    """The moves before it came here."""
    found = Move.objects.of(record).made_before()
    return [(one.version, one.from_state, one.to_state, one.at) for one in found]


def test_the_history_of_a_lead_is_its_moves(folder: Path) -> None:
    write(folder, "LeadHistory", *WORKED)
    report = bring_in(folder)
    assert counts(report, "LeadHistory") == {"read": 2, "created": 2}
    found = Lead.objects.get()
    assert moves(found) == [
        (-1, Status.NEW, Status.WORKING_TO_ENGAGE, at(4)),
        (0, Status.WORKING_TO_ENGAGE, Status.ENGAGED, at(10)),
    ]
    step = Move.objects.of(found).made_before()[0]
    assert (step.actor_name, step.verb, step.via) == ("Una User 1", "place", "import")
    assert step.actor_id == User.objects.get(email="u1@acme.example").pk


def test_time_in_each_status_starts_where_it_started_there(folder: Path) -> None:
    write(folder, "LeadHistory", *WORKED)
    bring_in(folder)
    found = Lead.objects.get()
    assert (found.status, found.status_since) == (Status.ENGAGED, at(10))
    days = {stay.state: stay.seconds / 86400 for stay in time_in_states(found, at=NOW)}
    assert days == {
        Status.NEW: (at(4) - CREATED_AT) / timedelta(days=1),
        Status.WORKING_TO_ENGAGE: 6,
        Status.ENGAGED: (NOW - at(10)) / timedelta(days=1),
    }


def test_the_page_tells_it_in_order(folder: Path, root: User) -> None:
    write(folder, "LeadHistory", *WORKED, lead_history(3, "", "Ann", on(5), Field="Owner", DataType="EntityId"))
    bring_in(folder)
    found = Lead.objects.get()
    titles = [event.title for event in timeline(found, user=root, only="moves").events]
    assert titles[1:] == ["Place: Working to engage → Engaged", "Place: New → Working to engage"]
    entries = history_of(found, 20)
    assert [entry.title for entry in entries[-3:]] == [
        "Working to engage → Engaged",
        "Changed",
        "New → Working to engage",
    ]
    assert (entries[-1].who, entries[-1].how, entries[-1].at) == ("Una User 1", "in Salesforce", at(4))
    assert [(line.label, line.after) for line in entries[-2].lines] == [("Owner", "Ann")]
    older = history_of(found, 20, before=entries[-2].id)
    assert [entry.title for entry in older] == ["New → Working to engage"]


def test_again_nothing_changes(folder: Path) -> None:
    write(folder, "LeadHistory", *WORKED)
    bring_in(folder)
    found = Lead.objects.get()
    before = list(Move.objects.order_by("pk").values())
    write(folder, "LeadHistory", *reversed(WORKED))
    assert counts(bring_in(folder), "LeadHistory") == {"read": 2, "unchanged": 2}
    assert list(Move.objects.order_by("pk").values()) == before
    version = found.version
    found.refresh_from_db()
    assert found.version == version


def test_pieces_in_any_order_become_one_history(folder: Path) -> None:
    write(folder, "LeadHistory", WORKED[1])
    bring_in(folder)
    assert moves(Lead.objects.get()) == [(0, Status.WORKING_TO_ENGAGE, Status.ENGAGED, at(10))]
    write(folder, "LeadHistory", lead_history(3, "Engaged", "Working", on(12)), WORKED[0])
    write(folder, "Lead", lead(1, Status="Engaged", Title="Buyer"))
    bring_in(folder)
    found = Lead.objects.get()
    assert [step[:3] for step in moves(found)] == [
        (-2, Status.NEW, Status.WORKING_TO_ENGAGE),
        (-1, Status.WORKING_TO_ENGAGE, Status.ENGAGED),
        (0, Status.ENGAGED, Status.WORKING_TO_ENGAGE),
    ]


def test_a_history_that_ends_elsewhere_is_told_and_moves_nothing(folder: Path) -> None:
    write(folder, "LeadHistory", WORKED[0])
    report = bring_in(folder)
    assert "ends in Working to engage so far, and the record is in Engaged" in only(report, "history_differs").message
    found = Lead.objects.get()
    assert found.status == Status.ENGAGED
    assert found.status_since != at(4)


def test_unknown_words_stand_in_the_history_as_they_are(folder: Path) -> None:
    write(
        folder,
        "LeadHistory",
        lead_history(1, "New", "Sleeping", on(4)),
        lead_history(2, "Sleeping", "Engaged", on(10)),
    )
    report = bring_in(folder)
    assert codes(report).count("unknown_status") == 2
    found = Lead.objects.get()
    assert [step[1:3] for step in moves(found)] == [(Status.NEW, "Sleeping"), ("Sleeping", Status.ENGAGED)]
    assert [stay.label for stay in time_in_states(found, at=NOW)] == ["New", "Sleeping", "Engaged"]


def test_what_was_moved_here_since_is_left_alone(folder: Path, alice: User, mona: User) -> None:
    bring_in(folder)
    found = Lead.objects.get()
    move(found, "nurture", actor=mona, at=NOW, via="test", nurture_reason="no_budget")
    write(folder, "LeadHistory", *WORKED)
    report = bring_in(folder)
    assert "history_differs" not in codes(report)
    found.refresh_from_db()
    assert (found.status, found.status_since) == (Status.CLOSED_NURTURE, NOW)
    assert [stay.state for stay in time_in_states(found, at=NOW)] == [
        Status.NEW,
        Status.WORKING_TO_ENGAGE,
        Status.ENGAGED,
        Status.CLOSED_NURTURE,
    ]


def test_a_lead_that_was_brought_in_anew_has_its_history(folder: Path) -> None:
    write(folder, "LeadHistory", *WORKED)
    bring_in(folder)
    with acting(actor=User.objects.system(), via="import", at=NOW):
        Lead.objects.all().delete()
    ExternalId.objects.filter(object="lead").delete()
    assert counts(bring_in(folder), "LeadHistory") == {"read": 2, "created": 2}
    found = Lead.objects.get()
    assert (len(moves(found)), found.status_since) == (2, at(10))
    assert PriorChange.objects.count() == 2


def test_a_history_imported_again_after_an_undo_counts_the_time_from_where_it_began(folder: Path, root: User) -> None:
    bring_in(folder)
    write(folder, "LeadHistory", *WORKED)
    bring_in(folder)
    revert(Transaction.objects.latest("id"), actor=root, at=NOW, via="admin")
    assert Lead.objects.get().status_since != at(10)
    bring_in(folder)
    assert Lead.objects.get().status_since == at(10)
    version = Lead.objects.get().version
    bring_in(folder)
    assert Lead.objects.get().version == version


def test_nobody_takes_back_a_move_of_another_system(tmp_path: Path, mona: User) -> None:
    write(tmp_path, "Lead", lead(1, Status="New"))
    write(tmp_path, "LeadHistory", lead_history(1, "Working", "New", on(4)))
    bring_in(tmp_path)
    found = Lead.objects.get()
    assert found.status_since == at(4)
    Lead.prepare_moves([found])
    with pytest.raises(Refused) as refused:
        move(found, "take_back", actor=mona, at=NOW, via="test", reason="A slip")
    assert [item.code for item in refused.value.missing] == ["cannot_be_taken_back"]


def test_a_change_without_its_lead_or_its_time_is_held(folder: Path) -> None:
    write(
        folder,
        "LeadHistory",
        lead_history(1, "New", "Working", on(4), LeadId=id_of("Lead", 2)),
        lead_history(2, "New", "Working", "once"),
        lead_history(3, "New", "Working", "2027-01-01T00:00:00.000Z"),
    )
    report = bring_in(folder)
    assert counts(report, "LeadHistory") == {"read": 3, "rejected": 3}
    assert sorted(HeldRow.objects.values_list("object", "code")) == [
        ("lead_history", "lead_not_found"),
        ("lead_history", "no_time"),
        ("lead_history", "no_time"),
    ]
    write(folder, "Lead", lead(1, Status="Engaged"), lead(2, Status="Working"))
    assert counts(bring_in(folder), "LeadHistory") == {"read": 3, "created": 1, "rejected": 2}
    assert HeldRow.objects.get(state="released").record_id == Lead.objects.get(last_name="Lead 2").pk


# --- opportunities ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sale(tmp_path: Path) -> Path:
    """An export with an opportunity in Justification."""
    write(tmp_path, "Account", account(1))
    write(tmp_path, "Opportunity", opportunity(1, StageName="Proposal/Price Quote"))
    return tmp_path


STAGES = [
    stage_history(1, "Prospecting", on(1)),
    stage_history(2, "Needs Analysis", on(8)),
    stage_history(3, "Needs Analysis", on(9), Amount="2500"),
    stage_history(4, "Proposal/Price Quote", on(20)),
]
EXPECTED = [("meeting_set", "scope", at(8)), ("scope", "justification", at(20))]


def test_stages_follow_each_other(sale: Path) -> None:
    write(sale, "OpportunityHistory", *STAGES)
    assert counts(bring_in(sale), "OpportunityHistory") == {"read": 4, "created": 4}
    found = Opportunity.objects.get()
    assert [step[1:] for step in moves(found)] == EXPECTED
    assert (found.stage, found.stage_since) == ("justification", at(20))
    assert PriorChange.objects.get(external_id=id_of("OpportunityHistory", 3)).more["Amount"] == "2500"


def test_two_files_that_tell_of_one_change_make_one_move(sale: Path) -> None:
    write(sale, "OpportunityHistory", *STAGES)
    write(
        sale,
        "OpportunityFieldHistory",
        field_history(1, "StageName", "Prospecting", "Needs Analysis", on(8)),
        field_history(2, "StageName", "Needs Analysis", "Proposal/Price Quote", on(20)),
        field_history(3, "Amount", "1000", "2500", on(9)),
    )
    report = bring_in(sale)
    assert counts(report, "OpportunityFieldHistory") == {"read": 3, "created": 3}
    found = Opportunity.objects.get()
    assert [step[1:] for step in moves(found)] == EXPECTED
    assert PriorChange.objects.of(found).filter(field="Amount", old="1000", new="2500").exists()


def test_the_files_may_come_by_themselves(sale: Path, tmp_path: Path) -> None:
    bring_in(sale)
    for name in ("Account", "Opportunity"):
        (sale / f"{name}.csv").unlink()
    write(sale, "OpportunityFieldHistory", field_history(1, "StageName", "Qualification", "Proposal", on(6)))
    bring_in(sale)
    assert Opportunity.objects.get().stage_since == at(6)
