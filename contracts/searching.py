"""Finding opportunities and contracts by their names."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from crm.core.searching import find

M = TypeVar("M", bound=models.Model)


class ByName(models.QuerySet[M]):
    """Reads of what has a name with a key."""

    def search(self, term: str) -> Self:
        """Those whose name has a term anywhere; one or two letters, at its beginning."""
        return find(self, term, piece="name_key", starts=("name_key",), keyed=lambda kind, key, entered: None)
