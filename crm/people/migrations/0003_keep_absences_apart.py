"""Nobody is away twice on one day: held by the database, so that two who enter it at once cannot both succeed."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0002_create_absences_and_turns"),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.AddConstraint(
            model_name="absence",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("last_day__gte", models.F("first_day"))),
                expressions=[
                    (models.F("user"), "="),
                    (
                        models.Func(
                            "first_day",
                            "last_day",
                            models.Value("[]"),
                            function="daterange",
                            output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="people_absence_does_not_overlap",
                violation_error_message="They are away on some of these days already: change that absence instead.",
            ),
        ),
    ]
