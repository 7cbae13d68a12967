"""What an export announces: an open task becomes the lead's next touch, an event to come the lead's meeting.

A lead has one of each. The earliest takes the place if nothing of ours is there; what people planned or cleared here
since stays as they left it, and nothing is planned with who is not to be contacted. The others are notes on the record
already (`touches`), and are told of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm import handbook
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.planning import FLAGS, PLAN, STAGED
from crm.sync.store import drop, frame, lock_records
from leads.models import Lead
from leads.statuses import Status

if TYPE_CHECKING:
    from crm.imports.report import Report
    from crm.imports.salesforce.columns import Layout

NEVER = f"('{Status.SAO_CONVERTED}', '{Status.CLOSED_DO_NOT_CONTACT}')"
# Under these names an external id says which task or event ours came from, and what it was when it did.
TOUCH, MEETING = "nexttouch", "meeting"
OURS = f"e.object = '{TOUCH}' AND e.system = '{SYSTEM}'"


def plan_next_touches(cursor: Any, layout: Layout, file: str, report: Report) -> None:
    """Make the earliest open task that lies in the future each lead's next touch."""
    cursor.execute(f"SELECT 1 FROM {STAGED} WHERE is_open LIMIT 1")
    some_open = cursor.fetchone()
    # A task that is here is planned anew only by a file that says whether it is open, and when it is due.
    says_when = {"ActivityDate"} <= layout.place.keys() and not {"Status", "IsClosed"}.isdisjoint(layout.place)
    if says_when:
        _clear_what_is_done(cursor)
    if not some_open:
        return
    cursor.execute(
        f"""
        CREATE TEMP TABLE import_due ON COMMIT DROP AS
        SELECT DISTINCT ON (a.lead_id) a.lead_id, p.external_id, s.due_on, s.due_kind, s.due_text
        FROM {STAGED} s JOIN {PLAN} p USING (n) JOIN activities_activity a ON a.id = p.record_id
        JOIN leads_lead l ON l.id = a.lead_id AND l.status NOT IN {NEVER}
        WHERE (p.is_new OR %s) AND s.due_on >= %s
          AND violated(s.due_kind, %s::timestamptz, l.id, NULL, NULL, NULL) IS NULL AND NOT EXISTS (
            SELECT FROM sync_externalid e LEFT JOIN activities_nexttouch t ON t.id = e.record_id
            WHERE {OURS} AND e.value = p.external_id AND t.id IS NULL)
        ORDER BY a.lead_id, s.due_on, p.n;
        ANALYZE import_due
        """,
        [says_when, handbook.current().today(frame().at), frame().at],
    )
    _bring_forward(cursor, "t.kind" if "kind" in layout.unsaid else "d.due_kind")
    cursor.execute(
        f"""
        WITH made AS (
            INSERT INTO activities_nexttouch (version, lead_id, due_on, kind, text)
            SELECT 1, d.lead_id, d.due_on, d.due_kind, d.due_text FROM import_due d
            ORDER BY d.lead_id ON CONFLICT (lead_id) DO NOTHING RETURNING id, lead_id)
        INSERT INTO sync_externalid (object, system, value, record_id, seen)
        SELECT '{TOUCH}', '{SYSTEM}', d.external_id, m.id, '{{"version": 1}}'
        FROM made m JOIN import_due d USING (lead_id)
        """
    )
    drop(cursor, "import_due")
    cursor.execute(
        f"""
        INSERT INTO {FLAGS}
        SELECT s.n, 'open_task', 'It is still open' || COALESCE(', due ' || s.due_on, '') || ': kept as a note'
               || CASE WHEN t.id IS NULL THEN '.' ELSE '; the lead''s next touch is on ' || t.due_on || '.' END
        FROM {STAGED} s JOIN {PLAN} p USING (n) JOIN activities_activity a ON a.id = p.record_id
        LEFT JOIN activities_nexttouch t ON t.lead_id = a.lead_id
        WHERE s.is_open AND (p.is_new OR %s) AND NOT EXISTS (
            SELECT FROM sync_externalid e WHERE {OURS} AND e.value = p.external_id AND e.record_id = t.id)
        """,
        [says_when],
    )


