"""Note whose enquiries have to be looked at again, on every way of writing: save, COPY, SQL, a merge, an undo."""

from django.db import migrations

# Of touches only ours count, and only those with somebody who may have asked.
TOUCHES = """
    CREATE FUNCTION enquiries_note_new_touches() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id, contact_id, enquiry_id)
        SELECT DISTINCT n.lead_id, n.contact_id, n.enquiry_id FROM new_rows n
        WHERE n.direction = 'out' AND COALESCE(n.lead_id, n.contact_id, n.enquiry_id) IS NOT NULL;
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_note_changed_touches() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id, contact_id, enquiry_id)
        SELECT DISTINCT x.lead_id, x.contact_id, x.enquiry_id
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        CROSS JOIN LATERAL (
            VALUES (o.direction, o.lead_id, o.contact_id, o.enquiry_id), (n.direction, n.lead_id, n.contact_id, n.enquiry_id)
        ) x (direction, lead_id, contact_id, enquiry_id)
        WHERE x.direction = 'out' AND COALESCE(x.lead_id, x.contact_id, x.enquiry_id) IS NOT NULL
          AND (o.direction, o.outcome, o.happened_at, o.by_id, o.lead_id, o.contact_id, o.enquiry_id)
              IS DISTINCT FROM (n.direction, n.outcome, n.happened_at, n.by_id, n.lead_id, n.contact_id, n.enquiry_id);
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_note_gone_touches() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id, contact_id, enquiry_id)
        SELECT DISTINCT o.lead_id, o.contact_id, o.enquiry_id FROM old_rows o
        WHERE o.direction = 'out' AND COALESCE(o.lead_id, o.contact_id, o.enquiry_id) IS NOT NULL;
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_note_new AFTER INSERT ON activities_activity
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_new_touches();
    CREATE TRIGGER enquiries_note_changed AFTER UPDATE ON activities_activity
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_changed_touches();
    CREATE TRIGGER enquiries_note_gone AFTER DELETE ON activities_activity
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_gone_touches();
"""
NO_TOUCHES = """
    DROP TRIGGER enquiries_note_new ON activities_activity;
    DROP TRIGGER enquiries_note_changed ON activities_activity;
    DROP TRIGGER enquiries_note_gone ON activities_activity;
    DROP FUNCTION enquiries_note_new_touches();
    DROP FUNCTION enquiries_note_changed_touches();
    DROP FUNCTION enquiries_note_gone_touches();
"""

# A status never changes without its move: a scheduled meeting, and one that was taken back, is seen here.
MOVES = """
    CREATE FUNCTION enquiries_note_meetings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id)
        SELECT DISTINCT n.record_id FROM new_rows n
        WHERE n.object = 'lead' AND 'meeting_scheduled' IN (n.from_state, n.to_state);
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_note_meetings AFTER INSERT ON history_move
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_meetings();
"""
NO_MOVES = """
    DROP TRIGGER enquiries_note_meetings ON history_move;
    DROP FUNCTION enquiries_note_meetings();
"""

# Its own row is noted too: a touch that is written at this moment and does not see the enquiry yet is seen from here.
ENQUIRIES = """
    CREATE FUNCTION enquiries_note_booking() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.meeting_at IS NOT NULL AND NEW.booked_at IS NULL THEN
            NEW.booked_at := CASE WHEN TG_OP = 'INSERT' THEN NEW.received_at
                ELSE COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now()) END;
        END IF;
        RETURN NEW;
    END $$;
    CREATE FUNCTION enquiries_note_new_enquiries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id, contact_id, enquiry_id)
        SELECT n.lead_id, n.contact_id, n.id FROM new_rows n;
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_note_changed_enquiries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO enquiries_recheck (lead_id, contact_id, enquiry_id)
        SELECT DISTINCT x.lead_id, x.contact_id, n.id
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        CROSS JOIN LATERAL (VALUES (o.lead_id, o.contact_id), (n.lead_id, n.contact_id)) x (lead_id, contact_id)
        WHERE (o.lead_id, o.contact_id, o.converted_lead_id, o.received_at, o.booked_at, o.voided_at, o.clock_id)
              IS DISTINCT FROM
              (n.lead_id, n.contact_id, n.converted_lead_id, n.received_at, n.booked_at, n.voided_at, n.clock_id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_note_booking BEFORE INSERT OR UPDATE ON enquiries_enquiry
        FOR EACH ROW EXECUTE FUNCTION enquiries_note_booking();
    CREATE TRIGGER enquiries_note_new AFTER INSERT ON enquiries_enquiry
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_new_enquiries();
    CREATE TRIGGER enquiries_note_changed AFTER UPDATE ON enquiries_enquiry
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION enquiries_note_changed_enquiries();
"""
NO_ENQUIRIES = """
    DROP TRIGGER enquiries_note_booking ON enquiries_enquiry;
    DROP TRIGGER enquiries_note_new ON enquiries_enquiry;
    DROP TRIGGER enquiries_note_changed ON enquiries_enquiry;
    DROP FUNCTION enquiries_note_booking();
    DROP FUNCTION enquiries_note_new_enquiries();
    DROP FUNCTION enquiries_note_changed_enquiries();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0009_answer_enquiries"),
        ("enquiries", "0002_look_for_answers"),
        ("history", "0004_order_changes_by_time"),
    ]

    operations = [
        migrations.RunSQL(TOUCHES, NO_TOUCHES),
        migrations.RunSQL(MOVES, NO_MOVES),
        migrations.RunSQL(ENQUIRIES, NO_ENQUIRIES),
    ]
