"""Every write of a record enters its transaction and its change into these indexes: none of them twice or for nothing."""

import django.db.models.deletion
from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

PLACES = models.UniqueConstraint(fields=["pos"], condition=Q(pos__isnull=False), name="history_txn_by_place")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("history", "0006_find_moves_by_time")]

    operations = [
        # The index by transaction and id serves what is asked of a transaction.
        migrations.AlterField(
            "change",
            "transaction",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="changes",
                to="history.transaction",
            ),
        ),
        # One record has few changes: in the order of their ids, they are sorted when somebody asks.
        RemoveIndexConcurrently("change", "history_change_of_record"),
        # A transaction has no place while it is written. The new index is there before the old one goes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY history_txn_by_place"
                    " ON history_transaction (pos) WHERE pos IS NOT NULL",
                    "DROP INDEX history_txn_by_place",
                ),
                migrations.RunSQL(
                    "ALTER TABLE history_transaction DROP CONSTRAINT IF EXISTS history_transaction_pos_key",
                    "ALTER TABLE history_transaction ADD CONSTRAINT history_transaction_pos_key UNIQUE (pos)",
                ),
            ],
            state_operations=[
                migrations.AddConstraint("transaction", PLACES),
                migrations.AlterField(
                    "transaction",
                    "pos",
                    models.BigIntegerField(editable=False, null=True, verbose_name="place in the feed"),
                ),
            ],
        ),
    ]
