"""What answered an enquiry first: one definition, asked for many at once.

A response is a touch of ours by a person, with an outcome that the handbook calls one, with who asked, after they
asked. Where the policy has a meeting answer as well, a slot that they booked or a lead moved to Meeting scheduled is
one. The same minute counts where a touch was written down to the minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from crm import handbook

RESPONSE, MEETING = "response", "meeting"

# `people` are the leads that are the person: the enquiry's own, the one it had before a conversion, and every lead that
# became its contact.
FIRST = """
    SELECT e.id, f.at, f.how, f.by_id, f.touch
    FROM unnest(%(ids)s::bigint[], %(meetings)s::boolean[]) asked (id, meetings)
    JOIN enquiries_enquiry e ON e.id = asked.id
    CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT e.lead_id WHERE e.lead_id IS NOT NULL
            UNION SELECT e.converted_lead_id WHERE e.converted_lead_id IS NOT NULL
            UNION SELECT l.id FROM leads_lead l WHERE l.converted_contact_id = e.contact_id
        ) AS leads
    ) people
    CROSS JOIN LATERAL (
        SELECT * FROM (
            (SELECT t.happened_at AS at, 'response' AS how, t.by_id, t.id AS touch
             FROM (
                SELECT * FROM activities_activity WHERE lead_id = ANY(people.leads)
                UNION ALL
                SELECT * FROM activities_activity WHERE contact_id = e.contact_id
                UNION ALL
                SELECT * FROM activities_activity WHERE enquiry_id = e.id
             ) t
             JOIN people_user u ON u.id = t.by_id
             WHERE t.direction = 'out' AND NOT u.is_service AND t.outcome = ANY(%(outcomes)s)
               AND (t.happened_at >= e.received_at
                    OR t.happened_at = date_trunc('minute', e.received_at, 'UTC'))
             ORDER BY t.happened_at, t.id LIMIT 1)
            UNION ALL
            (SELECT b.booked_at, 'meeting', NULL, NULL
             FROM enquiries_enquiry b
             WHERE asked.meetings AND b.voided_at IS NULL AND b.booked_at >= e.received_at
               AND (b.id = e.id OR b.lead_id = ANY(people.leads) OR b.contact_id = e.contact_id)
             ORDER BY b.booked_at LIMIT 1)
            UNION ALL
            (SELECT m.at, 'meeting', m.actor_id, NULL
             FROM history_move m
             WHERE asked.meetings AND m.object = 'lead' AND m.record_id = ANY(people.leads)
               AND m.to_state = 'meeting_scheduled' AND m.at >= e.received_at
               AND COALESCE((
                    SELECT n.verb FROM history_move n
                    WHERE n.object = 'lead' AND n.record_id = m.record_id AND n.version > m.version
                    ORDER BY n.version LIMIT 1), '') <> 'take_back'
             ORDER BY m.at LIMIT 1)
        ) answers
        ORDER BY at, how = 'meeting', touch LIMIT 1
    ) f
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The first answer: when it was given, how (`response` or `meeting`), by whom, and the touch, if it was one."""

    at: datetime
    how: str
    by_id: int | None
    touch_id: int | None


def first_answers(meetings: Mapping[int, bool]) -> dict[int, Evidence]:
    """The first answer to each of these enquiries that has one, by id; the values say whether a meeting is one."""
    if not meetings:
        return {}
    outcomes = [one.key for one in handbook.current().touch.outcomes if one.response]
    with connection.cursor() as cursor:
        cursor.execute(FIRST, {"ids": list(meetings), "meetings": list(meetings.values()), "outcomes": outcomes})
        return {row[0]: Evidence(*row[1:]) for row in cursor.fetchall()}
