"""What checkups look at among pairs of records that may be one (K4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from crm.checkups.rules import Look, Rows, checkup
from crm.duplicates.evidence import WORDS
from crm.duplicates.models import Pair


@checkup(
    "data.duplicates",
    title="Likely duplicates are merged or said not to be the same",
    row="K4",
    severity="warning",
    why="Two records of one person or company: half of what is known stands on each, and both are written to.",
)
def duplicates(look: Look) -> Iterator[Rows]:
    """Every pair that the nightly search found has an answer."""
    yield Rows(
        among=Pair.objects.all(),
        wrong=Q(state=Pair.State.OPEN),
        expected="Merged, or said not to be the same",
        found=_why,
        applies=lambda pair: True,
        means=lambda pair: pair.state == Pair.State.OPEN,
    )


def _why(pair: Any) -> str:
    """By which kinds of keys, without the keys: they name people."""
    said = ", ".join(WORDS.get(kind, kind) for kind in sorted(pair.why))
    return f"Nobody has looked at them: {said}" if said else "Nobody has looked at them"
