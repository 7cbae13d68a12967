"""Whom outreach went to, and how often: the people behind “reached” and “touched too often”."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Contact
from crm.people.models import User
from crm.reviews.rep_activity import rows
from crm.reviews.rep_activity.asked import Asked
from leads.models import Lead

PEOPLE = """
    SELECT contact_id, lead_id, count(*), max(within), count(*) FILTER (WHERE within > %(most)s),
           (array_agg(id ORDER BY within DESC, happened_at DESC, id DESC))[1],
           (array_agg(happened_at ORDER BY within DESC, happened_at DESC, id DESC))[1],
           array_agg(DISTINCT owner_id), count(*) OVER ()
    FROM ({rows}) one GROUP BY contact_id, lead_id {having}
    ORDER BY max(within) DESC, count(*) DESC, contact_id, lead_id
    LIMIT %(limit)s OFFSET %(offset)s
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """One person: their record, the outreach of the period, and the most of it within any window of the handbook.

    `most` counts everybody's outreach; `last` is the touch that the fullest window ends with, at `ended`; `excess` how
    much of what is asked about came too often; `by` who made what is asked about.
    """

    kind: str
    record: Contact | Lead
    outreach: int
    most: int
    excess: int
    last: int
    ended: datetime
    by: Sequence[str]

    @property
    def key(self) -> str:
        """“contact-12” or “lead-7”."""
        return f"{self.kind}-{self.record.pk}"

    @property
    def company(self) -> str:
        """Where they work."""
        return str(self.record.account or "") if isinstance(self.record, Contact) else self.record.company


def people_touched(
    asked: Asked, *, at: datetime, too_often: bool = False, limit: int = 50, offset: int = 0
) -> tuple[list[Touched], int]:
    """These people, who had the most at once first, and how many they are in all; `too_often`: above the limit."""
    statement, params = rows.touches(replace(asked, what="reached"), at)
    having = "HAVING max(within) > %(most)s" if too_often else ""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(rows=statement, having=having), {**params, "limit": limit, "offset": offset})
        found = cursor.fetchall()
    contacts = Contact.objects.select_related("account").in_bulk([row[0] for row in found if row[0]])
    leads = Lead.objects.in_bulk([row[1] for row in found if row[1]])
    names = {one.pk: str(one) for one in User.objects.filter(pk__in={pk for row in found for pk in row[7]})}
    people = []
    for contact, lead, outreach, most, excess, last, ended, by, _ in found:
        record: Any = contacts.get(contact) if contact else leads.get(lead)
        if record is not None:
            kind = "contact" if contact else "lead"
            who = sorted(names[pk] for pk in by if pk in names)
            people.append(Touched(kind, record, outreach, most, excess, last, ended, who))
    return people, (found[0][-1] if found else 0)
