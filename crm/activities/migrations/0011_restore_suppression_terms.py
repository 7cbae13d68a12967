"""What a suppression may name somebody by is told quickly, and wherever the tables lie.

The indexes of these terms ask for them at every write of a lead, a contact or an account: in SQL the function was
parsed and planned anew by each statement. And `pg_restore` and upkeep of the database look for functions in no schema,
so one that calls another names its schema: without it a backup's indexes could not be made.
"""

from django.db import migrations

# A domain is matched together with every domain above it that has a dot: a suppressed one covers those below it.
TERMS = r"""
DO $do$ BEGIN EXECUTE replace($function$
CREATE OR REPLACE FUNCTION suppression_terms(emails text[], linkedin text, phones text[], websites text[])
RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    terms text[] := '{}';
    domains text[] := '{}';
    one text;
BEGIN
    FOREACH one IN ARRAY COALESCE(emails, '{}') LOOP
        IF one <> '' THEN
            terms := terms || ('email:' || one);
            domains := domains || substring(one FROM '@([^@]*)$');
        END IF;
    END LOOP;
    IF linkedin <> '' THEN
        terms := terms || ('linkedin:' || linkedin);
    END IF;
    FOREACH one IN ARRAY COALESCE(phones, '{}') LOOP
        IF one <> '' THEN
            terms := terms || ('phone:' || one);
        END IF;
    END LOOP;
    FOREACH one IN ARRAY COALESCE(websites, '{}') LOOP
        domains := domains || {schema}.domain_key(one);
    END LOOP;
    FOREACH one IN ARRAY domains LOOP
        WHILE strpos(one, '.') > 0 LOOP
            IF 'domain:' || one <> ALL (terms) THEN
                terms := terms || ('domain:' || one);
            END IF;
            one := substr(one, strpos(one, '.') + 1);
        END LOOP;
    END LOOP;
    RETURN terms;
END
$$
$function$, '{schema}', quote_ident(current_schema())); END $do$
"""
BEFORE = r"""
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
$$
"""


class Migration(migrations.Migration):
    dependencies = [("activities", "0010_plan_suppressions_once"), ("core", "0003_keep_plans_of_keys")]

    operations = [migrations.RunSQL(TERMS, BEFORE)]
