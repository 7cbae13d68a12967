"""Keep beside the leads how much time is left to answer each, on every way of writing."""

from django.db import migrations, models

# The rows are locked before they are reckoned: the next statement then sees what the other transaction did.
# The kind is written so that no index can serve it: with statistics from before many events the planner walks, for each
# clock, the index of all warnings there are.
KEEP = """
    CREATE FUNCTION enquiries_keep_time_left(leads bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF COALESCE(cardinality(leads), 0) = 0 THEN
            RETURN;
        END IF;
        INSERT INTO enquiries_timeleft (lead_id, limit_at, warned, held_up)
        SELECT l.id, NULL, false, false FROM unnest(leads) l (id) ORDER BY l.id
        ON CONFLICT (lead_id) DO NOTHING;
        PERFORM FROM enquiries_timeleft t WHERE t.lead_id = ANY(leads) ORDER BY t.lead_id FOR UPDATE;
        UPDATE enquiries_timeleft t
        SET limit_at = n.limit_at, warned = n.warned, held_up = n.held_up
        FROM (
            SELECT l.id, f.limit_at, COALESCE(f.warned, false) AS warned, COALESCE(h.held_up, false) AS held_up
            FROM unnest(leads) l (id)
            LEFT JOIN LATERAL (
                SELECT c.limit_at, EXISTS (
                    SELECT FROM clocks_clockevent v
                    WHERE v.clock_id = c.id AND v.kind || '' = 'warned' AND v.round = c.round
                ) AS warned
                FROM enquiries_enquiry e JOIN clocks_clock c ON c.id = e.clock_id
                WHERE e.lead_id = l.id AND c.stopped_at IS NULL AND c.voided_at IS NULL AND c.paused_at IS NULL
                ORDER BY c.limit_at, c.id LIMIT 1
            ) f ON true
            LEFT JOIN LATERAL (
                SELECT true AS held_up
                FROM enquiries_enquiry e JOIN clocks_clock c ON c.id = e.clock_id
                WHERE e.lead_id = l.id AND c.stopped_at IS NULL AND c.voided_at IS NULL AND c.paused_at IS NOT NULL
                LIMIT 1
            ) h ON true
        ) n
        WHERE t.lead_id = n.id
          AND (t.limit_at, t.warned, t.held_up) IS DISTINCT FROM (n.limit_at, n.warned, n.held_up);
    END $$;
"""
NO_KEEP = "DROP FUNCTION enquiries_keep_time_left(bigint[]);"

CLOCKS = """
    CREATE FUNCTION enquiries_time_of_clocks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM enquiries_keep_time_left(ARRAY(
            SELECT DISTINCT e.lead_id FROM old_rows o JOIN new_rows n ON n.id = o.id
            JOIN enquiries_enquiry e ON e.clock_id = n.id
            WHERE e.lead_id IS NOT NULL
              AND (o.limit_at, o.paused_at, o.stopped_at, o.voided_at, o.round)
                  IS DISTINCT FROM (n.limit_at, n.paused_at, n.stopped_at, n.voided_at, n.round)
        ));
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_time_of_warnings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM enquiries_keep_time_left(ARRAY(
            SELECT DISTINCT e.lead_id FROM new_rows n JOIN enquiries_enquiry e ON e.clock_id = n.clock_id
            WHERE n.kind = 'warned' AND e.lead_id IS NOT NULL
        ));
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_time_left AFTER UPDATE ON clocks_clock
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION enquiries_time_of_clocks();
    CREATE TRIGGER enquiries_time_left AFTER INSERT ON clocks_clockevent
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_time_of_warnings();
"""
NO_CLOCKS = """
    DROP TRIGGER enquiries_time_left ON clocks_clock;
    DROP TRIGGER enquiries_time_left ON clocks_clockevent;
    DROP FUNCTION enquiries_time_of_clocks();
    DROP FUNCTION enquiries_time_of_warnings();
"""

ENQUIRIES = """
    CREATE FUNCTION enquiries_time_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM enquiries_keep_time_left(ARRAY(
            SELECT DISTINCT n.lead_id FROM new_rows n WHERE n.lead_id IS NOT NULL AND n.clock_id IS NOT NULL
        ));
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_time_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM enquiries_keep_time_left(ARRAY(
            SELECT DISTINCT x.lead_id FROM old_rows o JOIN new_rows n ON n.id = o.id
            CROSS JOIN LATERAL (VALUES (o.lead_id), (n.lead_id)) x (lead_id)
            WHERE x.lead_id IS NOT NULL AND (o.lead_id, o.clock_id) IS DISTINCT FROM (n.lead_id, n.clock_id)
        ));
        RETURN NULL;
    END $$;
    CREATE FUNCTION enquiries_time_of_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM enquiries_keep_time_left(ARRAY(
            SELECT DISTINCT o.lead_id FROM old_rows o WHERE o.lead_id IS NOT NULL
        ));
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_time_new AFTER INSERT ON enquiries_enquiry
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_time_of_new();
    CREATE TRIGGER enquiries_time_changed AFTER UPDATE ON enquiries_enquiry
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION enquiries_time_of_changed();
    CREATE TRIGGER enquiries_time_gone AFTER DELETE ON enquiries_enquiry
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_time_of_gone();
"""
NO_ENQUIRIES = """
    DROP TRIGGER enquiries_time_new ON enquiries_enquiry;
    DROP TRIGGER enquiries_time_changed ON enquiries_enquiry;
    DROP TRIGGER enquiries_time_gone ON enquiries_enquiry;
    DROP FUNCTION enquiries_time_of_new();
    DROP FUNCTION enquiries_time_of_changed();
    DROP FUNCTION enquiries_time_of_gone();
"""

# A lead that is gone has no row left, by whatever way it went: deletion, merge, undo.
LEADS = """
    CREATE FUNCTION enquiries_forget_time_left() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM enquiries_timeleft t USING old_rows o WHERE t.lead_id = o.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER enquiries_time_left AFTER DELETE ON leads_lead
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION enquiries_forget_time_left();
"""
NO_LEADS = """
    DROP TRIGGER enquiries_time_left ON leads_lead;
    DROP FUNCTION enquiries_forget_time_left();
"""
THOSE_THERE_ARE = """
    SELECT enquiries_keep_time_left(ARRAY(SELECT DISTINCT lead_id FROM enquiries_enquiry WHERE lead_id IS NOT NULL))
"""


class Migration(migrations.Migration):
    dependencies = [
        ("enquiries", "0003_note_what_may_answer"),
        ("clocks", "0001_run_clocks"),
        ("leads", "0006_ask_for_profiles"),
    ]

    operations = [
        migrations.CreateModel(
            name="TimeLeft",
            fields=[
                ("lead_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("limit_at", models.DateTimeField(null=True)),
                ("warned", models.BooleanField(default=False)),
                ("held_up", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "time left",
                "verbose_name_plural": "times left",
                "ordering": ["limit_at", "lead_id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("limit_at__isnull", False)),
                        fields=["limit_at", "lead_id"],
                        name="enquiries_time_left",
                    ),
                    models.Index(condition=models.Q(("held_up", True)), fields=["lead_id"], name="enquiries_held_up"),
                ],
            },
        ),
        migrations.RunSQL(KEEP, NO_KEEP),
        migrations.RunSQL(CLOCKS, NO_CLOCKS),
        migrations.RunSQL(ENQUIRIES, NO_ENQUIRIES),
        migrations.RunSQL(LEADS, NO_LEADS),
        migrations.RunSQL(THOSE_THERE_ARE, migrations.RunSQL.noop),
    ]
