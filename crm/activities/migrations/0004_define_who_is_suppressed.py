"""Who is suppressed: the one definition, as SQL functions, the indexes that serve it, and the trigger that asks it.

    suppression_terms(emails, linkedin, phones, websites)   what a suppression may name somebody by: 'kind:key'
    record_terms(object, ids)                               the same of stored records
    suppressed(object, ids, at)                             who of them is covered, by what, for which channels
    violated(kind, happened_at, lead, contact, ...)         the suppression that a touch went against
    suppressed_hash(kind, key)                              the form in which an erased person's key is kept

Functions over tables by name, not views: a view would forbid changing the columns that it reads.
"""

import crm.core.text
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# A domain is matched together with every domain above it that has a dot: a suppressed one covers those below it.
TERMS = r"""
CREATE OR REPLACE FUNCTION suppression_terms(emails text[], linkedin text, phones text[], websites text[])
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT COALESCE(array_agg(DISTINCT t.term), '{}') FROM (
        SELECT 'email:' || e AS term FROM unnest(emails) e WHERE e <> ''
        UNION ALL
        SELECT 'linkedin:' || linkedin WHERE linkedin <> ''
        UNION ALL
        SELECT 'phone:' || p FROM unnest(phones) p WHERE p <> ''
        UNION ALL
        SELECT 'domain:' || array_to_string(d.parts[i:], '.')
        FROM (
            SELECT string_to_array(substring(e FROM '@([^@]*)$'), '.') AS parts FROM unnest(emails) e
            UNION ALL
            SELECT string_to_array(domain_key(w), '.') FROM unnest(websites) w
        ) d, generate_series(1, cardinality(d.parts) - 1) i
    ) t
$$;
"""

# The secret is made here, once, and stays in the database: who has only the hashes cannot try addresses against them.
SECRET = r"""
CREATE TABLE activities_suppression_secret (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    secret text NOT NULL
);
INSERT INTO activities_suppression_secret (secret)
SELECT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
CREATE FUNCTION suppressed_hash(kind text, key text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'hash:' || encode(sha256(convert_to(s.secret || kind || ':' || key, 'UTF8')), 'hex')
    FROM activities_suppression_secret s
$$;
"""

# By what each kind of touch reaches somebody, as the handbook in force says; the seed of crm.activities writes it.
CHANNELS = r"""
CREATE TABLE activities_touch_channel (kind text PRIMARY KEY, channel text NOT NULL);
"""

RECORD_TERMS = r"""
CREATE OR REPLACE FUNCTION record_terms(object text, ids bigint[])
RETURNS TABLE (record_id bigint, kind text, key text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.id, split_part(t.term, ':', 1), substr(t.term, strpos(t.term, ':') + 1)
    FROM (
        SELECT l.id, suppression_terms(ARRAY[l.email_key, l.second_email_key], l.linkedin_key, ARRAY[l.phone_key::text, l.mobile_key::text], ARRAY[l.website::text]) AS terms FROM leads_lead l
        WHERE object = 'lead' AND l.id = ANY (ids)
        UNION ALL
        SELECT c.id, suppression_terms(ARRAY[c.email_key, c.personal_email_key], c.linkedin_key, ARRAY[c.phone_key::text, c.mobile_key::text], ARRAY[c.website::text]) || COALESCE(suppression_terms('{}', '', '{}', ARRAY[a.website::text]), '{}')
        FROM accounts_contact c LEFT JOIN accounts_account a ON a.id = c.account_id
        WHERE object = 'contact' AND c.id = ANY (ids)
        UNION ALL
        SELECT a.id, suppression_terms('{}', '', '{}', ARRAY[a.website::text]) FROM accounts_account a WHERE object = 'account' AND a.id = ANY (ids)
        UNION ALL
        SELECT o.id, COALESCE(suppression_terms(ARRAY[c.email_key, c.personal_email_key], c.linkedin_key, ARRAY[c.phone_key::text, c.mobile_key::text], ARRAY[c.website::text]), '{}') || suppression_terms('{}', '', '{}', ARRAY[a.website::text])
        FROM contracts_opportunity o JOIN accounts_account a ON a.id = o.account_id
        LEFT JOIN accounts_contact c ON c.id = o.contact_id
        WHERE object = 'opportunity' AND o.id = ANY (ids)
    ) r, LATERAL (SELECT DISTINCT unnest(r.terms)) t (term)
$$;
"""

