"""The change log's three tables; triggers and the door write them, nothing else does."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Func
from django.db.models.functions import Now

from crm.core.text import Line, Paragraphs
from crm.core.triggers import append_only


def current_transaction() -> Func:
    """The id of this transaction's log row, made by the first who asks."""
    return Func(function="history_transaction", output_field=models.BigIntegerField())


class Transaction(models.Model):
    """One writing transaction: who, by which door, why, when.

    `pos` is its place in the feed. It is given after commit (crm.history.feed), because a number taken earlier could
    become visible after a higher one, and a follower would pass it by.
    """

    actor_id = models.BigIntegerField(null=True, editable=False)
    actor_name = Line("who", editable=False)
    via = Line("how", max_length=20, editable=False)
    request = Line(max_length=64, editable=False)
    reason = Paragraphs("why", editable=False)
    recorded_at = models.DateTimeField("when", db_default=Now(), editable=False)
    token = models.UUIDField(default=uuid.uuid4, editable=False)
    pos = models.BigIntegerField("place in the feed", null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Only of those that have one: a transaction that is being written is not entered.
            models.UniqueConstraint(fields=["pos"], condition=models.Q(pos__isnull=False), name="history_txn_by_place")
        ]
        indexes = [
            models.Index(fields=["id"], name="history_txn_unnumbered", condition=models.Q(pos__isnull=True)),
            models.Index(fields=["actor_id", "-id"], name="history_txn_by_actor"),
            # Those of a job, which may be many; of a web request there is one or two.
            models.Index(
                fields=["request", "id"], name="history_txn_of_job", condition=models.Q(request__startswith="job-")
            ),
        ]
        # All but `pos`, which is given after commit.
        triggers = append_only("id", "actor_id", "actor_name", "via", "request", "reason", "recorded_at", "token")

    def __str__(self) -> str:
        return f"{self.actor_name or 'Outside Plumb'} ({self.via or 'database'}), {self.recorded_at:%Y-%m-%d %H:%M}"


class ChangeQuerySet(models.QuerySet["Change"]):
    """Reads of the change log."""

    def of(self, record: models.Model) -> Self:
        """The changes of one record, newest first."""
        return self.filter(object=record._meta.model_name, record_id=record.pk).order_by("-id")

    def after_version(self, version: int) -> Self:
        """Those that made a later version than this one."""
        return self.filter(version__gt=version)


class Change(models.Model):
    """One version of one record: inserted (`I`, no values), updated (`U`, `{field: [old, new]}`) or deleted (`D`, the
    last image). `at` is when it was true, `transaction.recorded_at` when it was written."""

    # No database constraint: the trigger that writes the row has just made the transaction, and a check per row
    # would cost a third of a bulk write.
    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="changes"
    )
    object = Line(max_length=50, blank=False)
    record_id = models.BigIntegerField()
    version = models.IntegerField()
    op = models.CharField(max_length=1, choices=[("I", "Created"), ("U", "Changed"), ("D", "Deleted")])
    at = models.DateTimeField()
    what = models.JSONField(null=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["object", "record_id", "at", "id"], name="history_change_by_time"),
            models.Index(fields=["transaction", "id"], name="history_change_of_txn"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.object} {self.record_id} version {self.version}"


class MoveQuerySet(models.QuerySet["Move"]):
    """Reads of the moves."""

    def of(self, record: models.Model) -> Self:
        """The moves of one record, oldest first."""
        return self.filter(object=record._meta.model_name, record_id=record.pk).order_by("version")

    def made_before(self) -> Self:
        """Those another system recorded before the record came here."""
        return self.filter(version__lte=0)


class Move(models.Model):
    """One move of one record through its flow (L13): from, to, verb, who, when, by which door, with which facts.

    `version` is the record's version after it, which ties the row to the very update it explains. Moves that another
    system recorded before the record came here count up to zero in the order of their times: they come first.
    """

    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, db_constraint=False, db_default=current_transaction(), related_name="moves"
    )
    object = Line(max_length=50, blank=False)
    record_id = models.BigIntegerField()
    version = models.IntegerField()
    from_state = Line(max_length=50)
    to_state = Line(max_length=50, blank=False)
    verb = Line(max_length=50, blank=False)
    actor_id = models.BigIntegerField()
    actor_name = Line()
    at = models.DateTimeField()
    via = Line(max_length=20)
    reason = Paragraphs()
    facts = models.JSONField(default=dict)

    objects = MoveQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["object", "record_id", "version"], name="history_move_once_per_version")
        ]
        # What happened in a time, of all records of a kind.
        indexes = [models.Index(fields=["object", "at"], name="history_move_by_time")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.verb}: {self.from_state or '(nothing)'} to {self.to_state}"

    def age(self, at: datetime) -> float:
        """Seconds since the move, seen from `at`."""
        return (at - self.at).total_seconds()


class PriorChangeQuerySet(models.QuerySet["PriorChange"]):
    """Reads of what changed before."""

    def of(self, record: models.Model) -> Self:
        """The changes of one record, newest first."""
        return self.filter(object=record._meta.model_name, record_id=record.pk).order_by("-at", "-id")


class PriorChange(models.Model):
    """A change that another system recorded of a record before it came here, in that system's words.

    Those of the status or stage are moves as well (`MoveQuerySet.made_before`). `more` has what else the row said.
    """

    object = Line(max_length=50, blank=False)
    record_id = models.BigIntegerField()
    system = Line(max_length=50, blank=False)
    source = Line(max_length=50, blank=False)
    external_id = Line(blank=False)
    at = models.DateTimeField()
    field = Line()
    old = Paragraphs()
    new = Paragraphs()
    actor_id = models.BigIntegerField(null=True)
    actor_name = Line()
    more = models.JSONField(default=dict)

    objects = PriorChangeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "source", "external_id"], name="history_prior_change_once")
        ]
        indexes = [models.Index(fields=["object", "record_id", "at"], name="history_prior_change_of_record")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.field} of {self.object} {self.record_id}, {self.at:%Y-%m-%d %H:%M}"
