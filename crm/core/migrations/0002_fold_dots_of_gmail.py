"""Gmail takes no notice of dots before the @, and googlemail.com is gmail.com: one mailbox, one key."""

from django.db import migrations

# Nested calls and no subquery, so that the planner can put the function's body where it is called. As in 0001: NFKC
# folds full-width and compatibility forms; a trailing dot of the domain and a +tag name the same mailbox.
EMAIL_KEY = r"""
CREATE OR REPLACE FUNCTION email_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(
        regexp_replace(regexp_replace(rtrim(lower(btrim(normalize(entered, NFKC), E' \t\r\n')), '.'),
        '^([^+@]+)\+[^@]*@', '\1@'), '\.+@', '@'),
        '@googlemail\.com$', '@gmail.com'),
        '\.(?=[^@]*@gmail\.com$)', '', 'g')
$$;
"""

BEFORE = r"""
CREATE OR REPLACE FUNCTION email_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(rtrim(lower(btrim(normalize(entered, NFKC), E' \t\r\n')), '.'),
        '^([^+@]+)\+[^@]*@', '\1@'), '\.+@', '@')
$$;
"""

# A stored generated column keeps what it was made with. Every column made with the function is found in the catalog;
# only rows whose key differs are written, and a write of equal values is no new version of a record.
RENEW = r"""
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT c.oid::regclass AS place, a.attname AS kept, b.attname AS entered
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY (current_schemas(false))
        JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        JOIN pg_attribute b ON b.attrelid = a.attrelid
            AND pg_get_expr(d.adbin, d.adrelid) IN (
                format('email_key((%I)::text)', b.attname), format('email_key(%I)', b.attname))
        WHERE a.attgenerated = 's' AND NOT a.attisdropped AND NOT b.attisdropped
    LOOP
        EXECUTE format('UPDATE %1$s SET %2$I = %2$I WHERE email_key(%2$I::text) IS DISTINCT FROM %3$I',
                       one.place, one.entered, one.kept);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_create_key_functions")]
    operations = [
        migrations.RunSQL(EMAIL_KEY, BEFORE),
        migrations.RunSQL(RENEW, RENEW),
    ]
