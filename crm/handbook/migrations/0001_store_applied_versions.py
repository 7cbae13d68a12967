"""Store the versions of the handbook that were applied. Reverse: drops the table, and with it which one was in force."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="HandbookVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("text", models.TextField(help_text="The file as it was read, comments included.")),
                (
                    "sha256",
                    models.CharField(
                        help_text="SHA-256 of the text, in hexadecimal.", max_length=64, verbose_name="hash"
                    ),
                ),
                ("applied_at", models.DateTimeField()),
                (
                    "applied_by_name",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty when a migration applied it.",
                        max_length=200,
                        verbose_name="applied by",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(sha256__regex="^[0-9a-f]{64}$"),
                        name="handbook_version_hash",
                        violation_error_message="The hash of a handbook version is 64 hexadecimal digits.",
                    )
                ],
            },
        ),
    ]
