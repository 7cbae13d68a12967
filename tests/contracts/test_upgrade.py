"""What contracts and opportunities said in the release before is carried over when Plumb is updated."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection

from contracts.models import NextStep, Opportunity
from crm.core.acting import acting
from crm.people.models import User
from tests.factories import START, make_opportunity

pytestmark = pytest.mark.django_db
DAY, YEAR = timedelta(days=1), timedelta(days=365)
# The tables as the release before had them, with what the first step of the update added; seen before the real ones.
TABLES = """
CREATE TEMP TABLE contracts_contract (
    id bigserial, version integer DEFAULT 1, name text, currency text DEFAULT 'EUR', effective_date date,
    close_date date, end_date date, invoice_date date, created_at timestamptz DEFAULT '2025-05-01 10:00Z',
    status text DEFAULT 'draft', status_since timestamptz DEFAULT now()) ON COMMIT DROP;
CREATE TEMP TABLE contracts_invoice (
    id bigserial, version integer, contract_id bigint, number text, currency text, sent_on date, kept jsonb)
    ON COMMIT DROP;
CREATE TEMP TABLE history_move (LIKE public.history_move INCLUDING DEFAULTS) ON COMMIT DROP;
ALTER TABLE history_move ALTER id SET DEFAULT nextval('pg_temp.contracts_contract_id_seq');
"""


def test_dates_become_a_status_with_its_move_and_an_invoice() -> None:
    step = import_module("contracts.migrations.0005_carry_dates_over")
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_DATE")
        today: date = cursor.fetchone()[0]
        stored = {
            "draft": (today, None, today + YEAR, None),
            "signed": (today + 10 * DAY, today - DAY, today + YEAR, None),
            "signed, without dates": (None, today - DAY, None, None),
            "active": (today - 10 * DAY, today - 20 * DAY, today + YEAR, today - 9 * DAY),
            "active on its last day": (today - YEAR, today - YEAR, today, None),
            "expired": (today - 2 * YEAR, today - 2 * YEAR, today - YEAR, today - YEAR),
        }
        cursor.execute(TABLES)
        cursor.executemany(
            "INSERT INTO contracts_contract (name, effective_date, close_date, end_date, invoice_date)"
            " VALUES (%s, %s, %s, %s, %s)",
            [(name, *days) for name, days in stored.items()],
        )
        for statement in (step.INVOICES, step.STATUS, step.MOVES):
            cursor.execute(statement)
        cursor.execute("SELECT name, status FROM contracts_contract")
        assert {name: status for name, status in cursor.fetchall() if not name.startswith(status)} == {}
        cursor.execute(
            "SELECT c.name, i.sent_on, i.currency FROM contracts_invoice i JOIN contracts_contract c"
            " ON c.id = i.contract_id ORDER BY i.sent_on"
        )
        assert cursor.fetchall() == [("expired", today - YEAR, "EUR"), ("active", today - 9 * DAY, "EUR")]
        # A status is explained by a move of its own time: what the guard of the table asks of every later one.
        cursor.execute(
            "SELECT count(*) FROM contracts_contract c WHERE status <> 'draft' AND NOT EXISTS ("
            " SELECT FROM history_move m WHERE m.object = 'contract' AND m.record_id = c.id AND m.version = c.version"
            " AND m.from_state = '' AND m.to_state = c.status AND m.at = c.status_since)"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("UPDATE contracts_contract SET invoice_date = NULL")
        cursor.execute(step.BACK)
        cursor.execute("SELECT name FROM contracts_contract WHERE invoice_date IS NOT NULL ORDER BY name")
        assert [name for (name,) in cursor.fetchall()] == ["active", "expired"]


def test_next_steps_become_promises_of_who_said_them_last(alice: User, bob: User, now: datetime) -> None:
    """As an update finds them: steps without promises, entered or changed by somebody, or before there was a log."""
    step = import_module("contracts.migrations.0007_keep_promises")
    due = date(2026, 4, 1)
    entered, changed, unlogged, without = (
        make_opportunity(owner=alice, next_step=text, next_step_due=due if text else None)
        for text in ("Call", "Call", "Call", "")
    )
    with acting(actor=bob, via="test", at=now):
        Opportunity.objects.filter(pk=changed.pk).update(next_step="Write")
    with acting(actor=alice, via="test", at=now + timedelta(days=1)):
        Opportunity.objects.filter(pk__in=[changed.pk, without.pk]).update(hosts=5)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM history_change WHERE object = 'opportunity' AND record_id = %s", [unlogged.pk])
        cursor.execute("DELETE FROM contracts_nextstep")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        for _ in range(2):  # what is there already is not promised once more
            cursor.execute(step.SEED)
    system = User.objects.system()
    seeded = NextStep.objects.order_by("opportunity").values_list(
        "opportunity", "text", "due_on", "made_at", "made_by_id"
    )
    unlogged.refresh_from_db()
    assert list(seeded) == [
        (entered.pk, "Call", due, START, system.pk),
        (changed.pk, "Write", due, now, bob.pk),
        (unlogged.pk, "Call", due, unlogged.created_at, None),
    ]
    assert NextStep.objects.standing().count() == 3
