"""The lead pipeline in SQL: the one definition that the page, its file, the API, the list and the agenda ask.

What a lead needs now is judged by the very tables that “Respond now” and the list of leads read: the time left to
answer (`enquiries_timeleft`), the one next touch, and touches. What happened is read off the moves, those that another
system recorded before among them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crm import handbook
from crm.enquiries.attainment_asked import NOBODY
from crm.reviews.lead_review.asked import OPEN, Asked
from leads import statuses
from leads.statuses import PATH, Status

# Whose a lead is. OFFSET 0 is not needed: both joins are by key.
TEAM = "CASE WHEN l.owner_id IS NULL THEN l.queue_id ELSE u.team_id END"
LEADS = "leads_lead l LEFT JOIN people_user u ON u.id = l.owner_id"

# What each lead needs, once for every figure: columns that say yes or no. Over the limit is longer than so many times
# 24 hours; untouched is who had no touch for so long and did not come in that time either.
JUDGED = f"""
    SELECT l.id, l.status, l.status_since, l.owner_id, {TEAM} AS team_id, l.lead_source, l.is_open,
           l.limit_at <= %(at)s AS breached,
           l.limit_at > %(at)s AND l.warned AS at_risk,
           l.is_open AND l.status_since < %(at)s - make_interval(hours => 24 * l.days) AS over,
           l.is_open AND l.owner_id IS NULL AS unowned,
           l.is_open AND l.planned IS NULL AS no_next,
           l.is_open AND l.touched IS NULL AND l.created_at < %(untouched)s AS stale,
           l.limit_at
    FROM (
        SELECT l.id, l.status, l.status_since, l.owner_id, l.queue_id, l.lead_source, l.created_at, d.days,
               l.status = ANY(%(open)s) AS is_open, t.limit_at, t.warned, n.lead_id AS planned, a.lead_id AS touched
        FROM leads_lead l
        LEFT JOIN unnest(%(limited)s::text[], %(days)s::int[]) d (status, days) ON d.status = l.status
        LEFT JOIN enquiries_timeleft t ON t.lead_id = l.id AND t.limit_at IS NOT NULL
        LEFT JOIN activities_nexttouch n ON n.lead_id = l.id
        LEFT JOIN (
            SELECT DISTINCT lead_id FROM activities_activity
            WHERE happened_at >= %(untouched)s AND lead_id IS NOT NULL
        ) a ON a.lead_id = l.id
    ) l
    LEFT JOIN people_user u ON u.id = l.owner_id
    WHERE {{where}}
"""

# Every step of these leads since then, in a status that they were not in before. A move that placed a lead here goes on
# from where the other system's moves left it; a lead whose first move leads out of a status began in that one when it
# came, and one that was never moved has been in its status since then.
STEPS = f"""
    SELECT m.record_id, m.at, m.version, COALESCE(NULLIF(m.from_state, ''), p.to_state, '') AS from_state,
           m.to_state, l.status
    FROM history_move m
    JOIN (SELECT l.* FROM {LEADS} WHERE {{where}}) l ON l.id = m.record_id
    LEFT JOIN LATERAL (
        SELECT p.to_state FROM history_move p
        WHERE m.from_state = '' AND p.object = 'lead' AND p.record_id = m.record_id AND p.version < m.version
        ORDER BY p.version DESC LIMIT 1
    ) p ON true
    WHERE m.object = 'lead' AND m.at >= %(since)s AND m.at <= %(at)s
      AND m.to_state <> COALESCE(NULLIF(m.from_state, ''), p.to_state, '')
    UNION ALL
    SELECT m.record_id, LEAST(l.created_at, m.at), m.version - 1, '', m.from_state, l.status
    FROM history_move m JOIN leads_lead l ON l.id = m.record_id LEFT JOIN people_user u ON u.id = l.owner_id
    WHERE m.object = 'lead' AND m.at >= %(since)s AND l.created_at >= %(since)s AND m.from_state <> '' AND {{where}}
      AND NOT EXISTS (
          SELECT FROM history_move p
          WHERE p.object = 'lead' AND p.record_id = m.record_id AND p.version < m.version)
    UNION ALL
    SELECT l.id, l.status_since, 0, '', l.status, l.status
    FROM {LEADS}
    WHERE l.status = ANY(%(first)s) AND l.status_since >= %(since)s AND l.status_since <= %(at)s AND {{where}}
      AND NOT EXISTS (SELECT FROM history_move p WHERE p.object = 'lead' AND p.record_id = l.id)
"""
# Of each lead that arrived in a status in the time: what became of it since. `furthest` is how far along the path it
# came after its arrival.
FLOWED = """
    SELECT record_id, status, fate FROM (
        SELECT record_id, to_state AS status,
               CASE WHEN max(furthest) > array_position(%(path)s, to_state) THEN 'on'
                    WHEN min(now) = to_state THEN 'here'
                    WHEN min(now) = ANY(%(aside)s) THEN 'aside'
                    ELSE 'back' END AS fate
        FROM (
            SELECT record_id, at, to_state, s.status AS now, max(array_position(%(path)s, to_state)) OVER (
                       PARTITION BY record_id ORDER BY at DESC, version DESC
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest
            FROM steps s
        ) s WHERE at < %(before)s GROUP BY record_id, to_state
    ) arrived
    UNION ALL
    SELECT DISTINCT record_id, from_state, 'left' FROM steps WHERE from_state <> '' AND at < %(before)s
"""


def judged(asked: Asked, at: Any) -> tuple[str, dict[str, Any]]:
    """The statement of what each lead in scope needs, and its parameters."""
    where, params = narrowed(asked)
    reviews = handbook.current().reviews
    return JUDGED.format(where=where), params | {
        "at": at,
        "open": [str(one) for one in statuses.OPEN],
        "limited": [str(status) for status in reviews.lead_days],
        "days": list(reviews.lead_days.values()),
        "untouched": at - timedelta(days=reviews.untouched_days),
    }


def flowed(asked: Asked, at: Any) -> tuple[str, dict[str, Any]]:
    """The statement of what became of the leads in scope in the time, and its parameters."""
    where, params = narrowed(asked)
    return f"WITH steps AS MATERIALIZED ({STEPS.format(where=where)}) {FLOWED}", params | {
        "at": at,
        "since": asked.since,
        "before": asked.before,
        "path": [str(one) for one in PATH],
        "aside": [str(Status.CLOSED_NURTURE), str(Status.CLOSED_DO_NOT_CONTACT)],
        "first": [str(Status.NEW)],
    }


def narrowed(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Which leads are in scope: a condition on `l`, the lead, and `u`, its owner."""
    clauses, params = ["true"], dict[str, Any]()
    for name, column in (("owner", "l.owner_id"), ("team", f"({TEAM})")):
        wanted = getattr(asked, name)
        if wanted is not None:
            clauses.append(f"{column} = %({name})s" if wanted else f"{column} IS NULL")
            params[name] = wanted
    if asked.source:
        clauses.append("l.lead_source = %(source)s")
        params["source"] = "" if asked.source == NOBODY else asked.source
    return " AND ".join(clauses), params


def in_status(asked: Asked, column: str) -> tuple[str, dict[str, Any]]:
    """The condition that a number's status is."""
    if not asked.status:
        return "true", {}
    wanted = [str(one) for one in statuses.OPEN] if asked.status == OPEN else [asked.status]
    return f"{column} = ANY(%(wanted)s)", {"wanted": wanted}
