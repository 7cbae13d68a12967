"""Where requests are counted: a table that is not written to the log, and the one function that counts."""

import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models

# Two web servers' clocks may differ by a little: a minute that has ended for one of them does not come again.
COUNT = """
CREATE FUNCTION sync_count_use(counted text, minute timestamptz) RETURNS integer LANGUAGE sql VOLATILE AS $$
    INSERT INTO sync_keyuse AS u (subject, began_at, count) VALUES (counted, minute, 1)
    ON CONFLICT (subject) DO UPDATE SET
        count = CASE WHEN excluded.began_at > u.began_at THEN 1 ELSE u.count + 1 END,
        began_at = GREATEST(excluded.began_at, u.began_at)
    RETURNING count
$$
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_create_api_keys")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="per_minute",
            field=models.PositiveIntegerField(
                default=600,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000),
                ],
                verbose_name="requests per minute",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("revoked_at", None)),
                name="sync_apikey_name_once",
                violation_error_message="There is a key of this name: revoke it first, or choose another name.",
            ),
        ),
        migrations.CreateModel(
            name="KeyUse",
            fields=[
                ("subject", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("count", models.IntegerField()),
            ],
        ),
        # Half of each page stays free, so that a count is written beside the last one and no index is touched.
        migrations.RunSQL(
            [
                "ALTER TABLE sync_keyuse SET UNLOGGED",
                "ALTER TABLE sync_keyuse SET (fillfactor = 50)",
                "DROP INDEX IF EXISTS sync_keyuse_subject_like",
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(COUNT, "DROP FUNCTION sync_count_use(text, timestamptz)"),
    ]
