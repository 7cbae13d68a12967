"""What contracts said so far: their invoice date becomes an invoice, and their dates say in which status they are."""

from django.db import migrations

INVOICES = """
INSERT INTO contracts_invoice (version, contract_id, number, currency, sent_on, kept)
SELECT 1, id, '', currency, invoice_date, '{}' FROM contracts_contract WHERE invoice_date IS NOT NULL
"""
BACK = """
UPDATE contracts_contract c SET invoice_date = i.sent_on
FROM (SELECT contract_id, min(sent_on) AS sent_on FROM contracts_invoice GROUP BY contract_id) i
WHERE i.contract_id = c.id
"""
STATUS = """
UPDATE contracts_contract SET status_since = created_at, status = CASE
    WHEN close_date IS NULL THEN 'draft'
    WHEN end_date < CURRENT_DATE THEN 'expired'
    WHEN effective_date <= CURRENT_DATE THEN 'active'
    ELSE 'signed' END
"""
# A status is explained by a move: nobody made these.
MOVES = """
INSERT INTO history_move (object, record_id, version, from_state, to_state, verb, actor_id, actor_name, at, via, reason, facts)
SELECT 'contract', id, version, '', status, 'place', 0, '', status_since, 'upgrade', '', '{}'
FROM contracts_contract WHERE status <> 'draft'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0004_complete_opportunities_and_contracts"),
        ("history", "0001_create_change_log"),
    ]

    operations = [
        migrations.RunSQL(INVOICES, BACK),
        migrations.RunSQL(STATUS, migrations.RunSQL.noop),
        migrations.RunSQL(MOVES, migrations.RunSQL.noop),
    ]
