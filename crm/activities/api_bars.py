"""Who is not to be contacted, beside a lead or a contact of the API: `expand=computed` adds `do_not_contact`.

It is no column: a suppression that is noted or lifted changes no record and no ETag.
"""

from __future__ import annotations

from typing import Any

from crm.activities.gate import bars_of

TEXT = {"type": "string"}
DO_NOT_CONTACT: dict[str, Any] = {
    "do_not_contact": {
        "type": ["object", "null"],
        "description": "null: nothing bars it. Else the broadest suppression in force, and every channel that is barred"
        " by any; the scopes person and domain bar everything.",
        "required": ["reason", "scope", "since", "channels"],
        "properties": {
            "reason": TEXT,
            "scope": TEXT,
            "since": TEXT | {"format": "date-time"},
            "channels": {"type": "array", "items": TEXT},
        },
    }
}


def add_do_not_contact(kind: str, rows: list[dict[str, Any]]) -> None:
    """Say of each record of a page, of `kind` "lead" or "contact", what bars it; one query for all of them."""
    found = bars_of(kind, [row["id"] for row in rows])
    for row in rows:
        bars = found.get(row["id"])
        row["do_not_contact"] = bars and {
            "reason": bars[0].reason,
            "scope": bars[0].scope,
            "since": bars[0].since,
            "channels": sorted({channel for bar in bars for channel in bar.channels}),
        }
