"""What was said of a person in meetings: their name leaves the items that are about their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm.privacy.everywhere import Table, Values, take_out
from crm.reviews.models import Item, Meeting

ABOUT = """
    EXISTS (SELECT FROM reviews_meeting m WHERE m.id = t.meeting_id AND (
        m.kind = %s AND t.record_id = ANY(%s)
        OR m.kind = %s AND (t.record_id = ANY(%s)
            OR t.record_id IN (SELECT o.id FROM contracts_opportunity o WHERE o.contact_id = ANY(%s)))))
"""


def blank_items(
    leads: Sequence[int],
    contacts: Sequence[int],
    opportunities: Sequence[int],
    near: Values,
    tables: Mapping[str, Table],
) -> dict[str, int]:
    """Take the names, also a first or last one alone, out of the items about these records; how many had any.

    What was answered, and when, stays.
    """
    name = Item._meta.db_table
    parameters = [Meeting.Kind.LEADS, list(leads), Meeting.Kind.HUDDLE, list(opportunities), list(contacts)]
    kept = ("state", "answers", "reasons")
    return {name: take_out(tables[name], near, where=ABOUT, parameters=parameters, skip=kept)}
