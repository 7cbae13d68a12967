"""The search of leads looks into the domain of the website as well: the generated column is made anew."""

from django.db import migrations, models
from django.db.models import F

LEAD_SEARCH_TEXT = r"""
CREATE OR REPLACE FUNCTION lead_search_text(first_name text, last_name text, company text, email text, website text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(normalize(btrim(
        first_name || ' ' || last_name || ' ' || company || ' ' || email || ' ' || domain_key(website)), NFKC))
$$;
"""


def generated(*columns, function):
    return models.GeneratedField(
        db_persist=True,
        editable=False,
        expression=models.Func(*(F(column) for column in columns), function=function),
        output_field=models.TextField(),
    )


OLD = ("first_name", "last_name", "company", "email")


class Migration(migrations.Migration):
    """Adding a stored column writes the table again, which holds it for as long as that takes."""

    dependencies = [("leads", "0002_queue_unowned_leads"), ("core", "0001_create_key_functions")]

    operations = [
        migrations.RunSQL(LEAD_SEARCH_TEXT, "DROP FUNCTION lead_search_text(text, text, text, text, text)"),
        migrations.RemoveIndex("lead", "leads_lead_search"),
        migrations.RemoveField("lead", "search"),
        migrations.AddField("lead", "search", generated(*OLD, "website", function="lead_search_text")),
    ]
