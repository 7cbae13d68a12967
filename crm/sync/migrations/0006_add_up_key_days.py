"""Each ended minute of a key is added to its day: how often it asked, and how often it was told to wait."""

from django.db import migrations

# Who first asks in a new minute finds the row of the one that ended, under its lock: so each is added exactly once.
# Two web servers' clocks may differ by a little: a minute that has ended for one of them does not come again.
COUNT = """
CREATE OR REPLACE FUNCTION sync_count_use(counted text, minute timestamptz) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended sync_keyuse%ROWTYPE;
    counts integer;
BEGIN
    SELECT * INTO ended FROM sync_keyuse u WHERE u.subject = counted AND u.began_at < minute FOR UPDATE;
    IF FOUND AND counted LIKE 'key:%' THEN
        INSERT INTO sync_keyday AS d (api_key_id, day, requests, refused)
        SELECT k.id, (ended.began_at AT TIME ZONE 'UTC')::date, ended.count, GREATEST(0, ended.count - k.per_minute)
        FROM sync_apikey k WHERE k.id = substr(counted, 5)::bigint
        ON CONFLICT (api_key_id, day) DO UPDATE SET
            requests = d.requests + excluded.requests, refused = d.refused + excluded.refused;
    END IF;
    INSERT INTO sync_keyuse AS u (subject, began_at, count) VALUES (counted, minute, 1)
    ON CONFLICT (subject) DO UPDATE SET
        count = CASE WHEN excluded.began_at > u.began_at THEN 1 ELSE u.count + 1 END,
        began_at = GREATEST(excluded.began_at, u.began_at)
    RETURNING u.count INTO counts;
    RETURN counts;
END
$$
"""
BEFORE = """
CREATE OR REPLACE FUNCTION sync_count_use(counted text, minute timestamptz) RETURNS integer LANGUAGE sql VOLATILE AS $$
    INSERT INTO sync_keyuse AS u (subject, began_at, count) VALUES (counted, minute, 1)
    ON CONFLICT (subject) DO UPDATE SET
        count = CASE WHEN excluded.began_at > u.began_at THEN 1 ELSE u.count + 1 END,
        began_at = GREATEST(excluded.began_at, u.began_at)
    RETURNING count
$$
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_receive_bulk_and_keep_webhooks")]

    operations = [migrations.RunSQL(COUNT, BEFORE)]
