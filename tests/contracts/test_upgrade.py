"""What contracts said before they had a status is carried over when Plumb is updated."""

from __future__ import annotations

from datetime import date, timedelta
from importlib import import_module

import pytest
from django.db import connection

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
