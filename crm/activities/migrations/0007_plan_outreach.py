"""Contracts and all of an account's domains are among what may name somebody; a task says how it reaches out.

`record_terms` and `violated` are those of migration 0004, taught two things: an account is named by each of its domains,
and a contract by its opportunity's contact and its account. A touch about a contract, and about no lead or opportunity,
is no sales outreach: contract, invoice and incident messages are let be (D2).
"""

from importlib import import_module

import crm.activities.models
import crm.core.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

FIRST = import_module("crm.activities.migrations.0004_define_who_is_suppressed")
PERSON = (
    "suppression_terms(ARRAY[c.email_key, c.personal_email_key], c.linkedin_key,"
    " ARRAY[c.phone_key::text, c.mobile_key::text], ARRAY[c.website::text])"
)
COMPANY = (
    "suppression_terms('{}', '', '{}', ARRAY[a.website::text]"
    " || ARRAY(SELECT d.domain::text FROM accounts_accountdomain d WHERE d.account_id = a.id))"
)
RECORD_TERMS = f"""
CREATE OR REPLACE FUNCTION record_terms(object text, ids bigint[])
RETURNS TABLE (record_id bigint, kind text, key text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.id, split_part(t.term, ':', 1), substr(t.term, strpos(t.term, ':') + 1)
    FROM (
        SELECT l.id, suppression_terms(ARRAY[l.email_key, l.second_email_key], l.linkedin_key,
            ARRAY[l.phone_key::text, l.mobile_key::text], ARRAY[l.website::text]) AS terms
        FROM leads_lead l WHERE object = 'lead' AND l.id = ANY (ids)
        UNION ALL
        SELECT c.id, {PERSON} || CASE WHEN a.id IS NULL THEN '{{}}' ELSE {COMPANY} END
        FROM accounts_contact c LEFT JOIN accounts_account a ON a.id = c.account_id
        WHERE object = 'contact' AND c.id = ANY (ids)
        UNION ALL
        SELECT a.id, {COMPANY} FROM accounts_account a WHERE object = 'account' AND a.id = ANY (ids)
        UNION ALL
        SELECT o.id, CASE WHEN c.id IS NULL THEN '{{}}' ELSE {PERSON} END || {COMPANY}
        FROM contracts_opportunity o JOIN accounts_account a ON a.id = o.account_id
        LEFT JOIN accounts_contact c ON c.id = o.contact_id
        WHERE object = 'opportunity' AND o.id = ANY (ids)
        UNION ALL
        SELECT k.id, CASE WHEN c.id IS NULL THEN '{{}}' ELSE {PERSON} END || {COMPANY}
        FROM contracts_contract k JOIN accounts_account a ON a.id = k.account_id
        LEFT JOIN contracts_opportunity o ON o.id = k.opportunity_id
        LEFT JOIN accounts_contact c ON c.id = o.contact_id
        WHERE object = 'contract' AND k.id = ANY (ids)
    ) r, LATERAL (SELECT DISTINCT unnest(r.terms)) t (term)
$$;
"""
VIOLATED = r"""
CREATE OR REPLACE FUNCTION violated(
    touch_kind text, happened_at timestamptz, lead_id bigint, contact_id bigint, opportunity_id bigint,
    account_id bigint, contract_id bigint
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN contract_id IS NULL OR lead_id IS NOT NULL OR opportunity_id IS NOT NULL
        THEN violated(touch_kind, happened_at, lead_id, contact_id, opportunity_id, account_id) END
$$;
"""
# Which accounts one of their domains is covered by a suppression of.
INDEX = r"""
CREATE INDEX accounts_accountdomain_by_suppression_terms ON accounts_accountdomain
USING gin ((suppression_terms('{}', '', '{}', ARRAY[domain::text])));
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_complete_accounts_and_contacts'),
        ('activities', '0006_add_tasks_and_notes'),
        ('contracts', '0006_guard_contracts'),
        ('leads', '0005_order_by_last_change'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(RECORD_TERMS, FIRST.RECORD_TERMS),
        migrations.RunSQL(VIOLATED, "DROP FUNCTION violated(text, timestamptz, bigint, bigint, bigint, bigint, bigint)"),
        migrations.RunSQL(INDEX, "DROP INDEX accounts_accountdomain_by_suppression_terms"),
        pgtrigger.migrations.RemoveTrigger(
            model_name='activity',
            name='mark_violation',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='task',
            name='count_version',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='task',
            name='log_update',
        ),
        migrations.AddField(
            model_name='task',
            name='kind',
            field=crm.core.text.Line(blank=True, choices=crm.activities.models.kind_choices, default='', help_text='Empty: it is nothing that reaches out to them.', max_length=50),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('kind', 'meeting')), fields=['contact', '-happened_at'], name='activities_meeting_of_contact'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('kind', 'meeting')), fields=['account', '-happened_at'], name='activities_meeting_of_account'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('kind', 'meeting')), fields=['opportunity', '-happened_at'], name='activities_meeting_of_opp'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('kind', 'meeting')), fields=['contract', '-happened_at'], name='activities_meeting_of_contract'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('done_at', None)), fields=['due_on', 'id'], name='activities_task_by_due'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['lead', '-done_at'], name='activities_task_of_lead'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['contact', '-done_at'], name='activities_task_of_contact'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['account', '-done_at'], name='activities_task_of_account'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['opportunity', '-done_at'], name='activities_task_of_opp'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['contract', '-done_at'], name='activities_task_of_contract'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='activity',
            trigger=pgtrigger.compiler.Trigger(name='mark_violation', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND ROW(NEW.kind, NEW.direction, NEW.happened_at, NEW.lead_id, NEW.contact_id, NEW.opportunity_id, NEW.account_id, NEW.contract_id) IS NOT DISTINCT FROM ROW(OLD.kind, OLD.direction, OLD.happened_at, OLD.lead_id, OLD.contact_id, OLD.opportunity_id, OLD.account_id, OLD.contract_id) THEN\n                RETURN NEW;\n            END IF;\n            NEW.violation_of_id := CASE WHEN NEW.direction = 'out' THEN\n                violated(NEW.kind, NEW.happened_at, NEW.lead_id, NEW.contact_id, NEW.opportunity_id, NEW.account_id, NEW.contract_id) END;\n            RETURN NEW;\n        ", hash='494181dd063970ed027a418b37c3d902b6d98927', operation='INSERT OR UPDATE', pgid='pgtrigger_mark_violation_595f1', table='activities_activity', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='task',
            trigger=pgtrigger.compiler.Trigger(name='count_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF NEW.id <> OLD.id THEN\n                RAISE EXCEPTION \'The id of a task never changes\' USING ERRCODE = \'check_violation\';\n            END IF;\n            IF ROW(NEW."created_at", NEW."text", NEW."kind", NEW."due_on", NEW."owner_id", NEW."made_by_id", NEW."done_at", NEW."done_by_id", NEW."lead_id", NEW."contact_id", NEW."account_id", NEW."opportunity_id", NEW."contract_id", NEW."kept") IS DISTINCT FROM ROW(OLD."created_at", OLD."text", OLD."kind", OLD."due_on", OLD."owner_id", OLD."made_by_id", OLD."done_at", OLD."done_by_id", OLD."lead_id", OLD."contact_id", OLD."account_id", OLD."opportunity_id", OLD."contract_id", OLD."kept") THEN\n                NEW.version := OLD.version + 1;\n                IF NEW.updated_at = OLD.updated_at THEN\n                    NEW.updated_at := COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now());\n                END IF;\n            ELSE\n                NEW.version := OLD.version;\n                NEW.updated_at := OLD.updated_at;\n            END IF;\n            RETURN NEW;\n        ', hash='e3e14f2ad6f53238797de86e27c8daac606c6c7c', operation='UPDATE', pgid='pgtrigger_count_version_4bc64', table='activities_task', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='task',
            trigger=pgtrigger.compiler.Trigger(name='log_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF (SELECT count(*) FROM new_rows) <= 100 THEN\n                \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'task\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'text\', CASE WHEN o."text" IS DISTINCT FROM n."text" THEN jsonb_build_array(o."text", n."text") END, \'kind\', CASE WHEN o."kind" IS DISTINCT FROM n."kind" THEN jsonb_build_array(o."kind", n."kind") END, \'due_on\', CASE WHEN o."due_on" IS DISTINCT FROM n."due_on" THEN jsonb_build_array(o."due_on", n."due_on") END, \'owner_id\', CASE WHEN o."owner_id" IS DISTINCT FROM n."owner_id" THEN jsonb_build_array(o."owner_id", n."owner_id") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END, \'done_at\', CASE WHEN o."done_at" IS DISTINCT FROM n."done_at" THEN jsonb_build_array(o."done_at", n."done_at") END, \'done_by_id\', CASE WHEN o."done_by_id" IS DISTINCT FROM n."done_by_id" THEN jsonb_build_array(o."done_by_id", n."done_by_id") END, \'lead_id\', CASE WHEN o."lead_id" IS DISTINCT FROM n."lead_id" THEN jsonb_build_array(o."lead_id", n."lead_id") END, \'contact_id\', CASE WHEN o."contact_id" IS DISTINCT FROM n."contact_id" THEN jsonb_build_array(o."contact_id", n."contact_id") END, \'account_id\', CASE WHEN o."account_id" IS DISTINCT FROM n."account_id" THEN jsonb_build_array(o."account_id", n."account_id") END, \'opportunity_id\', CASE WHEN o."opportunity_id" IS DISTINCT FROM n."opportunity_id" THEN jsonb_build_array(o."opportunity_id", n."opportunity_id") END, \'contract_id\', CASE WHEN o."contract_id" IS DISTINCT FROM n."contract_id" THEN jsonb_build_array(o."contract_id", n."contract_id") END)) || CASE WHEN o."kept" IS DISTINCT FROM n."kept" THEN jsonb_build_object(\'kept\', CASE WHEN o."kept" IS DISTINCT FROM n."kept" THEN jsonb_build_array(o."kept", n."kept") END) ELSE \'{}\'::jsonb END\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    ;\n            ELSE\n                EXECUTE $bulk$\n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'task\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'text\', CASE WHEN o."text" IS DISTINCT FROM n."text" THEN jsonb_build_array(o."text", n."text") END, \'kind\', CASE WHEN o."kind" IS DISTINCT FROM n."kind" THEN jsonb_build_array(o."kind", n."kind") END, \'due_on\', CASE WHEN o."due_on" IS DISTINCT FROM n."due_on" THEN jsonb_build_array(o."due_on", n."due_on") END, \'owner_id\', CASE WHEN o."owner_id" IS DISTINCT FROM n."owner_id" THEN jsonb_build_array(o."owner_id", n."owner_id") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END, \'done_at\', CASE WHEN o."done_at" IS DISTINCT FROM n."done_at" THEN jsonb_build_array(o."done_at", n."done_at") END, \'done_by_id\', CASE WHEN o."done_by_id" IS DISTINCT FROM n."done_by_id" THEN jsonb_build_array(o."done_by_id", n."done_by_id") END, \'lead_id\', CASE WHEN o."lead_id" IS DISTINCT FROM n."lead_id" THEN jsonb_build_array(o."lead_id", n."lead_id") END, \'contact_id\', CASE WHEN o."contact_id" IS DISTINCT FROM n."contact_id" THEN jsonb_build_array(o."contact_id", n."contact_id") END, \'account_id\', CASE WHEN o."account_id" IS DISTINCT FROM n."account_id" THEN jsonb_build_array(o."account_id", n."account_id") END, \'opportunity_id\', CASE WHEN o."opportunity_id" IS DISTINCT FROM n."opportunity_id" THEN jsonb_build_array(o."opportunity_id", n."opportunity_id") END, \'contract_id\', CASE WHEN o."contract_id" IS DISTINCT FROM n."contract_id" THEN jsonb_build_array(o."contract_id", n."contract_id") END)) || CASE WHEN o."kept" IS DISTINCT FROM n."kept" THEN jsonb_build_object(\'kept\', CASE WHEN o."kept" IS DISTINCT FROM n."kept" THEN jsonb_build_array(o."kept", n."kept") END) ELSE \'{}\'::jsonb END\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    $bulk$;\n            END IF;\n            RETURN NULL;\n        ', hash='687815462628b58bef9e67fda0c7c2ce96e9dfcf', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_log_update_d5539', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='activities_task', when='AFTER')),
        ),
    ]
