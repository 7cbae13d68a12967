"""Pairs of records that may be one, and what became of records that were merged into another."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from crm.core.records import Record
from crm.core.text import Line
from crm.core.triggers import tracked
from crm.history.models import current_transaction

# Pairs of a lead and a contact are called by both; every other pair is of one kind of record.
ACROSS = "lead_contact"


class PairQuerySet(models.QuerySet["Pair"]):
    """Reads of pairs."""

    def open(self) -> Self:
        """Those that nobody has answered."""
        return self.filter(state=Pair.State.OPEN)

    def of(self, object: str, ids: Any) -> Self:
        """Those in which one of these records stands, of `object` "lead", "contact" or "account"."""
        found = list(ids)
        own = Q(object=object) & (Q(lower_id__in=found) | Q(higher_id__in=found))
        side = {"lead": "lower_id__in", "contact": "higher_id__in"}.get(object)
        return self.filter(own | Q(object=ACROSS, **{side: found}) if side else own)


class Pair(Record):
    """Two records that may be the same: why, since when, and what somebody said of it.

    Of a lead and a contact (`lead_contact`) the lead is `lower_id` and the contact `higher_id`. `why` has the keys that
    both have, by their kind ({"email": ["lea@globex.example"]}); names that are merely alike make no exact pair.
    """

    class Of(models.TextChoices):
        """Which kinds of records."""

        LEAD = "lead", "Leads"
        CONTACT = "contact", "Contacts"
        ACCOUNT = "account", "Accounts"
        LEAD_CONTACT = ACROSS, "Lead and contact"

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open", "To be looked at"
        DISMISSED = "dismissed", "Not the same"
        MERGED = "merged", "Merged"

    object = Line("records", max_length=20, blank=False, choices=Of)
    lower_id = models.BigIntegerField()
    higher_id = models.BigIntegerField()
    why = models.JSONField(default=dict)
    exact = models.BooleanField(default=False)
    found_at = models.DateTimeField("found")
    state = Line(max_length=10, blank=False, choices=State, default=State.OPEN)
    # What was known when it was dismissed: it is looked at again when something else speaks for it.
    dismissed_why = models.JSONField(default=dict)
    answered_at = models.DateTimeField("answered", null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="answered_pairs", verbose_name="answered by"
    )

    objects = PairQuerySet.as_manager()

    class Meta:
        verbose_name = "duplicate"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["object", "lower_id", "higher_id"],
                name="duplicates_pair_once",
                violation_error_message="These two are on the list already.",
            ),
            models.CheckConstraint(
                condition=Q(object=ACROSS) | Q(lower_id__lt=F("higher_id")),
                name="duplicates_pair_of_two",
                violation_error_message="A pair is of two records, the older first.",
            ),
        ]
        indexes = [
            models.Index(fields=["object", "higher_id"], name="duplicates_pair_by_higher"),
            models.Index(fields=["object", "state", "-id"], name="duplicates_pair_by_state"),
            models.Index(fields=["exact", "-id"], name="duplicates_pair_by_exact"),
            models.Index(fields=["updated_at", "id"], name="duplicates_pair_by_change"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.get_object_display()} {self.lower_id} and {self.higher_id}"

    @property
    def refs(self) -> tuple[str, str]:
        """Both records as addresses name them: `lead:1`."""
        lower, higher = ("lead", "contact") if self.object == ACROSS else (self.object, self.object)
        return f"{lower}:{self.lower_id}", f"{higher}:{self.higher_id}"


class Tombstone(Record):
    """What is left of a record that was merged: which one it is now, by whom, when, in which transaction.

    Its id is never given again, so whoever has the old address or an id in another system is led to the survivor.
    `carried` has what is in no change log and has to be put back when the merge is undone (crm.duplicates.carrying).
    """

    object = Line("record", max_length=20, blank=False)
    merged_id = models.BigIntegerField()
    survivor_object = Line(max_length=20, blank=False)
    survivor_id = models.BigIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="merges")
    at = models.DateTimeField("merged")
    transaction_id = models.BigIntegerField(db_default=current_transaction())
    carried = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["object", "merged_id"], name="duplicates_tombstone_once")]
        indexes = [
            models.Index(fields=["survivor_object", "survivor_id"], name="duplicates_tombstone_of"),
            models.Index(fields=["transaction_id"], name="duplicates_tombstone_by_txn"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.object} {self.merged_id}, now {self.survivor_object} {self.survivor_id}"