# An address bars the way that leads to it: of two emails one may be bad, and the other still be written to. It bars
# the channel when no other address is left for it. Without a time: what is in force now.
SUPPRESSED = r"""
CREATE OR REPLACE FUNCTION suppressed(object text, ids bigint[], at timestamptz)
RETURNS TABLE (record_id bigint, suppression_id bigint, channels text[]) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH named AS MATERIALIZED (
        SELECT t.record_id, t.kind, t.key, suppressed_hash(t.kind, t.key) AS hash FROM record_terms(object, ids) t
    ), hits AS MATERIALIZED (
        SELECT n.record_id, n.kind, n.key, s.id, s.scope
        FROM named n
        CROSS JOIN LATERAL (VALUES (n.key), (n.hash)) v (key)
        JOIN activities_suppressedkey k ON k.kind = n.kind AND k.key = v.key
        JOIN activities_suppression s ON s.id = k.suppression_id
        WHERE CASE WHEN at IS NULL THEN s.lifted_at IS NULL
                   ELSE s.since <= at AND (s.lifted_at IS NULL OR s.lifted_at > at) END
    )
    SELECT c.record_id, c.id, COALESCE(array_agg(DISTINCT c.channel) FILTER (WHERE c.channel IS NOT NULL), '{}')
    FROM (
        SELECT h.record_id, h.id, unnest(CASE
            WHEN h.scope IN ('person', 'domain') THEN ARRAY['email', 'call', 'text', 'linkedin', 'chat', 'other']
            WHEN h.scope = 'email' THEN ARRAY['email']
            WHEN h.scope = 'calls' THEN ARRAY['call', 'text']
            WHEN EXISTS (
                SELECT FROM named n WHERE n.record_id = h.record_id AND n.kind = h.kind AND NOT EXISTS (
                    SELECT FROM hits b WHERE b.record_id = n.record_id AND b.kind = n.kind AND b.key = n.key
                )
            ) THEN ARRAY[NULL::text]
            WHEN h.kind = 'email' THEN ARRAY['email']
            WHEN h.kind = 'phone' THEN ARRAY['call', 'text']
            WHEN h.kind = 'linkedin' THEN ARRAY['linkedin']
            ELSE ARRAY[NULL::text]
        END) AS channel
        FROM hits h
    ) c
    GROUP BY c.record_id, c.id
$$;
"""

# Whom a touch is with: the lead and the contact; of neither, the opportunity's contact; of none, the company. A kind
# that left the handbook has no channel of its own: only who is not to be contacted at all is spared it.
VIOLATED = r"""
CREATE OR REPLACE FUNCTION violated(
    touch_kind text, happened_at timestamptz, lead_id bigint, contact_id bigint, opportunity_id bigint,
    account_id bigint
) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    way text := COALESCE((SELECT c.channel FROM activities_touch_channel c WHERE c.kind = touch_kind), 'other');
    against bigint;
BEGIN
    IF way = '' OR NOT EXISTS (SELECT FROM activities_suppression) THEN
        RETURN NULL;
    END IF;
    SELECT s.id INTO against
    FROM (
        SELECT * FROM suppressed('lead', ARRAY[lead_id], happened_at) WHERE lead_id IS NOT NULL
        UNION ALL
        SELECT * FROM suppressed('contact', ARRAY[contact_id], happened_at) WHERE contact_id IS NOT NULL
        UNION ALL
        SELECT * FROM suppressed('opportunity', ARRAY[opportunity_id], happened_at)
        WHERE opportunity_id IS NOT NULL AND COALESCE(lead_id, contact_id) IS NULL
        UNION ALL
        SELECT * FROM suppressed('account', ARRAY[account_id], happened_at)
        WHERE account_id IS NOT NULL AND COALESCE(lead_id, contact_id, opportunity_id) IS NULL
    ) f
    JOIN activities_suppression s ON s.id = f.suppression_id
    WHERE way = ANY (f.channels)
    ORDER BY s.since, s.id
    LIMIT 1;
    RETURN against;
END $$;
"""

