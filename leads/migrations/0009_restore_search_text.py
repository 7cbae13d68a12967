"""The text that leads are searched in is made wherever the tables lie, and planned once by a connection.

`pg_restore` and upkeep of the database look for functions in no schema, so one that calls another names its schema:
without it a backup's leads could not be put back.
"""

from django.db import migrations

SEARCH_TEXT = r"""
DO $do$ BEGIN EXECUTE replace($function$
    CREATE OR REPLACE FUNCTION lead_search_text(
        first_name text, last_name text, company text, email text, website text)
    RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    BEGIN
        RETURN lower(normalize(btrim(first_name || ' ' || last_name || ' ' || company || ' ' || email || ' '
                                     || {schema}.domain_key(website)), NFKC));
    END
    $$
$function$, '{schema}', quote_ident(current_schema())); END $do$
"""
BEFORE = r"""
CREATE OR REPLACE FUNCTION lead_search_text(first_name text, last_name text, company text, email text, website text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(normalize(btrim(
        first_name || ' ' || last_name || ' ' || company || ' ' || email || ' ' || domain_key(website)), NFKC))
$$
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0008_read_figures_from_an_index"), ("core", "0003_keep_plans_of_keys")]

    operations = [migrations.RunSQL(SEARCH_TEXT, BEFORE)]