def _clear_what_is_done(cursor: Any) -> None:
    """A next touch that came from a task goes with it when the task is done, unless somebody changed it here."""
    cursor.execute(
        f"DELETE FROM activities_nexttouch t USING sync_externalid e, {PLAN} p, {STAGED} s"
        f" WHERE {OURS} AND e.value = p.external_id AND e.record_id = t.id AND s.n = p.n AND NOT p.is_new"
        " AND s.due_on IS NULL AND t.version = (e.seen->>'version')::integer"
    )


def _bring_forward(cursor: Any, kind: str) -> None:
    """A next touch that an import made follows its task, or gives way to an earlier one."""
    cursor.execute(
        f"""
        WITH moved AS (
            UPDATE activities_nexttouch t SET due_on = d.due_on, kind = {kind}, text = d.due_text
            FROM import_due d, sync_externalid e
            WHERE t.lead_id = d.lead_id AND {OURS} AND e.record_id = t.id
              AND t.version = (e.seen->>'version')::integer AND (e.value = d.external_id OR d.due_on < t.due_on)
              AND (t.due_on, t.kind, t.text) IS DISTINCT FROM (d.due_on, {kind}, d.due_text)
            RETURNING e.id, d.external_id, t.version)
        UPDATE sync_externalid e SET value = m.external_id, seen = jsonb_build_object('version', m.version)
        FROM moved m WHERE e.id = m.id
        """
    )


def plan_meetings(cursor: Any, layout: Layout, file: str, report: Report) -> None:
    """Make the earliest event to come the meeting of a lead that is in Meeting scheduled and has none."""
    cursor.execute(f"SELECT 1 FROM {STAGED} WHERE is_open LIMIT 1")
    if not cursor.fetchone():
        return
    cursor.execute(
        f"""
        CREATE TEMP TABLE import_meetings ON COMMIT DROP AS
        SELECT DISTINCT ON (a.lead_id) a.lead_id, p.external_id, s.starts_at
        FROM {STAGED} s JOIN {PLAN} p USING (n) JOIN activities_activity a ON a.id = p.record_id
        JOIN leads_lead l ON l.id = a.lead_id
        WHERE s.is_open AND l.status = '{Status.MEETING_SCHEDULED}' ORDER BY a.lead_id, s.starts_at, p.n;
        ANALYZE import_meetings
        """
    )
    lock_records(cursor, Lead, "(SELECT lead_id FROM import_meetings)")
    # One that an import set may be set again while nobody else has; the database compares moments, not their words.
    cursor.execute(
        f"""
        WITH met AS (
            UPDATE leads_lead l SET meeting_at = m.starts_at, meeting_outcome = '' FROM import_meetings m
            WHERE l.id = m.lead_id AND (l.meeting_at IS NULL OR l.meeting_at > m.starts_at
                OR EXISTS (SELECT FROM sync_externalid e WHERE e.object = '{MEETING}' AND e.system = '{SYSTEM}'
                           AND e.value = m.external_id AND e.record_id = l.id))
              AND (l.meeting_at IS NULL OR EXISTS (
                SELECT FROM sync_externalid e WHERE e.object = '{MEETING}' AND e.system = '{SYSTEM}'
                AND e.record_id = l.id AND (e.seen->>'at')::timestamptz = l.meeting_at))
              AND l.meeting_at IS DISTINCT FROM m.starts_at
            RETURNING l.id, m.external_id, m.starts_at)
        INSERT INTO sync_externalid (object, system, value, record_id, seen)
        SELECT '{MEETING}', '{SYSTEM}', external_id, id, jsonb_build_object('at', starts_at) FROM met
        ON CONFLICT (object, system, value) DO UPDATE SET seen = EXCLUDED.seen, record_id = EXCLUDED.record_id
        """
    )
    drop(cursor, "import_meetings")
    cursor.execute(
        f"""
        INSERT INTO {FLAGS}
        SELECT s.n, 'future_event', 'It is still to come: kept as a note'
            || CASE WHEN l.id IS NULL THEN '.'
               WHEN l.status <> '{Status.MEETING_SCHEDULED}' THEN '; the lead is not in Meeting scheduled.'
               ELSE '; the lead''s meeting is another.' END
        FROM {STAGED} s JOIN {PLAN} p USING (n) JOIN activities_activity a ON a.id = p.record_id
        LEFT JOIN leads_lead l ON l.id = a.lead_id
        WHERE s.is_open AND (l.id IS NULL OR l.status <> '{Status.MEETING_SCHEDULED}'
                             OR l.meeting_at IS DISTINCT FROM s.starts_at)
        """
    )
