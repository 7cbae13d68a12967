"""The rows that figures of rep activity count, in SQL: touches, promises, conversions; one definition each.

- A touch counts for who made it, and for the account that it is with: its own, else that of its contact, opportunity or
  contract, else the one that its lead was converted into.
- Outreach is a touch of ours by a kind that has a channel (a kind that left the handbook has one), whatever came of it:
  who was called five times without an answer was called five times. Whom it reached out to is its contact; of a lead
  that was converted, the contact it became; else its lead. One with neither names nobody, and is too often for nobody.
- `within` is how much outreach the same person had, from whomever, in the `in_days` times 24 hours that end with this
  touch: the first moment is not in them, the last one is. Above `most_touches` the touch came too often.
- A promise is a next step. It counts for the owner of its opportunity, in the period that its due day lies in; one
  without a due day when it ended. `past_due` is one that still stands after its day; `open` one whose day is not over.
- A conversion counts for who converted the lead; a returned one is an opportunity that was lost, within the period, by
  the handbook's `returned_reason`, for whose conversion was given back (L12), else for who converted into it last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from contracts.flow import stage_keys
from crm import handbook
from crm.reviews.rep_activity.asked import Asked

TOUCHES = """
    SELECT t.*, u.team_id,
           CASE WHEN t.reached THEN count(*) FILTER (WHERE t.reached) OVER (
               PARTITION BY t.contact_id, t.lead_id ORDER BY t.happened_at
               RANGE BETWEEN make_interval(secs => %(span)s) PRECEDING AND CURRENT ROW) ELSE 0 END AS within
    FROM (
        SELECT s.*, s.outreach AND COALESCE(s.contact_id, s.lead_id) IS NOT NULL AS reached
        FROM (
            SELECT a.id, a.kind, a.happened_at, a.outcome, a.by_id AS owner_id,
                   COALESCE(a.account_id, c.account_id, o.account_id, k.account_id, l.converted_account_id)
                       AS account_id,
                   COALESCE(a.contact_id, l.converted_contact_id) AS contact_id,
                   CASE WHEN COALESCE(a.contact_id, l.converted_contact_id) IS NULL THEN a.lead_id END AS lead_id,
                   a.direction = 'out' AND a.kind <> ALL(%(quiet)s) AS outreach
            FROM activities_activity a
            LEFT JOIN accounts_contact c ON c.id = a.contact_id
            LEFT JOIN contracts_opportunity o ON o.id = a.opportunity_id
            LEFT JOIN contracts_contract k ON k.id = a.contract_id
            LEFT JOIN leads_lead l ON l.id = a.lead_id
            WHERE a.happened_at >= %(begins)s AND a.happened_at < %(before)s
        ) s
    ) t
    JOIN people_user u ON u.id = t.owner_id
"""
PROMISES = """
    SELECT n.id, n.opportunity_id, o.owner_id, u.team_id, o.account_id,
           CASE WHEN n.outcome <> 'standing' THEN n.outcome
                WHEN n.due_on < %(today)s THEN 'past_due' ELSE 'open' END AS standing
    FROM contracts_nextstep n
    JOIN contracts_opportunity o ON o.id = n.opportunity_id
    LEFT JOIN people_user u ON u.id = o.owner_id
    WHERE COALESCE(n.due_on, (n.ended_at AT TIME ZONE %(zone)s)::date) BETWEEN %(first)s AND %(last)s
"""
CONVERTED = """
    SELECT c.lead_id AS id, c.by_id AS owner_id, u.team_id, c.account_id
    FROM leads_conversion c
    JOIN people_user u ON u.id = c.by_id
    WHERE c.at >= %(since)s AND c.at < %(before)s
