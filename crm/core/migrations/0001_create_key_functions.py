"""SQL functions that generated key columns are made with. Immutable, so that they can be stored and indexed."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

# NFKC folds full-width and compatibility forms; a trailing dot of the domain and a +tag name the same mailbox.
EMAIL_KEY = r"""
CREATE OR REPLACE FUNCTION email_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(rtrim(lower(btrim(normalize(entered, NFKC), E' \t\r\n')), '.'),
        '^([^+@]+)\+[^@]*@', '\1@'), '\.+@', '@')
$$;
"""

# One person or company has many spellings of one URL: scheme, country host, language suffix, query, trailing slash.
# The host becomes a mark first, so that a LinkedIn address that names nobody (its home page, a feed) has no key.
LINKEDIN_KEY = r"""
CREATE OR REPLACE FUNCTION linkedin_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower(btrim(normalize(entered, NFKC), E' \t\r\n')),
        '[?#].*$', ''),
        '^([a-z]+://)?([a-z0-9-]+\.)*linkedin\.com\.?(:[0-9]+)?(/+|$)', 'linkedin:'),
        '^(linkedin:)?(in|pub|company|school|showcase|sales/lead|sales/people|sales/company)/+([^/,]+).*$', '\2/\3'),
        '^linkedin:.*$', ''),
        '^[a-z]+://|/+$', '', 'g')
$$;
"""

DOMAIN_KEY = r"""
CREATE OR REPLACE FUNCTION domain_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rtrim(regexp_replace(regexp_replace(lower(btrim(normalize(entered, NFKC), E' \t\r\n')),
        '^(([a-z][a-z0-9+.-]*:)?//)?([^/@?#]*@)?(www\.)?', ''),
        '[:/?#].*$', ''), '.')
$$;
"""

SEARCH_TEXT = r"""
CREATE OR REPLACE FUNCTION search_text(a text, b text, c text, d text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(normalize(btrim(a || ' ' || b || ' ' || c || ' ' || d), NFKC))
$$;
"""

NAME_KEY = r"""
CREATE OR REPLACE FUNCTION name_key(entered text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT btrim(regexp_replace(lower(normalize(entered, NFKC)), '\s+', ' ', 'g'))
$$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        TrigramExtension(),
        migrations.RunSQL(EMAIL_KEY, "DROP FUNCTION email_key(text)"),
        migrations.RunSQL(LINKEDIN_KEY, "DROP FUNCTION linkedin_key(text)"),
        migrations.RunSQL(DOMAIN_KEY, "DROP FUNCTION domain_key(text)"),
        migrations.RunSQL(NAME_KEY, "DROP FUNCTION name_key(text)"),
        migrations.RunSQL(SEARCH_TEXT, "DROP FUNCTION search_text(text, text, text, text)"),
    ]
