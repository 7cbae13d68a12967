"""What changed with an opportunity since the last huddle, and for how long nothing has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from contracts.models import Opportunity
from crm import handbook
from crm.core.later import by_column
from crm.history.models import Change
from crm.history.selectors import Words
from crm.reviews.huddle.rows import COMPANIES, TOUCHED

# What a huddle looks at, in the order it is told.
LOOKED_AT = ("amount", "currency", "stage", "close_on", "owner_id", "stated_forecast", "confidence")
TOUCHES = f"""
WITH open AS (SELECT * FROM contracts_opportunity WHERE id = ANY(%(ids)s)),
company AS MATERIALIZED ({COMPANIES})
{TOUCHED}
"""
# A person's own work: not what an import brought, nor what a program did.
BY_PEOPLE = """
SELECT max(c.at) FROM history_change c
JOIN history_transaction x ON x.id = c.transaction_id
JOIN people_user p ON p.id = x.actor_id AND NOT p.is_service
WHERE c.object = 'opportunity' AND c.record_id = %s AND c.at <= %s AND x.via <> 'import'
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that is another than last time: from, to, who changed it last, and when."""

    label: str
    before: str
    after: str
    who: str
    at: datetime


def changes_since(record: Opportunity, since: datetime) -> list[Changed]:
    """What a huddle looks at and is another now; what was changed and changed back is as it was."""
    log = list(Change.objects.of(record).filter(at__gt=since).select_related("transaction").order_by("at", "id"))
    words, found = Words(record, log), by_column(log)
    times = {name: one.at for one in log for name in one.what or () if one.op == "U"}
    lines = []
    for name in LOOKED_AT:
        one = found.get(name)
        if one is None or one.before == one.after:
            continue
        line = words.line(name, one.before, one.after)
        who = one.transaction.actor_name or "somebody outside Plumb"
        lines.append(Changed(line.label, line.before, line.after, who, times[name]))
    return lines


def last_touches(ids: Sequence[int], *, at: datetime) -> dict[int, datetime]:
    """When each of these opportunities was last touched, as an agenda has it; without one, none."""
    with connection.cursor() as cursor:
        cursor.execute(TOUCHES, {"ids": list(ids), "at": at})
        return {pk: last for pk, last in cursor.fetchall() if last is not None}


def silent_days(record: Opportunity, *, touched: datetime | None, at: datetime) -> int | None:
    """For how many whole days nobody has touched or changed it, where that is too long by the handbook; else None."""
    with connection.cursor() as cursor:
        cursor.execute(BY_PEOPLE, [record.pk, at])
        changed = cursor.fetchone()[0]
    signs = [one for one in (touched, changed, min(record.created_at, record.stage_since)) if one is not None]
    days = (at - max(signs)).days
    return days if days >= handbook.current().reviews.silent_days else None
