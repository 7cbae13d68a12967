"""Ids that records have in other systems."""

from __future__ import annotations

from typing import Self

from django.db import models

from crm.core.text import Line


class ExternalIdQuerySet(models.QuerySet["ExternalId"]):
    """Reads of external ids."""

    def of(self, record: models.Model) -> Self:
        """The ids of one record elsewhere."""
        return self.filter(object=record._meta.model_name, record_id=record.pk)


class ExternalId(models.Model):
    """The id of one record in one other system: what an upsert finds it by."""

    object = Line(max_length=50, blank=False)
    system = Line(max_length=50, blank=False)
    value = Line(blank=False)
    record_id = models.BigIntegerField()
    # A checksum of each value (of a link: our id) as the other system last gave it. What differs from it changed
    # there; what differs from the record only changed here, and an import leaves it alone.
    seen = models.JSONField(default=dict, editable=False)

    objects = ExternalIdQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["object", "system", "value"], name="sync_external_id_names_one_record")
        ]
        indexes = [models.Index(fields=["object", "record_id"], name="sync_external_id_of_record")]

    def __str__(self) -> str:
        return f"{self.system}: {self.value}"
