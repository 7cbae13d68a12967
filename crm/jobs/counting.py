"""Adding up what became of rows: how many of each outcome, and how many for each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from crm.jobs.kinds import Row

# Reasons name values sometimes; beyond this many different ones nobody reads them.
REASONS = 50
OTHER = "Other reasons"


def counted(before: Mapping[str, Any], rows: Iterable[Row]) -> dict[str, Any]:
    """Counts with these rows added: `{"outcomes": {word: n}, "reasons": [[code, message, n], ...]}`."""
    outcomes = Counter[str](before.get("outcomes", {}))
    reasons = Counter[tuple[str, str]]({(code, message): n for code, message, n in before.get("reasons", [])})
    for row in rows:
        many = row.get("count", 1)
        if many:
            outcomes[row["outcome"]] += many
        reason = (row.get("code", ""), row.get("message", ""))
        if not any(reason):
            continue
        reasons[reason if reason in reasons or len(reasons) < REASONS else ("", OTHER)] += max(1, many)
    return {
        **before,
        "outcomes": dict(outcomes),
        "reasons": [[code, message, n] for (code, message), n in reasons.most_common()],
    }


def how_many(rows: Iterable[Row]) -> int:
    """The rows that an output tells of; one entry may stand for many."""
    return sum(row.get("count", 1) for row in rows)
