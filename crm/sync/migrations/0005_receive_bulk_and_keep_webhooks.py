"""Where bulk jobs, webhooks and the days of keys are kept; a key has its secret and the one before it."""

import crm.core.text
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0004_note_when_a_job_was_confirmed'),
        ('sync', '0004_remember_requests'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('resource', crm.core.text.Line(blank=True, default='', max_length=50)),
                ('operation', crm.core.text.Line(blank=True, choices=[('create', 'Create'), ('update', 'Update'), ('upsert', 'Create or update'), ('delete', 'Delete')], default='', max_length=20)),
                ('system', crm.core.text.Line(blank=True, default='', help_text='Whose ids the rows have; empty where they have ours.', max_length=50)),
                ('form', crm.core.text.Line(blank=True, choices=[('ndjson', 'NDJSON'), ('csv', 'CSV')], default='', max_length=10)),
                ('all_or_nothing', models.BooleanField(default=False)),
                ('label', crm.core.text.Line(blank=True, default='', max_length=200)),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed')),
                ('bytes', models.BigIntegerField(default=0)),
                ('offset', models.BigIntegerField(default=0)),
                ('row', models.BigIntegerField(default=0)),
                ('header', models.JSONField(default=list)),
            ],
            options={
                'verbose_name': 'bulk job',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='BulkKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField()),
                ('row', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='BulkPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('file', crm.core.text.Line(blank=True, default='', max_length=255)),
                ('size', models.BigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ['bulk', 'number'],
            },
        ),
        migrations.CreateModel(
            name='KeyDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('requests', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['-day'],
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.IntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='last changed')),
                ('name', crm.core.text.Line(blank=True, default='', max_length=255)),
                ('url', crm.core.text.Line(blank=True, default='', max_length=500)),
                ('objects_told', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), default=list, size=None)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                ('fields', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, size=None)),
                ('filter', crm.core.text.Line(blank=True, default='', max_length=500)),
                ('salt', models.CharField(editable=False, max_length=64)),
                ('old_salt', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('old_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='old secret until')),
                ('paused_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='paused')),
                ('paused_because', crm.core.text.Line(blank=True, default='', editable=False, max_length=500)),
                ('stopped_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='stopped')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('error', crm.core.text.Line(blank=True, default='', max_length=500)),
                ('answer', models.TextField(blank=True, default='')),
                ('milliseconds', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookHost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.IntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='last changed')),
                ('host', crm.core.text.Line(blank=True, default='', help_text='As in hooks.example.com; without https:// and path.', max_length=255)),
                ('note', crm.core.text.Line(blank=True, default='', help_text='What it is for.', max_length=255)),
            ],
            options={
                'ordering': ['host'],
            },
        ),
        migrations.CreateModel(
            name='WebhookMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', crm.core.text.Line(blank=True, default='', max_length=50, unique=True)),
                ('event', crm.core.text.Line(blank=True, default='', max_length=50)),
                ('body', models.TextField()),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('state', crm.core.text.Line(blank=True, choices=[('waiting', 'Waits'), ('delivered', 'Delivered'), ('failed', 'Given up')], default='waiting', max_length=20)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('ended_at', models.DateTimeField(null=True)),
                ('pos', models.BigIntegerField(default=0)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='apikey',
            name='count_version',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='apikey',
            name='log_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='apikey',
            name='log_delete',
        ),
        migrations.AddField(
            model_name='apikey',
            name='old_hash',
            field=models.CharField(blank=True, default='', editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='apikey',
            name='old_until',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='old secret until'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='count_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF NEW.id <> OLD.id THEN\n                RAISE EXCEPTION \'The id of a apikey never changes\' USING ERRCODE = \'check_violation\';\n            END IF;\n            IF ROW(NEW."created_at", NEW."name", NEW."user_id", NEW."prefix", NEW."old_until", NEW."scopes", NEW."per_minute", NEW."expires_at", NEW."revoked_at", NEW."made_by_id") IS DISTINCT FROM ROW(OLD."created_at", OLD."name", OLD."user_id", OLD."prefix", OLD."old_until", OLD."scopes", OLD."per_minute", OLD."expires_at", OLD."revoked_at", OLD."made_by_id") THEN\n                NEW.version := OLD.version + 1;\n                IF NEW.updated_at = OLD.updated_at THEN\n                    NEW.updated_at := COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now());\n                END IF;\n            ELSE\n                NEW.version := OLD.version;\n                NEW.updated_at := OLD.updated_at;\n            END IF;\n            RETURN NEW;\n        ', hash='3b94999504c413e678904df5eacdd571038731c6', operation='UPDATE', pgid='pgtrigger_count_version_ab37a', table='sync_apikey', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='log_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF (SELECT count(*) FROM new_rows) <= 100 THEN\n                \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'apikey\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'name\', CASE WHEN o."name" IS DISTINCT FROM n."name" THEN jsonb_build_array(o."name", n."name") END, \'user_id\', CASE WHEN o."user_id" IS DISTINCT FROM n."user_id" THEN jsonb_build_array(o."user_id", n."user_id") END, \'prefix\', CASE WHEN o."prefix" IS DISTINCT FROM n."prefix" THEN jsonb_build_array(o."prefix", n."prefix") END, \'old_until\', CASE WHEN o."old_until" IS DISTINCT FROM n."old_until" THEN jsonb_build_array(o."old_until", n."old_until") END, \'scopes\', CASE WHEN o."scopes" IS DISTINCT FROM n."scopes" THEN jsonb_build_array(o."scopes", n."scopes") END, \'per_minute\', CASE WHEN o."per_minute" IS DISTINCT FROM n."per_minute" THEN jsonb_build_array(o."per_minute", n."per_minute") END, \'expires_at\', CASE WHEN o."expires_at" IS DISTINCT FROM n."expires_at" THEN jsonb_build_array(o."expires_at", n."expires_at") END, \'revoked_at\', CASE WHEN o."revoked_at" IS DISTINCT FROM n."revoked_at" THEN jsonb_build_array(o."revoked_at", n."revoked_at") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    ;\n            ELSE\n                EXECUTE $bulk$\n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'apikey\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'name\', CASE WHEN o."name" IS DISTINCT FROM n."name" THEN jsonb_build_array(o."name", n."name") END, \'user_id\', CASE WHEN o."user_id" IS DISTINCT FROM n."user_id" THEN jsonb_build_array(o."user_id", n."user_id") END, \'prefix\', CASE WHEN o."prefix" IS DISTINCT FROM n."prefix" THEN jsonb_build_array(o."prefix", n."prefix") END, \'old_until\', CASE WHEN o."old_until" IS DISTINCT FROM n."old_until" THEN jsonb_build_array(o."old_until", n."old_until") END, \'scopes\', CASE WHEN o."scopes" IS DISTINCT FROM n."scopes" THEN jsonb_build_array(o."scopes", n."scopes") END, \'per_minute\', CASE WHEN o."per_minute" IS DISTINCT FROM n."per_minute" THEN jsonb_build_array(o."per_minute", n."per_minute") END, \'expires_at\', CASE WHEN o."expires_at" IS DISTINCT FROM n."expires_at" THEN jsonb_build_array(o."expires_at", n."expires_at") END, \'revoked_at\', CASE WHEN o."revoked_at" IS DISTINCT FROM n."revoked_at" THEN jsonb_build_array(o."revoked_at", n."revoked_at") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    $bulk$;\n            END IF;\n            RETURN NULL;\n        ', hash='7ddb23ccd6c6bc78a2f3add1473909a5e285f36c', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_log_update_2cf40', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='sync_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='log_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), 'apikey', o.id, o.version, 'D',\n               COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), to_jsonb(o) - 'hash' - 'old_hash' - 'last_used_at'\n        FROM old_rows o\n    ;\n            RETURN NULL;\n        ", hash='b6cec66b6d09a610b4988356f2c0e5019e9b6881', level='STATEMENT', operation='DELETE', pgid='pgtrigger_log_delete_76c36', referencing='REFERENCING OLD TABLE AS old_rows ', table='sync_apikey', when='AFTER')),
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='api_key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bulk_jobs', to='sync.apikey'),
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='job',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='bulk', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='bulkkey',
            name='bulk',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='sync.bulkjob'),
        ),
        migrations.AddField(
            model_name='bulkpart',
            name='bulk',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='sync.bulkjob'),
        ),
        migrations.AddField(
            model_name='keyday',
            name='api_key',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='days', to='sync.apikey'),
        ),
        migrations.CreateModel(
            name='WebhookQueue',
            fields=[
                ('webhook', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='queue', serialize=False, to='sync.webhook')),
                ('pos', models.BigIntegerField(default=0)),
                ('change_id', models.BigIntegerField(default=0)),
                ('token', models.UUIDField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('lease', models.UUIDField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='webhook',
            name='made_by',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='made_webhooks', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='webhook',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='webhookhost',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('host'), name='sync_webhookhost_once', violation_error_message='This host is allowed already.'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookhost',
            trigger=pgtrigger.compiler.Trigger(name='count_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF NEW.id <> OLD.id THEN\n                RAISE EXCEPTION \'The id of a webhookhost never changes\' USING ERRCODE = \'check_violation\';\n            END IF;\n            IF ROW(NEW."created_at", NEW."host", NEW."note") IS DISTINCT FROM ROW(OLD."created_at", OLD."host", OLD."note") THEN\n                NEW.version := OLD.version + 1;\n                IF NEW.updated_at = OLD.updated_at THEN\n                    NEW.updated_at := COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now());\n                END IF;\n            ELSE\n                NEW.version := OLD.version;\n                NEW.updated_at := OLD.updated_at;\n            END IF;\n            RETURN NEW;\n        ', hash='49b71df595ccb5207768566fe9398d6dbabaed17', operation='UPDATE', pgid='pgtrigger_count_version_7c787', table='sync_webhookhost', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookhost',
            trigger=pgtrigger.compiler.Trigger(name='log_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), 'webhookhost', n.id, n.version, 'I',\n               COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), NULL\n        FROM new_rows n\n    ;\n            RETURN NULL;\n        ", hash='26000f1bf37dba625c911ea71d68c7b97da55287', level='STATEMENT', operation='INSERT', pgid='pgtrigger_log_insert_85ec9', referencing='REFERENCING NEW TABLE AS new_rows ', table='sync_webhookhost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookhost',
            trigger=pgtrigger.compiler.Trigger(name='log_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF (SELECT count(*) FROM new_rows) <= 100 THEN\n                \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'webhookhost\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'host\', CASE WHEN o."host" IS DISTINCT FROM n."host" THEN jsonb_build_array(o."host", n."host") END, \'note\', CASE WHEN o."note" IS DISTINCT FROM n."note" THEN jsonb_build_array(o."note", n."note") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    ;\n            ELSE\n                EXECUTE $bulk$\n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'webhookhost\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'host\', CASE WHEN o."host" IS DISTINCT FROM n."host" THEN jsonb_build_array(o."host", n."host") END, \'note\', CASE WHEN o."note" IS DISTINCT FROM n."note" THEN jsonb_build_array(o."note", n."note") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    $bulk$;\n            END IF;\n            RETURN NULL;\n        ', hash='a24f61afbc9c8ce47e833386f7bcfb984a0c0b10', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_log_update_4dbcc', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='sync_webhookhost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookhost',
            trigger=pgtrigger.compiler.Trigger(name='log_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), 'webhookhost', o.id, o.version, 'D',\n               COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), to_jsonb(o)\n        FROM old_rows o\n    ;\n            RETURN NULL;\n        ", hash='d79095b0aab403ad208614d2fe4c64dccfc88dba', level='STATEMENT', operation='DELETE', pgid='pgtrigger_log_delete_adbd7', referencing='REFERENCING OLD TABLE AS old_rows ', table='sync_webhookhost', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookhost',
            trigger=pgtrigger.compiler.Trigger(name='log_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF COALESCE(current_setting('crm.upkeep', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'A tracked table is emptied by DELETE' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ", hash='5f81e31a4dfada14cfe726e2465a959aa8737852', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_log_no_truncate_058d3', table='sync_webhookhost', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='webhookmessage',
            name='webhook',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='sync.webhook'),
        ),
        migrations.AddField(
            model_name='webhookattempt',
            name='message',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='sync.webhookmessage'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(fields=['api_key', '-id'], name='sync_bulkjob_of_key'),
        ),
        migrations.AddConstraint(
            model_name='bulkkey',
            constraint=models.UniqueConstraint(fields=('bulk', 'key'), name='sync_bulkkey_once'),
        ),
        migrations.AddConstraint(
            model_name='bulkpart',
            constraint=models.UniqueConstraint(fields=('bulk', 'number'), name='sync_bulkpart_once'),
        ),
        migrations.AddConstraint(
            model_name='bulkpart',
            constraint=models.CheckConstraint(condition=models.Q(('size__gt', 0)), name='sync_bulkpart_has_bytes', violation_error_message='A part has bytes.'),
        ),
        migrations.AddConstraint(
            model_name='keyday',
            constraint=models.UniqueConstraint(fields=('api_key', 'day'), name='sync_keyday_once'),
        ),
        migrations.AddIndex(
            model_name='webhookqueue',
            index=models.Index(fields=['next_at'], name='sync_webhookqueue_due'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='sync_webhook_name_once', violation_error_message='There is a webhook of this name.'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='count_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF NEW.id <> OLD.id THEN\n                RAISE EXCEPTION \'The id of a webhook never changes\' USING ERRCODE = \'check_violation\';\n            END IF;\n            IF ROW(NEW."created_at", NEW."name", NEW."url", NEW."user_id", NEW."objects_told", NEW."events", NEW."fields", NEW."filter", NEW."old_until", NEW."paused_at", NEW."paused_because", NEW."stopped_at", NEW."made_by_id") IS DISTINCT FROM ROW(OLD."created_at", OLD."name", OLD."url", OLD."user_id", OLD."objects_told", OLD."events", OLD."fields", OLD."filter", OLD."old_until", OLD."paused_at", OLD."paused_because", OLD."stopped_at", OLD."made_by_id") THEN\n                NEW.version := OLD.version + 1;\n                IF NEW.updated_at = OLD.updated_at THEN\n                    NEW.updated_at := COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now());\n                END IF;\n            ELSE\n                NEW.version := OLD.version;\n                NEW.updated_at := OLD.updated_at;\n            END IF;\n            RETURN NEW;\n        ', hash='dd37d31823a114df4d34eeb3c9b3d8a1db0586b0', operation='UPDATE', pgid='pgtrigger_count_version_aae00', table='sync_webhook', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='log_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), 'webhook', n.id, n.version, 'I',\n               COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), NULL\n        FROM new_rows n\n    ;\n            RETURN NULL;\n        ", hash='d6051fe97f1b4e4cf5b77bda4246a6b785f32b7e', level='STATEMENT', operation='INSERT', pgid='pgtrigger_log_insert_9c2ed', referencing='REFERENCING NEW TABLE AS new_rows ', table='sync_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='log_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            IF (SELECT count(*) FROM new_rows) <= 100 THEN\n                \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'webhook\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'name\', CASE WHEN o."name" IS DISTINCT FROM n."name" THEN jsonb_build_array(o."name", n."name") END, \'url\', CASE WHEN o."url" IS DISTINCT FROM n."url" THEN jsonb_build_array(o."url", n."url") END, \'user_id\', CASE WHEN o."user_id" IS DISTINCT FROM n."user_id" THEN jsonb_build_array(o."user_id", n."user_id") END, \'objects_told\', CASE WHEN o."objects_told" IS DISTINCT FROM n."objects_told" THEN jsonb_build_array(o."objects_told", n."objects_told") END, \'events\', CASE WHEN o."events" IS DISTINCT FROM n."events" THEN jsonb_build_array(o."events", n."events") END, \'fields\', CASE WHEN o."fields" IS DISTINCT FROM n."fields" THEN jsonb_build_array(o."fields", n."fields") END, \'filter\', CASE WHEN o."filter" IS DISTINCT FROM n."filter" THEN jsonb_build_array(o."filter", n."filter") END, \'old_until\', CASE WHEN o."old_until" IS DISTINCT FROM n."old_until" THEN jsonb_build_array(o."old_until", n."old_until") END, \'paused_at\', CASE WHEN o."paused_at" IS DISTINCT FROM n."paused_at" THEN jsonb_build_array(o."paused_at", n."paused_at") END, \'paused_because\', CASE WHEN o."paused_because" IS DISTINCT FROM n."paused_because" THEN jsonb_build_array(o."paused_because", n."paused_because") END, \'stopped_at\', CASE WHEN o."stopped_at" IS DISTINCT FROM n."stopped_at" THEN jsonb_build_array(o."stopped_at", n."stopped_at") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    ;\n            ELSE\n                EXECUTE $bulk$\n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), \'webhook\', n.id, n.version, \'U\',\n               COALESCE(NULLIF(current_setting(\'crm.at\', true), \'\')::timestamptz, now()), jsonb_strip_nulls(jsonb_build_object(\'created_at\', CASE WHEN o."created_at" IS DISTINCT FROM n."created_at" THEN jsonb_build_array(o."created_at", n."created_at") END, \'name\', CASE WHEN o."name" IS DISTINCT FROM n."name" THEN jsonb_build_array(o."name", n."name") END, \'url\', CASE WHEN o."url" IS DISTINCT FROM n."url" THEN jsonb_build_array(o."url", n."url") END, \'user_id\', CASE WHEN o."user_id" IS DISTINCT FROM n."user_id" THEN jsonb_build_array(o."user_id", n."user_id") END, \'objects_told\', CASE WHEN o."objects_told" IS DISTINCT FROM n."objects_told" THEN jsonb_build_array(o."objects_told", n."objects_told") END, \'events\', CASE WHEN o."events" IS DISTINCT FROM n."events" THEN jsonb_build_array(o."events", n."events") END, \'fields\', CASE WHEN o."fields" IS DISTINCT FROM n."fields" THEN jsonb_build_array(o."fields", n."fields") END, \'filter\', CASE WHEN o."filter" IS DISTINCT FROM n."filter" THEN jsonb_build_array(o."filter", n."filter") END, \'old_until\', CASE WHEN o."old_until" IS DISTINCT FROM n."old_until" THEN jsonb_build_array(o."old_until", n."old_until") END, \'paused_at\', CASE WHEN o."paused_at" IS DISTINCT FROM n."paused_at" THEN jsonb_build_array(o."paused_at", n."paused_at") END, \'paused_because\', CASE WHEN o."paused_because" IS DISTINCT FROM n."paused_because" THEN jsonb_build_array(o."paused_because", n."paused_because") END, \'stopped_at\', CASE WHEN o."stopped_at" IS DISTINCT FROM n."stopped_at" THEN jsonb_build_array(o."stopped_at", n."stopped_at") END, \'made_by_id\', CASE WHEN o."made_by_id" IS DISTINCT FROM n."made_by_id" THEN jsonb_build_array(o."made_by_id", n."made_by_id") END))\n        FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version\n    $bulk$;\n            END IF;\n            RETURN NULL;\n        ', hash='8eebbfc645ecab8c93c2f4b07c46702f976c28f7', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_log_update_a73d8', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='sync_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='log_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            \n        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)\n        SELECT (SELECT history_transaction()), 'webhook', o.id, o.version, 'D',\n               COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()), to_jsonb(o) - 'salt' - 'old_salt'\n        FROM old_rows o\n    ;\n            RETURN NULL;\n        ", hash='656940bf9a00a025409a7062987d8039349d02b4', level='STATEMENT', operation='DELETE', pgid='pgtrigger_log_delete_263a9', referencing='REFERENCING OLD TABLE AS old_rows ', table='sync_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='log_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF COALESCE(current_setting('crm.upkeep', true), '') <> 'on' THEN\n                RAISE EXCEPTION 'A tracked table is emptied by DELETE' USING ERRCODE = 'restrict_violation';\n            END IF;\n            RETURN NULL;\n        ", hash='01918774ef5cd4db548d3590a531172ef4cafa75', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_log_no_truncate_f836f', table='sync_webhook', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['webhook', '-id'], name='sync_webhookmessage_log'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['webhook', 'id'], name='sync_webhookmessage_waits'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['made_at'], name='sync_webhookmessage_by_time'),
        ),
        # Counted up with every minute of every key: after a crash of the database the figures begin anew.
        migrations.RunSQL("ALTER TABLE sync_keyday SET UNLOGGED", migrations.RunSQL.noop),
    ]
