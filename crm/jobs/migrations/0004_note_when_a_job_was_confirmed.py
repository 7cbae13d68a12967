from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_create_jobs'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='confirmed_at',
            field=models.DateTimeField(null=True, verbose_name='confirmed'),
        ),
        # `output=None` would look for JSON's null, not for what is not there yet.
        migrations.RemoveIndex(model_name='jobslice', name='jobs_slice_to_do'),
        migrations.AddIndex(
            model_name='jobslice',
            index=models.Index(
                condition=models.Q(('output__isnull', True)), fields=['job', 'number'], name='jobs_slice_to_do'
            ),
        ),
    ]
