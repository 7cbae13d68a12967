"""The agenda of a lead pipeline review: open leads that need somebody, what is riskiest first (P2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from crm.reviews.lead_review.figures import standing
from crm.reviews.lead_review.scopes import asked_of
from crm.reviews.lead_review.sql import judged
from crm.reviews.meetings.kinds import Entry, Scope
from leads.statuses import Status

# In the order of risk; what only adds to another reason puts no lead on the agenda.
RISKS = ("breached", "at_risk", "over", "unowned", "stale")
ALSO = ("no_next",)
REASONS: Mapping[str, str] = {
    "breached": "Limit passed",
    "at_risk": "At risk",
    "over": "Over its status’s limit",
    "unowned": "Nobody’s",
    "stale": "Untouched",
    "no_next": "No next touch",
}
FLAGS = ", ".join(f"COALESCE(o.{one}, false)" for one in (*RISKS, *ALSO))
# Of the same risk: what is due first, then who has waited the longest in their status.
AGENDA = f"""
    SELECT l.id, COALESCE(NULLIF(btrim(l.first_name || ' ' || l.last_name), ''), NULLIF(l.email, ''), l.linkedin_url),
           o.owner_id, o.status, o.status_since, o.limit_at, {FLAGS}
    FROM ({{judged}}) o JOIN leads_lead l ON l.id = o.id
    WHERE o.is_open AND ({" OR ".join(f"o.{one}" for one in RISKS)})
    ORDER BY CASE {" ".join(f"WHEN o.{one} THEN {n}" for n, one in enumerate(RISKS))} END,
             CASE WHEN o.breached OR o.at_risk THEN o.limit_at END, o.status_since, o.id
"""
FIGURES = {
    "open": "Open leads",
    "on_agenda": "On the agenda",
    "not_on_agenda": "Open and not on the agenda",
    "breached": "Limit passed",
    "at_risk": "At risk",
    "over": "Over their status’s limit",
    "unowned": "Nobody’s",
    "stale": "Untouched",
    "no_next": "Without a next touch",
}


def agenda(scope: Scope, *, at: datetime) -> list[Entry]:
    """Those in scope, each once, with every reason why it is there, the heaviest first."""
    inner, params = judged(asked_of(scope, at=at), at)
    with connection.cursor() as cursor:
        cursor.execute(AGENDA.format(judged=inner), params)
        return [_entry(*row) for row in cursor]


def _entry(pk: int, name: str, owner: int | None, status: str, since: datetime, limit: Any, *flags: bool) -> Entry:
    reasons = [code for code, here in zip((*RISKS, *ALSO), flags, strict=True) if here]
    before = {"status": status, "since": since.isoformat(), "limit_at": limit.isoformat() if limit else None}
    return Entry(pk, name[:255], owner, reasons, before)


def totals(scope: Scope, *, at: datetime) -> dict[str, Any]:
    """The figures of the page, and how many of the open leads are not on the agenda: nothing is left out unseen."""
    found = standing(asked_of(scope, at=at), at=at)
    inner, params = judged(asked_of(scope, at=at), at)
    with connection.cursor() as cursor:
        needs = " OR ".join(RISKS)
        cursor.execute(f"SELECT count(*) FROM ({inner}) one WHERE is_open AND ({needs})", params)
        (on_agenda,) = cursor.fetchone()
    total = found.total
    return {
        "open": total.open,
        "on_agenda": on_agenda,
        "not_on_agenda": total.open - on_agenda,
        **{code: getattr(total, code) for code in (*RISKS, *ALSO)},
        "statuses": {status: one.count for status, one in found.status.items()},
    }


def figures_of(totals: Mapping[str, Any]) -> dict[str, str]:
    """The same in words, as minutes tell them."""
    counts = {label: f"{totals.get(code, 0):,}" for code, label in FIGURES.items()}
    statuses = totals.get("statuses", {})
    return counts | {f"In {Status(key).label}": f"{statuses[key]:,}" for key in Status.values if key in statuses}
