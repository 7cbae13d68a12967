"""Install pgmq, the message queue in plain SQL that the embedded broker stands on, and the one queue Celery uses.

Its script makes types and functions without IF NOT EXISTS, so it runs only where it has not run yet (somebody may have
installed the extension of the same name). Reverse: the schema with every waiting message is dropped.
"""

from django.db import migrations
from pgmq.install import get_embedded_install_sql

# Any number that nothing else locks by: "pgmq" in ASCII.
INSTALL_LOCK = 0x70676D71


def install(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        # Two `migrate` that start together: the second waits here, and then finds the first one's work.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
        cursor.execute("SELECT to_regclass('pgmq.meta')")
        if cursor.fetchone()[0] is None:
            # Without parameters the driver sends the script as it is, and `%` means nothing in it.
            cursor.execute(get_embedded_install_sql(), None)
        cursor.execute("SELECT pgmq.create('celery')")


def remove(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pgmq'")
        if cursor.fetchone() is None:
            cursor.execute("DROP SCHEMA IF EXISTS pgmq CASCADE")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_create_heartbeats")]
    operations = [migrations.RunPython(install, remove)]