INDEXES = r"""
CREATE INDEX leads_lead_by_suppression_terms ON leads_lead USING gin ((suppression_terms(ARRAY[email_key, second_email_key], linkedin_key, ARRAY[phone_key::text, mobile_key::text], ARRAY[website::text])));
CREATE INDEX accounts_contact_by_suppression_terms ON accounts_contact USING gin ((suppression_terms(ARRAY[email_key, personal_email_key], linkedin_key, ARRAY[phone_key::text, mobile_key::text], ARRAY[website::text])));
CREATE INDEX accounts_account_by_suppression_terms ON accounts_account USING gin ((suppression_terms('{}', '', '{}', ARRAY[website::text])));
"""


class Migration(migrations.Migration):

    dependencies = [
        ('activities', '0003_keep_import_values'),
        ('leads', '0002_queue_unowned_leads'),
    ]

    operations = [
        migrations.RunSQL(TERMS, "DROP FUNCTION suppression_terms(text[], text, text[], text[])"),
        migrations.RunSQL(SECRET, "DROP FUNCTION suppressed_hash(text, text); DROP TABLE activities_suppression_secret"),
        migrations.RunSQL(CHANNELS, "DROP TABLE activities_touch_channel"),
        migrations.RunSQL(RECORD_TERMS, "DROP FUNCTION record_terms(text, bigint[])"),
        migrations.RunSQL(SUPPRESSED, "DROP FUNCTION suppressed(text, bigint[], timestamptz)"),
        migrations.RunSQL(VIOLATED, "DROP FUNCTION violated(text, timestamptz, bigint, bigint, bigint, bigint)"),
        migrations.RunSQL(INDEXES, "DROP INDEX leads_lead_by_suppression_terms, accounts_contact_by_suppression_terms, accounts_account_by_suppression_terms"),
        pgtrigger.migrations.RemoveTrigger(
            model_name='suppression',
            name='count_version',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='suppression',
            name='log_update',
        ),
        migrations.AddField(
            model_name='suppression',
            name='closed_lead',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='suppressions', to='leads.lead'),
        ),
        migrations.AlterField(
            model_name='suppression',
            name='scope',
            field=crm.core.text.Line(blank=True, choices=[('person', 'The person'), ('domain', 'Everybody at the domain'), ('address', 'That address'), ('email', 'Email only'), ('calls', 'Calls and text messages only')], default='', editable=False, max_length=10),
        ),
        migrations.AddIndex(
            model_name='suppressedkey',
            index=models.Index(fields=['key'], name='activities_suppressed_by_key'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('violation_of__isnull', False)), fields=['-id'], name='activities_touch_violations'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='activity',
            trigger=pgtrigger.compiler.Trigger(name='mark_violation', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF TG_OP = 'UPDATE' AND ROW(NEW.kind, NEW.direction, NEW.happened_at, NEW.lead_id, NEW.contact_id, NEW.opportunity_id, NEW.account_id) IS NOT DISTINCT FROM ROW(OLD.kind, OLD.direction, OLD.happened_at, OLD.lead_id, OLD.contact_id, OLD.opportunity_id, OLD.account_id) THEN\n                RETURN NEW;\n            END IF;\n            NEW.violation_of_id := CASE WHEN NEW.direction = 'out' THEN\n                violated(NEW.kind, NEW.happened_at, NEW.lead_id, NEW.contact_id, NEW.opportunity_id, NEW.account_id) END;\n            RETURN NEW;\n        ", hash='415d95be07d081eb224116aec2affe3801e78171', operation='INSERT OR UPDATE', pgid='pgtrigger_mark_violation_595f1', table='activities_activity', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='suppression',
            trigger=pgtrigger.compiler.Trigger(name='count_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF NEW.id <> OLD.id THEN\n                RAISE EXCEPTION \'The id of a suppression never changes\' USING ERRCODE = \'check_violation\';\n            END IF;\n            IF ROW(NEW."created_at", NEW."reason", NEW."scope", NEW."note", NEW."since", NEW."by_id", NEW."came_from", NEW."closed_lead_id", NEW."lifted_at", NEW."lifted_by_id", NEW."lifted_reason") IS DISTINCT FROM ROW(OLD."created_at", OLD."reason", OLD."scope", OLD."note", OLD."since", OLD."by_id", OLD."came_from", OLD."closed_lead_id", OLD."lifted_at", OLD."lifted_by_id", OLD."lifted_reason") THEN\n                NEW.version := OLD.version + 1;\n                IF NEW.updated_at = OLD.updated_at THEN\n                    NEW.updated_at := COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now());\n                END IF;\n            ELSE\n                NEW.version := OLD.version;\n                NEW.updated_at := OLD.updated_at;\n            END IF;\n            RETURN NEW;\n        ', hash='42bdb14d9707f1e0ffce7f7331c97bc05f4a9e58', operation='UPDATE', pgid='pgtrigger_count_version_12459', table='activities_suppression', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='suppression',
            trigger=pgtrigger.compiler.Trigger(name='log_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF (SELECT count(*) FROM new_rows) <= 100 THEN\n                \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'suppression\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'reason\', CASE WHEN o."reason" IS DISTINCT FROM n."reason" THEN jsonb_build_array(o."reason", n."reason") END, \'scope\', CASE WHEN o."scope" IS DISTINCT FROM n."scope" THEN jsonb_build_array(o."scope", n."scope") END, \'note\', CASE WHEN o."note" IS DISTINCT FROM n."note" THEN jsonb_build_array(o."note", n."note") END, \'since\', CASE WHEN o."since" IS DISTINCT FROM n."since" THEN jsonb_build_array(o."since", n."since") END, \'by_id\', CASE WHEN o."by_id" IS DISTINCT FROM n."by_id" THEN jsonb_build_array(o."by_id", n."by_id") END, \'came_from\', CASE WHEN o."came_from" IS DISTINCT FROM n."came_from" THEN jsonb_build_array(o."came_from", n."came_from") END, \'closed_lead_id\', CASE WHEN o."closed_lead_id" IS DISTINCT FROM n."closed_lead_id" THEN jsonb_build_array(o."closed_lead_id", n."closed_lead_id") END, \'lifted_at\', CASE WHEN o."lifted_at" IS DISTINCT FROM n."lifted_at" THEN jsonb_build_array(o."lifted_at", n."lifted_at") END, \'lifted_by_id\', CASE WHEN o."lifted_by_id" IS DISTINCT FROM n."lifted_by_id" THEN jsonb_build_array(o."lifted_by_id", n."lifted_by_id") END, \'lifted_reason\', CASE WHEN o."lifted_reason" IS DISTINCT FROM n."lifted_reason" THEN jsonb_build_array(o."lifted_reason", n."lifted_reason") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    ;\n            ELSE\n                EXECUTE $bulk$\n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'suppression\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'reason\', CASE WHEN o."reason" IS DISTINCT FROM n."reason" THEN jsonb_build_array(o."reason", n."reason") END, \'scope\', CASE WHEN o."scope" IS DISTINCT FROM n."scope" THEN jsonb_build_array(o."scope", n."scope") END, \'note\', CASE WHEN o."note" IS DISTINCT FROM n."note" THEN jsonb_build_array(o."note", n."note") END, \'since\', CASE WHEN o."since" IS DISTINCT FROM n."since" THEN jsonb_build_array(o."since", n."since") END, \'by_id\', CASE WHEN o."by_id" IS DISTINCT FROM n."by_id" THEN jsonb_build_array(o."by_id", n."by_id") END, \'came_from\', CASE WHEN o."came_from" IS DISTINCT FROM n."came_from" THEN jsonb_build_array(o."came_from", n."came_from") END, \'closed_lead_id\', CASE WHEN o."closed_lead_id" IS DISTINCT FROM n."closed_lead_id" THEN jsonb_build_array(o."closed_lead_id", n."closed_lead_id") END, \'lifted_at\', CASE WHEN o."lifted_at" IS DISTINCT FROM n."lifted_at" THEN jsonb_build_array(o."lifted_at", n."lifted_at") END, \'lifted_by_id\', CASE WHEN o."lifted_by_id" IS DISTINCT FROM n."lifted_by_id" THEN jsonb_build_array(o."lifted_by_id", n."lifted_by_id") END, \'lifted_reason\', CASE WHEN o."lifted_reason" IS DISTINCT FROM n."lifted_reason" THEN jsonb_build_array(o."lifted_reason", n."lifted_reason") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    $bulk$;\n            END IF;\n            RETURN NULL;\n        ', hash='2e29be8eb38688a5c45c3b7a535c26f653570afd', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_log_update_65467', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='activities_suppression', when='AFTER')),
        ),
    ]
