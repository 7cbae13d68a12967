"""One slice of a run: a group is shown its pages, and each rule says what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crm.checkups.rules import Look, Rule
from crm.jobs.kinds import Row
from crm.people.models import User


def slices(rules: Iterable[Rule], person: User | None = None) -> list[dict[str, Any]]:
    """The slices for the presentation rules among `rules`, one for each group; for a person, one of theirs.

    Each has `group` (by which `look_at_group` takes it), and `rows`, how many rows its output will have.
    """
    return []


def look_at_group(input: Mapping[str, Any], look: Look) -> list[Row]:
    """What one group is shown: a row for each rule, to be kept as the slice's output."""
    return []
