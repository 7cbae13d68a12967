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
from crm.reviews.pipeline.as_of_each import as_of_each
from crm.reviews.pipeline.valued import PRESENT, Statement, valued

# The rows of `source`, which are valued, with what they count as on the day `today`, of the quarter `first` to `last`.
STANDING = """
    SELECT o.id, o.owner_id, o.amount, o.currency, o.worth, s.part,{number}
           s.part = ANY(%(late_parts)s) AND o.close_on < {today} AS late,
           CASE WHEN s.part = ANY(%(open_parts)s) THEN o.probability ELSE 0 END AS probability,
           CASE WHEN s.part = ANY(%(open_parts)s) THEN o.weighted ELSE 0 END AS weighted
    FROM ({source}) o
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN o.kind = 'won' THEN CASE WHEN o.close_on BETWEEN {first} AND {last} THEN 'won' END
            WHEN o.kind <> 'open' THEN NULL
            WHEN o.close_on IS NULL THEN 'undated'
            WHEN o.close_on > {last} THEN NULL
            WHEN o.close_on < {first} THEN CASE WHEN o.close_on < {today} THEN 'earlier' END
            WHEN {last} < {today} THEN 'past_due'
            WHEN o.category = ANY(%(open_parts)s) THEN o.category
            ELSE 'pipeline'
        END AS part
    ) s
    WHERE s.part IS NOT NULL
"""


def standing(asked: Asked, at: datetime, *, was: bool = False) -> Statement:
    """SQL of what each opportunity that is asked for counts as at a moment; `was`: as it was then, by its history."""
    source, params = as_of(at) if was else valued(PRESENT, at)
    params |= {"first": asked.first, "last": asked.last, "today": handbook.current().today(at)}
    rows = STANDING.format(source=source, first="%(first)s", last="%(last)s", today="%(today)s", number="")
    return of_those(asked, rows, params)


def standing_each(asked: Asked, forecasts: Sequence[tuple[datetime, Asked]]) -> Statement:
    """The same of many forecasts, by history: at each moment, which rise, of the quarter beside it. Their number from
    1 is `n`. Only what had a close date in the quarter then is looked at: nothing is `earlier` or `undated`."""
    source, params = as_of_each([at for at, _ in forecasts])
    first, last = "(%(firsts)s::date[])[o.n]", "(%(lasts)s::date[])[o.n]"
    source = f"SELECT * FROM ({source}) o WHERE o.close_on BETWEEN {first} AND {last}"
    params |= {"firsts": [one.first for _, one in forecasts], "lasts": [one.last for _, one in forecasts]}
    return of_those(
        asked, STANDING.format(source=source, first=first, last=last, today="o.day", number=" o.n,"), params
    )


def of_those(asked: Asked, rows: str, params: dict[str, Any]) -> Statement:
    """Of these rows of STANDING, the ones that are asked for."""
    where, more = narrowed(asked)
    params |= {"open_parts": list(OPEN_PARTS), "late_parts": [*OPEN_PARTS, LATE]}
    return f"SELECT * FROM ({rows}) one WHERE {where}", params | more


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
