"""Next steps become promises, and what was won keeps its contract's close date.

Those that stand are seeded from what is stored: made when, and by whom, the change log knows.
"""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

SEED = """
INSERT INTO contracts_nextstep (opportunity_id, text, due_on, made_at, made_by_id, made_by_name, outcome)
SELECT o.id, o.next_step, o.next_step_due, COALESCE(c.at, o.created_at), t.actor_id,
       COALESCE(t.actor_name, ''), 'standing'
FROM contracts_opportunity o
LEFT JOIN LATERAL (
    SELECT at, transaction_id FROM history_change
    WHERE object = 'opportunity' AND record_id = o.id AND (op = 'I' OR what ?| ARRAY['next_step', 'next_step_due'])
    ORDER BY id DESC LIMIT 1) c ON true
LEFT JOIN history_transaction t ON t.id = c.transaction_id
WHERE o.next_step <> '' AND NOT EXISTS (SELECT FROM contracts_nextstep p WHERE p.opportunity_id = o.id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ("contracts", "0006_guard_contracts"),
        ("history", "0001_create_change_log"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='contract',
            trigger=pgtrigger.compiler.Trigger(name='tell_close_date', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF EXISTS (SELECT FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.close_date, n.status, n.opportunity_id) IS DISTINCT FROM ROW(o.close_date, o.status, o.opportunity_id)) THEN\n            UPDATE contracts_opportunity o SET close_on = f.closed\n            FROM (SELECT c.opportunity_id, min(c.close_date) AS closed FROM contracts_contract c\n                  WHERE c.opportunity_id IN (SELECT t.id FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.close_date, n.status, n.opportunity_id) IS DISTINCT FROM ROW(o.close_date, o.status, o.opportunity_id) CROSS JOIN LATERAL (VALUES (n.opportunity_id), (o.opportunity_id)) t (id)) AND c.status IN ('signed', 'active', 'expired') AND c.close_date IS NOT NULL\n                  GROUP BY c.opportunity_id) f\n            WHERE o.id = f.opportunity_id AND o.close_on IS DISTINCT FROM f.closed AND EXISTS (SELECT FROM history_move m WHERE m.object = 'opportunity' AND m.record_id = o.id\n        AND m.verb = 'win' AND m.to_state = o.stage AND m.at = o.stage_since);\n            END IF;\n            RETURN NULL;\n        ", hash='4ae5f6fbae6f768af0ad120d9e5bed744436a6d2', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_tell_close_date_2e95e', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='contracts_contract', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contract',
            trigger=pgtrigger.compiler.Trigger(name='tell_first_close_date', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF EXISTS (SELECT FROM new_rows n WHERE n.status IN ('signed', 'active', 'expired') AND n.close_date IS NOT NULL AND n.opportunity_id IS NOT NULL) THEN\n            UPDATE contracts_opportunity o SET close_on = f.closed\n            FROM (SELECT c.opportunity_id, min(c.close_date) AS closed FROM contracts_contract c\n                  WHERE c.opportunity_id IN (SELECT n.opportunity_id FROM new_rows n WHERE n.status IN ('signed', 'active', 'expired') AND n.close_date IS NOT NULL AND n.opportunity_id IS NOT NULL) AND c.status IN ('signed', 'active', 'expired') AND c.close_date IS NOT NULL\n                  GROUP BY c.opportunity_id) f\n            WHERE o.id = f.opportunity_id AND o.close_on IS DISTINCT FROM f.closed AND EXISTS (SELECT FROM history_move m WHERE m.object = 'opportunity' AND m.record_id = o.id\n        AND m.verb = 'win' AND m.to_state = o.stage AND m.at = o.stage_since);\n            END IF;\n            RETURN NULL;\n        ", hash='fc70ba3c14d173cf8e1426857dabcecc1cc69c97', level='STATEMENT', operation='INSERT', pgid='pgtrigger_tell_first_close_date_669ce', referencing='REFERENCING NEW TABLE AS new_rows ', table='contracts_contract', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='make_promises', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    INSERT INTO contracts_nextstep\n        (opportunity_id, text, due_on, made_at, made_by_id, made_by_name, outcome)\n    SELECT n.id, n.next_step, n.next_step_due, COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), NULLIF(current_setting('crm.actor', true), '')::bigint,\n           COALESCE(current_setting('crm.actor_name', true), ''), 'standing'\n            FROM new_rows n WHERE n.next_step <> '';\n            RETURN NULL;\n        ", hash='87a802bc0dcae37180147bbf90aebfaada3511b3', level='STATEMENT', operation='INSERT', pgid='pgtrigger_make_promises_b52fa', referencing='REFERENCING NEW TABLE AS new_rows ', table='contracts_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='renew_promises', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF COALESCE(current_setting('crm.upkeep', true), '') = 'on' THEN\n                UPDATE contracts_nextstep p SET text = n.next_step, due_on = n.next_step_due\n                FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due) WHERE p.opportunity_id = n.id AND p.ended_at IS NULL AND n.next_step <> '';\n            ELSIF (SELECT count(*) FROM new_rows) <= 100 THEN\n                UPDATE contracts_nextstep p\n                SET ended_at = COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), outcome = CASE WHEN n.next_step = '' THEN 'dropped' ELSE 'rewritten' END\n                FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due) WHERE p.opportunity_id = n.id AND p.ended_at IS NULL;\n                \n    INSERT INTO contracts_nextstep\n        (opportunity_id, text, due_on, made_at, made_by_id, made_by_name, outcome)\n    SELECT n.id, n.next_step, n.next_step_due, COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), NULLIF(current_setting('crm.actor', true), '')::bigint,\n           COALESCE(current_setting('crm.actor_name', true), ''), 'standing' FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due) WHERE n.next_step <> '';\n            ELSE\n                EXECUTE $bulk$UPDATE contracts_nextstep p\n                SET ended_at = COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), outcome = CASE WHEN n.next_step = '' THEN 'dropped' ELSE 'rewritten' END\n                FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due) WHERE p.opportunity_id = n.id AND p.ended_at IS NULL$bulk$;\n                EXECUTE $bulk$\n    INSERT INTO contracts_nextstep\n        (opportunity_id, text, due_on, made_at, made_by_id, made_by_name, outcome)\n    SELECT n.id, n.next_step, n.next_step_due, COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), NULLIF(current_setting('crm.actor', true), '')::bigint,\n           COALESCE(current_setting('crm.actor_name', true), ''), 'standing' FROM old_rows o JOIN new_rows n ON n.id = o.id AND ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due) WHERE n.next_step <> ''$bulk$;\n            END IF;\n            RETURN NULL;\n        ", hash='62e6f20096ff7c9b083e7904329464771aebe40a', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_renew_promises_5d23c', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='contracts_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='close_with_contract', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."close_on" IS DISTINCT FROM (OLD."close_on") AND NEW."stage" = (OLD."stage"))', func="\n            IF EXISTS (SELECT FROM history_move m WHERE m.object = 'opportunity' AND m.record_id = NEW.id\n        AND m.verb = 'win' AND m.to_state = NEW.stage AND m.at = NEW.stage_since) THEN\n                NEW.close_on := COALESCE(\n                    (SELECT min(c.close_date) FROM contracts_contract c\n                     WHERE c.opportunity_id = NEW.id AND c.status IN ('signed', 'active', 'expired')), NEW.close_on);\n            END IF;\n            RETURN NEW;\n        ", hash='8e6f95f040ed17e3eb835b413b888b462e7e152b', operation='UPDATE OF "close_on"', pgid='pgtrigger_close_with_contract_c5cf6', table='contracts_opportunity', when='BEFORE')),
        ),
        migrations.RunSQL(SEED, "DELETE FROM contracts_nextstep"),
    ]
