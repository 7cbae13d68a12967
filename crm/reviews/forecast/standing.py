"""What each opportunity counts as in the forecast of a quarter: the one definition (C8).

By its close date it belongs to one quarter. There it is `won` (whole, once), or open under its forecast category: the
stated one, else its stage's; `pipeline` where neither is known. Lost, or in a stage that left the handbook, it is
nothing. `late` is what is open though its close date has passed. While its quarter runs it counts in its category, and
is told apart beside it; once the quarter is over it is `past_due` and in no forecast, of that quarter or a later one,
until it is given a day to come. `earlier` are those of quarters before, `undated` those without a close date.

What it is worth, and what it is weighted, is `valued` (crm.reviews.pipeline). Weighted is all that is open in a
category, omitted too: it is what the stages say, whatever anybody stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crm import handbook
from crm.reviews.forecast.asked import LATE, OPEN_PARTS, Asked
from crm.reviews.pipeline.as_of import as_of
from crm.reviews.pipeline.valued import PRESENT, Statement, valued

# The rows of `source`, which are valued, with what they count as on the day `today`.
STANDING = """
    SELECT o.id, o.owner_id, o.amount, o.currency, o.worth, s.part,
           s.part = ANY(%(late_parts)s) AND o.close_on < %(today)s AS late,
           CASE WHEN s.part = ANY(%(open_parts)s) THEN o.probability ELSE 0 END AS probability,
           CASE WHEN s.part = ANY(%(open_parts)s) THEN o.weighted ELSE 0 END AS weighted
    FROM ({source}) o
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN o.kind = 'won' THEN CASE WHEN o.close_on BETWEEN %(first)s AND %(last)s THEN 'won' END
            WHEN o.kind <> 'open' THEN NULL
            WHEN o.close_on IS NULL THEN 'undated'
            WHEN o.close_on > %(last)s THEN NULL
            WHEN o.close_on < %(first)s THEN CASE WHEN o.close_on < %(today)s THEN 'earlier' END
            WHEN %(last)s < %(today)s THEN 'past_due'
            WHEN o.category = ANY(%(open_parts)s) THEN o.category
            ELSE 'pipeline'
        END AS part
    ) s
    WHERE s.part IS NOT NULL
"""


def standing(asked: Asked, at: datetime, *, was: bool = False, ids: Sequence[int] | None = None) -> Statement:
    """SQL of what each opportunity that is asked for counts as at a moment; `was`: as it was then, by its history, of
    these alone if ids are given."""
    statement, params = as_of(at, ids=ids) if was else valued(PRESENT, at)
    where, more = narrowed(asked)
    params |= {
        "first": asked.first,
        "last": asked.last,
        "today": handbook.current().today(at),
        "open_parts": list(OPEN_PARTS),
        "late_parts": [*OPEN_PARTS, LATE],
    }
    return f"SELECT * FROM ({STANDING.format(source=statement)}) one WHERE {where}", params | more


def narrowed(asked: Asked) -> Statement:
    """The condition of whose and which opportunities are asked for, over the rows of STANDING."""
    params: dict[str, Any] = {"parts": list(asked.parts)}
    clauses = ["late"] if asked.part == LATE else ["part = ANY(%(parts)s)"]
    if asked.owner is not None:
        clauses.append("owner_id = %(owner)s" if asked.owner else "owner_id IS NULL")
        params["owner"] = asked.owner
    if asked.team is not None:
        of_team = "SELECT id FROM people_user WHERE team_id"
        mates = f"owner_id IN ({of_team} = %(team)s)"
        clauses.append(mates if asked.team else f"(owner_id IS NULL OR owner_id IN ({of_team} IS NULL))")
        params["team"] = asked.team
    if asked.lack:
        clauses.append("amount IS NULL" if asked.lack == "amount" else "amount <> 0 AND worth IS NULL")
    return " AND ".join(clauses), params
