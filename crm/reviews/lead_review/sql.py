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

# What each open lead needs, once for every figure: columns that say yes, or no, or nothing. Over the limit is longer
# than so many times 24 hours; untouched is who had no touch for so long and did not come in that time either. Of the
# lead itself nothing is looked at but what one index has: the table, a hundred times larger, is not read.
OF_OPEN = """
    SELECT l.id, l.status, l.status_since, l.owner_id, l.queue_id, l.lead_source, true AS is_open, t.limit_at,
           t.limit_at <= %(at)s AS breached,
           t.limit_at > %(at)s AND t.warned AS at_risk,
           l.status_since < (%(overdue)s::timestamptz[])[array_position(%(limited)s::text[], l.status::text)] AS over,
           l.owner_id IS NULL AS unowned,
           n.lead_id IS NULL AS no_next,
           a.lead_id IS NULL AND l.created_at < %(untouched)s AS stale
    FROM leads_lead l
    LEFT JOIN enquiries_timeleft t ON t.lead_id = l.id
    LEFT JOIN activities_nexttouch n ON n.lead_id = l.id
    LEFT JOIN (
        SELECT DISTINCT lead_id FROM activities_activity
        WHERE happened_at >= %(untouched)s AND lead_id IS NOT NULL
    ) a ON a.lead_id = l.id
    WHERE l.status = ANY(%(open)s) AND {where}
"""
# To a closed one an answer may still be owed.
OF_CLOSED = """
    SELECT l.id, l.status, l.status_since, l.owner_id, l.queue_id, l.lead_source, false AS is_open, t.limit_at,
           t.limit_at <= %(at)s AS breached,
           t.limit_at > %(at)s AND t.warned AS at_risk,
           false AS over, false AS unowned, false AS no_next, false AS stale
    FROM enquiries_timeleft t JOIN leads_lead l ON l.id = t.lead_id
    WHERE t.limit_at IS NOT NULL AND l.status <> ALL(%(open)s) AND {where}
"""
JUDGED = f"{OF_OPEN} UNION ALL {OF_CLOSED}"

# The moves of these leads since then. What one led out of before is looked up where it does not say so, or where the
# lead is so new that it may be its first.
MOVED = """
    SELECT m.record_id, m.at, m.version, m.from_state, m.to_state, p.to_state AS before, l.status, l.created_at
    FROM history_move m
    JOIN leads_lead l ON l.id = m.record_id
    LEFT JOIN LATERAL (
        SELECT p.to_state FROM history_move p
        WHERE (m.from_state = '' OR l.created_at >= %(since)s)
          AND p.object = 'lead' AND p.record_id = m.record_id AND p.version < m.version
        ORDER BY p.version DESC LIMIT 1
    ) p ON true
    WHERE m.object = 'lead' AND m.at >= %(since)s AND m.at <= %(at)s AND {where}
"""
# Every step into a status that they were not in before. A move that placed a lead here goes on from where the other
# system's moves left it; a lead whose first move leads out of a status began in that one when it came, and one that was
# never moved has been in its status since then.
STEPS = """
    SELECT record_id, at, version, COALESCE(NULLIF(from_state, ''), before, '') AS from_state, to_state, status
    FROM moved WHERE to_state <> COALESCE(NULLIF(from_state, ''), before, '')
    UNION ALL
    SELECT record_id, LEAST(created_at, at), version - 1, '', from_state, status
    FROM moved WHERE from_state <> '' AND before IS NULL AND created_at >= %(since)s
    UNION ALL
    SELECT l.id, l.status_since, 0, '', l.status, l.status
    FROM leads_lead l
    WHERE l.status = ANY(%(first)s) AND l.status_since >= %(since)s AND l.status_since <= %(at)s AND {where}
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


def judged(asked: Asked, at: Any, statement: str = JUDGED) -> tuple[str, dict[str, Any]]:
    """The statement of what each lead in scope, and in the status that is asked for, needs, and its parameters."""
    where, params = narrowed(asked)
    status, wanted = in_status(asked, "l.status")
    where, params = f"{where} AND {status}", params | wanted
    reviews = handbook.current().reviews
    return statement.format(where=where), params | {
        "at": at,
        "open": [str(one) for one in statuses.OPEN],
        "limited": [str(status) for status in reviews.lead_days],
        "overdue": [at - timedelta(days=days) for days in reviews.lead_days.values()],
        "untouched": at - timedelta(days=reviews.untouched_days),
    }


def flowed(asked: Asked, at: Any) -> tuple[str, dict[str, Any]]:
    """The statement of what became of the leads in scope in the time, and its parameters."""
    where, params = narrowed(asked)
    moved, steps = MOVED.format(where=where), STEPS.format(where=where)
    statement = f"WITH moved AS MATERIALIZED ({moved}), steps AS MATERIALIZED ({steps}) {FLOWED}"
    return statement, params | {
        "at": at,
        "since": asked.since,
        "before": asked.before,
        "path": [str(one) for one in PATH],
        "aside": [str(Status.CLOSED_NURTURE), str(Status.CLOSED_DO_NOT_CONTACT)],
        "first": [str(Status.NEW)],
    }


# The team of a lead is its owner's; of one that nobody owns, the one in whose queue it waits.
OF_TEAM = """(l.owner_id IN (SELECT id FROM people_user WHERE team_id = %(team)s)
              OR (l.owner_id IS NULL AND l.queue_id = %(team)s))"""
OF_NO_TEAM = """(l.owner_id IN (SELECT id FROM people_user WHERE team_id IS NULL)
                 OR (l.owner_id IS NULL AND l.queue_id IS NULL))"""


def narrowed(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Which leads are in scope: a condition on `l`, the lead."""
    clauses, params = ["true"], dict[str, Any]()
    if asked.owner is not None:
        clauses.append("l.owner_id = %(owner)s" if asked.owner else "l.owner_id IS NULL")
        params["owner"] = asked.owner
    if asked.team is not None:
        clauses.append(OF_TEAM if asked.team else OF_NO_TEAM)
        params["team"] = asked.team
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