"""
RETURNED = """
    SELECT o.id, c.by_id AS owner_id, u.team_id, o.account_id
    FROM contracts_opportunity o
    LEFT JOIN LATERAL (
        SELECT by_id FROM leads_conversion WHERE opportunity_id = o.id
        ORDER BY (state = 'returned') DESC, at DESC, id DESC LIMIT 1
    ) c ON true
    LEFT JOIN people_user u ON u.id = c.by_id
    WHERE o.stage = ANY(%(lost)s) AND o.lost_reason = %(returned)s
      AND o.stage_since >= %(since)s AND o.stage_since < %(before)s
"""
# The touches of the window that ends with one of them: what “5 in 7 days” opens.
WINDOW = f"""
    SELECT b.* FROM ({TOUCHES}) b
    JOIN ({TOUCHES}) w ON w.id = %(touch)s AND w.reached
    WHERE b.reached AND b.contact_id IS NOT DISTINCT FROM w.contact_id AND b.lead_id IS NOT DISTINCT FROM w.lead_id
      AND b.happened_at <= w.happened_at AND b.happened_at >= w.happened_at - make_interval(secs => %(span)s)
"""
# What each figure asks of a touch or a promise.
MEANS = {
    "outreach": "outreach",
    "reached": "reached",
    "excess": "within > %(most)s",
    "not_held": "kind = 'meeting' AND outcome = ANY(%(unheld)s)",
    "decided": "standing <> 'open'",
    "broken": "standing NOT IN ('open', 'kept')",
    **{one: f"standing = '{one}'" for one in ("kept", "late", "rewritten", "dropped", "past_due", "open")},
}


def touches(asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    """The touches that a figure counts, each with its window, as a statement with its parameters."""
    params = parameters(asked, at)
    if asked.what == "window":
        return WINDOW, {**params, "touch": asked.touch or 0}
    clauses = ["happened_at >= %(since)s", *_narrowed(asked, params)]
    if asked.kind:
        clauses.append("kind = %(kind)s")
        params["kind"] = asked.kind
    if asked.who is not None:
        kind, params["person"] = asked.who
        clauses.append(f"{kind}_id = %(person)s")
    return f"SELECT * FROM ({TOUCHES}) one WHERE {' AND '.join(clauses)}", params


def promises(asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    """The next steps that a figure counts."""
    return _of(PROMISES, asked, at)


def converted(asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    """The conversions that a figure counts, by their leads: one that was converted twice is there twice."""
    return _of(CONVERTED, asked, at)


def returned(asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    """The opportunities that were given back."""
    return _of(RETURNED, asked, at)


def parameters(asked: Asked, at: datetime) -> dict[str, Any]:
    """What the statements ask for."""
    book = handbook.current()
    rules = book.reviews
    since, before = asked.bounds
    return {
        "since": since,
        "before": before,
        # What came before the period can make the first touch of it one too many.
        "begins": since - timedelta(days=rules.in_days),
        # A moment less than the whole span: exactly so much later is outside.
        "span": timedelta(days=rules.in_days).total_seconds() - 0.000001,
        "most": rules.most_touches,
        "quiet": [one.key for one in book.touch.kinds if not one.channel],
        "unheld": [one.key for one in book.touch.outcomes if "meeting" in one.kinds and not one.two_way],
        "first": asked.since,
        "last": asked.until,
        "today": book.today(at),
        "zone": str(book.zone),
        "lost": stage_keys("lost"),
        "returned": book.opportunity.returned_reason,
    }


def _of(statement: str, asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    params = parameters(asked, at)
    clauses = _narrowed(asked, params)
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    return f"SELECT * FROM ({statement}) one {where}", params


def _narrowed(asked: Asked, params: dict[str, Any]) -> list[str]:
    """What narrows any of them: the figure, whose, which account. The words are ours; values are parameters."""
    clauses = [MEANS[asked.what]] if asked.what in MEANS else []
    for name in ("owner", "team", "account"):
        wanted = getattr(asked, name)
        if wanted is not None:
            clauses.append(f"{name}_id = %({name})s" if wanted else f"{name}_id IS NULL")
            params[name] = wanted
    return clauses
