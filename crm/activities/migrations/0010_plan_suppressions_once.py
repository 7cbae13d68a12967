"""Who is suppressed now, asked before every move and on every page, with a plan that a connection makes once.

    suppressed_now(object, ids)   suppressed(object, ids, NULL)
    terms_now(object, ids)        record_terms(object, ids)

Planning `suppressed` takes ten times as long as answering for one record, and the plan is the same for one id and for
thousands: always by the records' ids and by the index of the keys.
"""

from django.db import migrations

NOW = r"""
CREATE FUNCTION suppressed_now(object text, ids bigint[])
RETURNS TABLE (record_id bigint, suppression_id bigint, channels text[])
LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT * FROM suppressed(object, ids, NULL);
END $$;
CREATE FUNCTION terms_now(object text, ids bigint[])
RETURNS TABLE (record_id bigint, kind text, key text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT * FROM record_terms(object, ids);
END $$;
"""
DROP = "DROP FUNCTION suppressed_now(text, bigint[]); DROP FUNCTION terms_now(text, bigint[])"


class Migration(migrations.Migration):

    dependencies = [
        ('activities', '0009_answer_enquiries'),
    ]

    operations = [migrations.RunSQL(NOW, DROP)]
