r"""The functions that keys are made with, so that a connection plans each of them once.

Written in SQL they were parsed and planned anew by every statement that writes a row, which took longer than writing
it. What they answer is the same.
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION {signature} RETURNS text
LANGUAGE {language} IMMUTABLE {strict} PARALLEL SAFE AS $$
    {begin}
        {answer};
    {end}
$$
"""
ANSWERS = {
    "email_key(entered text)": r"""
        regexp_replace(regexp_replace(
            regexp_replace(regexp_replace(rtrim(lower(btrim(normalize(entered, NFKC), E' \t\r\n')), '.'),
            '^([^+@]+)\+[^@]*@', '\1@'), '\.+@', '@'),
            '@googlemail\.com$', '@gmail.com'),
            '\.(?=[^@]*@gmail\.com$)', '', 'g')""",
    "linkedin_key(entered text)": r"""
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
            lower(btrim(normalize(entered, NFKC), E' \t\r\n')),
            '[?#].*$', ''),
            '^([a-z]+://)?([a-z0-9-]+\.)*linkedin\.com\.?(:[0-9]+)?(/+|$)', 'linkedin:'),
            '^(linkedin:)?(in|pub|company|school|showcase|sales/lead|sales/people|sales/company)/+([^/,]+).*$', '\2/\3'),
            '^linkedin:.*$', ''),
            '^[a-z]+://|/+$', '', 'g')""",
    "domain_key(entered text)": r"""
        rtrim(regexp_replace(regexp_replace(lower(btrim(normalize(entered, NFKC), E' \t\r\n')),
            '^(([a-z][a-z0-9+.-]*:)?//)?([^/@?#]*@)?(www\.)?', ''),
            '[:/?#].*$', ''), '.')""",
    "name_key(entered text)": r"""
        btrim(regexp_replace(lower(normalize(entered, NFKC)), '\s+', ' ', 'g'))""",
    "search_text(a text, b text, c text, d text)": r"""
        lower(normalize(btrim(a || ' ' || b || ' ' || c || ' ' || d), NFKC))""",
}


def function(signature, answer, language):
    """One function; what is made of several texts has an answer for NULL too."""
    words = {"sql": ("", "SELECT", ""), "plpgsql": ("BEGIN", "RETURN", "END")}[language]
    return FUNCTION.format(
        signature=signature,
        language=language,
        strict="" if signature.startswith("search_text") else "STRICT",
        begin=words[0],
        answer=f"{words[1]} {answer.strip()}",
        end=words[2],
    )


class Migration(migrations.Migration):
    dependencies = [("core", "0002_fold_dots_of_gmail")]

    operations = [
        migrations.RunSQL(function(signature, answer, "plpgsql"), function(signature, answer, "sql"))
        for signature, answer in ANSWERS.items()
    ]
