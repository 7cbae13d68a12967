"""There is no way round the door: whatever changes a status without its move is refused, or cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from crm.core.acting import acting
from crm.core.door import entry_move, move
from crm.core.errors import Refused, Stale
from crm.core.flow import Ask
from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_lead, make_opportunity

pytestmark = pytest.mark.django_db


def execute(statement: str, *values: Any) -> None:
    """Write as another program would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def bulk_update(lead: Lead) -> None:
    lead.__dict__["status"] = Status.ENGAGED
    Lead.objects.bulk_update([lead], ["status"])


def copy_over(lead: Lead) -> None:
    """COPY into a table of one's own, then update from it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE mine (id bigint, status text) ON COMMIT DROP")
        with cursor.copy("COPY mine FROM STDIN") as copy:
            copy.write(f"{lead.pk}\tengaged\n")
        cursor.execute("UPDATE leads_lead l SET status = mine.status FROM mine WHERE mine.id = l.id")


def swap_ids(lead: Lead) -> None:
    """Hide the change from who compares old and new by id."""
    execute("UPDATE leads_lead SET id = id + 100000, status = 'engaged' WHERE id = %s", lead.pk)


UPDATES: dict[str, Callable[[Lead], object]] = {
    "raw SQL": lambda lead: execute("UPDATE leads_lead SET status = 'engaged' WHERE id = %s", lead.pk),
    "QuerySet.update": lambda lead: Lead.objects.filter(pk=lead.pk).update(status=Status.ENGAGED),
    "bulk_update": bulk_update,
    "COPY": copy_over,
    "another id": swap_ids,
    "upsert": lambda lead: execute(
        "MERGE INTO leads_lead l USING (SELECT %s::bigint AS id) s ON l.id = s.id "
        "WHEN MATCHED THEN UPDATE SET status = 'engaged'",
        lead.pk,
    ),
}


REFUSAL = r"changes by a move only|id of a lead never changes"


@pytest.mark.parametrize("way", UPDATES)
def test_an_update_of_the_status_is_refused(way: str) -> None:
    lead = make_lead()
    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        UPDATES[way](lead)
    assert Lead.objects.get().status == Status.NEW


@pytest.mark.parametrize("way", UPDATES)
def test_an_update_of_the_status_is_refused_to_whoever_acts(way: str, root: User, now: datetime) -> None:
    lead = make_lead(owner=root)
    with pytest.raises(IntegrityError, match=REFUSAL), acting(actor=root, via="test", at=now):
        UPDATES[way](lead)
    assert Lead.objects.get().status == Status.NEW


def test_one_wrong_row_of_many_refuses_the_statement() -> None:
    leads = [make_lead() for _ in range(5)]
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(
            "UPDATE leads_lead SET company = 'x', status = CASE WHEN id = %s THEN 'engaged' ELSE status END",
            leads[3].pk,
        )
    assert not Lead.objects.filter(company="x").exists()


# --- the model --------------------------------------------------------------------------------------------------------


def test_setting_the_attribute_is_refused() -> None:
    lead = make_lead()
    with pytest.raises(AttributeError):
        lead.status = Status.ENGAGED
    assert lead.status == Status.NEW


def test_saving_the_field_by_name_is_refused() -> None:
    lead = make_lead()
    lead.__dict__["status"] = Status.ENGAGED
    for name in ("status", "status_since"):
        with pytest.raises(ValueError, match="changes by a move, never by save"):
            lead.save(update_fields=[name])
    assert Lead.objects.get().status == Status.NEW


def test_a_forced_attribute_is_not_saved() -> None:
    lead = make_lead()
    lead.__dict__["status"] = Status.ENGAGED
    lead.company = "Initech"
    lead.save()
    stored = Lead.objects.get()
    assert (stored.status, stored.company) == (Status.NEW, "Initech")


def test_a_stale_save_does_not_bring_the_old_status_back(mona: User, now: datetime) -> None:
    stale = make_lead(owner=mona)
    move(Lead.objects.get(), "work", actor=mona, at=now, via="test")
    stale.company = "Initech"
    with pytest.raises(Stale) as refused, transaction.atomic():
        stale.save()
    assert refused.value.changes["status"] == ("new", "working_to_engage")
    assert refused.value.changes["company"] == ("Initech", "Globex")
    stored = Lead.objects.get()
    assert (stored.status, stored.company) == (Status.WORKING_TO_ENGAGE, "Globex")


def test_update_or_create_is_refused() -> None:
    lead = make_lead()
    with pytest.raises(AttributeError):
        Lead.objects.update_or_create(pk=lead.pk, defaults={"status": Status.ENGAGED})


def test_calling_the_verb_itself_changes_nothing_that_is_stored(mona: User, now: datetime) -> None:
    lead = make_lead(owner=mona)
    Lead.prepare_moves([lead])
    lead.ask = Ask(mona, now, "test")
    lead.work(lead.ask)
    assert lead.status == Status.WORKING_TO_ENGAGE
    lead.save()
    assert Lead.objects.get().status == Status.NEW


CREATES: dict[str, Callable[[], object]] = {
    "create": lambda: Lead.objects.create(email="x@x.example", status=Status.ENGAGED),
    "save": lambda: Lead(email="x@x.example", status=Status.ENGAGED).save(),
    "save(force_insert)": lambda: Lead(email="x@x.example", status=Status.ENGAGED).save(force_insert=True),
    "bulk_create": lambda: Lead.objects.bulk_create(
        [Lead(email="y@x.example"), Lead(email="x@x.example", status=Status.ENGAGED)]
    ),
}


@pytest.mark.parametrize("way", CREATES)
def test_a_new_lead_in_another_status_is_refused(way: str) -> None:
    with pytest.raises(IntegrityError, match="placed in its status by a move only"), transaction.atomic():
        CREATES[way]()
    assert not Lead.objects.exists()


def columns() -> str:
    """Every column that can be written but id and status."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_name = 'leads_lead' AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'status')"
        )
        return str(cursor.fetchone()[0])


