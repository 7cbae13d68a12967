"""What every business record has: an id, a version, and when it was made and last changed."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from crm.core.errors import Stale
from crm.core.phones import renew_keys
from crm.core.text import tidy


class Record(models.Model):
    """A row whose every change is counted: `version` rises by one with each, in the database, on every write path."""

    version = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField("created", db_default=Now(), editable=False)
    updated_at = models.DateTimeField("last changed", db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; an existing row only if nobody changed it since it was read.

        Raises:
            Stale: when somebody did, or deleted it.
        """
        existed = not self._state.adding
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], *renew_keys(self, kwargs["update_fields"])}
        super().save(*args, **kwargs)
        if existed:
            computed = [f.name for f in self._meta.concrete_fields if isinstance(f, models.GeneratedField)]
            self.refresh_from_db(fields=["version", "updated_at", *computed])

    def clean_fields(self, exclude: Any = None) -> None:
        """Tidy text before it is validated, so that a field of blanks is an empty field."""
        for field in self._meta.concrete_fields:
            value = self.__dict__.get(field.attname)
            if isinstance(value, str) and not isinstance(field, models.GeneratedField):
                self.__dict__[field.attname] = tidy(value)
        super().clean_fields(exclude)

    # Django's one hook between building an UPDATE and counting its rows; django-fsm's ConcurrentTransitionMixin
    # stands on it as well. The version is compared in the statement that writes, so there is no gap to slip through.
    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, *args: Any, **kwargs: Any) -> Any:
        updated = super()._do_update(base_qs.filter(version=self.version), using, pk_val, *args, **kwargs)  # type: ignore[misc]
        if not updated and base_qs.filter(pk=pk_val).exists():
            raise Stale(f"{self} was changed by somebody else since you opened it.", self.changes_since_read())
        if not updated and not self._state.adding:
            raise Stale(f"{self} was deleted by somebody else since you opened it.")
        return updated

    def changes_since_read(self) -> dict[str, tuple[Any, Any]]:
        """The fields whose stored value differs from this instance's: field name to (this instance's, stored)."""
        stored = type(self)._base_manager.get(pk=self.pk)
        skipped = {"version", "updated_at"}
        return {
            field.name: (getattr(self, field.attname), getattr(stored, field.attname))
            for field in self._meta.concrete_fields
            if field.name not in skipped
            and not isinstance(field, models.GeneratedField)
            and getattr(self, field.attname) != getattr(stored, field.attname)
        }