def insert_engaged() -> None:
    """Insert every lead once more, as Engaged."""
    execute(f"INSERT INTO leads_lead ({columns()}, status) SELECT {columns()}, 'engaged' FROM leads_lead")


def copy_engaged() -> None:
    """Copy every lead out and in again, as Engaged."""
    names = columns()
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT {names}, 'engaged' FROM leads_lead) TO STDOUT") as source:
            rows = b"".join(bytes(block) for block in source)
        assert b"engaged" in rows
        with cursor.copy(f"COPY leads_lead ({names}, status) FROM STDIN") as target:
            target.write(rows)


@pytest.mark.parametrize("write", [insert_engaged, copy_engaged])
def test_another_program_that_makes_one_in_another_status_is_refused(write: Callable[[], None]) -> None:
    make_lead()
    with pytest.raises(Exception, match="placed in its status by a move only"), transaction.atomic():
        write()
    assert Lead.objects.count() == 1


def test_deleting_it_and_making_it_again_is_refused() -> None:
    lead = make_lead()
    Lead.objects.filter(pk=lead.pk).delete()
    with pytest.raises(IntegrityError, match="placed in its status by a move only"), transaction.atomic():
        Lead.objects.create(pk=lead.pk, email=lead.email, status=Status.ENGAGED)


# --- a move that is not this one --------------------------------------------------------------------------------------


def forge_and_change(lead: Lead, actor: User, when: datetime, **other: Any) -> None:
    """Write a row that explains the change from New to Engaged, but for `other`; then change as the door does."""
    step = entry_move(lead, verb="engage", ask=Ask(actor, when, "test"))
    values = {"from_state": Status.NEW, "to_state": Status.ENGAGED, "version": lead.version + 1} | other
    for name, value in values.items():
        setattr(step, name, value)
    with acting(actor=actor, via="test", at=when):
        step.save()
        change(lead, when)


def change(lead: Lead, when: datetime) -> None:
    """Change the status as the door does."""
    Lead.objects.filter(pk=lead.pk).update(status=Status.ENGAGED, status_since=when)


def test_a_move_that_explains_the_change_lets_it_through(root: User, now: datetime) -> None:
    """The next tests differ from this in one value each."""
    lead = make_lead()
    forge_and_change(lead, root, now)
    assert Lead.objects.get().status == Status.ENGAGED


@pytest.mark.parametrize(
    "other",
    [
        {"object": "account"},
        {"record_id": 0},
        {"version": 1},
        {"version": 3},
        {"from_state": Status.NEW_MQL},
        {"from_state": ""},
        {"to_state": Status.NEW_MQL},
        {"at": datetime.fromisoformat("2026-01-01T00:00:00+00:00")},
    ],
    ids=str,
)
def test_a_move_of_something_else_does_not_help(other: dict[str, Any], root: User, now: datetime) -> None:
    lead = make_lead()
    with pytest.raises(IntegrityError, match="changes by a move only"), transaction.atomic():
        forge_and_change(lead, root, now, **other)
    assert Lead.objects.get().status == Status.NEW


@pytest.mark.parametrize("again", ["inside acting", "outside"])
def test_a_move_of_another_transaction_does_not_help(again: str, root: User, now: datetime) -> None:
    """The move stands and its change was undone: making it again needs a move again."""
    lead = make_lead()
    forge_and_change(lead, root, now)
    execute("SET LOCAL session_replication_role = replica")
    Lead.objects.update(status=Status.NEW, version=lead.version)
    execute("SET LOCAL session_replication_role = origin")
    frame = acting(actor=root, via="test", at=now) if again == "inside acting" else transaction.atomic()
    with pytest.raises(IntegrityError, match="changes by a move only"), frame:
        change(lead, now)


def test_the_move_of_a_new_lead_does_not_help_a_second_time(root: User, now: datetime) -> None:
    lead = make_lead(status=Status.ENGAGED)
    Lead.objects.filter(pk=lead.pk)._raw_delete("default")
    with pytest.raises(IntegrityError, match="placed in its status"), transaction.atomic():
        Lead.objects.create(pk=lead.pk, email="x@x.example", status=Status.ENGAGED, status_since=lead.status_since)


def test_a_stage_is_guarded_like_a_status() -> None:
    opportunity = make_opportunity()
    with pytest.raises(IntegrityError, match="stage of a opportunity changes by a move only"), transaction.atomic():
        type(opportunity).objects.update(stage="closed_won")
    with pytest.raises(IntegrityError, match="placed in its stage by a move only"), transaction.atomic():
        type(opportunity).objects.create(name="x 2026", account=opportunity.account, stage="meeting_set")


def test_a_refused_move_leaves_no_move(alice: User, charlie: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    with pytest.raises(Refused):
        move(lead, "work", actor=charlie, at=now, via="test")
    assert not Move.objects.of(lead).exists()
