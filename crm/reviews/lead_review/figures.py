"""The figures of the lead pipeline: how many leads are where, for how long, what they need, where they went (P2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from crm.enquiries.attainment import positional
from crm.reviews.lead_review.asked import NOW, Asked
from crm.reviews.lead_review.sql import LEADS, flowed, in_status, judged, narrowed
from leads.statuses import PATH, Status

By = Literal["status", "owner", "team", "source"]
DIMENSIONS: tuple[By, ...] = ("status", "owner", "team", "source")
COLUMNS: dict[By, str] = {"status": "status", "owner": "owner_id", "team": "team_id", "source": "lead_source"}
TYPES: dict[By, str] = {"status": "text", "owner": "bigint", "team": "bigint", "source": "text"}
# Every number of what is now in one statement: the page shows one moment, and the rows are read once.
STANDING = """
    SELECT GROUPING({grouped}) AS grouping, {keys}, count(*), count(*) FILTER (WHERE is_open), {flags}
    FROM ({judged}) one GROUP BY GROUPING SETS ({sets})
"""
AGES = """
    SELECT l.status, percentile_cont(ARRAY[0.5, 0.1]) WITHIN GROUP (ORDER BY extract(epoch FROM l.status_since)::float8)
    FROM {leads} WHERE {where} GROUP BY l.status
"""
FLAGS = ", ".join(f"count(*) FILTER (WHERE {name})" for name in NOW)
FATES = "SELECT status, fate, count(*) FROM ({flowed}) one GROUP BY status, fate"


@dataclass(frozen=True, slots=True)
class Standing:
    """How many leads there are, how many of them are open, what they need, and how long they have been in their status.

    `median` and `ninetieth` (the 90th percentile) are in seconds, of one status; None where there is no lead.
    """

    count: int = 0
    open: int = 0
    at_risk: int = 0
    breached: int = 0
    over: int = 0
    unowned: int = 0
    no_next: int = 0
    stale: int = 0
    median: float | None = None
    ninetieth: float | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Leads that left a status in the time, and what became since of those that arrived: each counts once.

    `on` went further along the path, `here` are still there, `aside` were put aside or are not to be contacted, and
    `back` went back to where they were, or before it.
    """

    left: int = 0
    on: int = 0
    here: int = 0
    aside: int = 0
    back: int = 0

    @property
    def arrived(self) -> int:
        """All that arrived."""
        return self.on + self.here + self.aside + self.back

    @property
    def share(self) -> float | None:
        """Which part of those that arrived went further, of 1; None where none arrived."""
        return self.on / self.arrived if self.arrived else None


@dataclass(slots=True)
class Pipeline:
    """What was asked for: in total, by each dimension's values (None is nobody), and the flow through each status."""

    asked: Asked
    total: Standing = field(default_factory=Standing)
    status: dict[Any, Standing] = field(default_factory=dict)
    owner: dict[Any, Standing] = field(default_factory=dict)
    team: dict[Any, Standing] = field(default_factory=dict)
    source: dict[Any, Standing] = field(default_factory=dict)
    flow: dict[str, Flow] = field(default_factory=dict)

    def by(self, dimension: By) -> dict[Any, Standing]:
        """The figures by one dimension."""
        found: dict[Any, Standing] = getattr(self, dimension)
        return found


def pipeline(asked: Asked, *, at: datetime, by: Sequence[By] = DIMENSIONS) -> Pipeline:
    """How leads stand at this moment, and how they went through the statuses in the time; each in one query."""
    found = standing(asked, at=at, by=by)
    found.flow = flow(asked, at=at)
    return found


def standing(asked: Asked, *, at: datetime, by: Sequence[By] = DIMENSIONS) -> Pipeline:
    """How leads stand at this moment; every status is there, also one without leads."""
    inner, params = judged(asked, at)
    wanted = [one for one in DIMENSIONS if one in by] or ["status"]
    statement = STANDING.format(
        judged=inner,
        flags=FLAGS,
        grouped=", ".join(COLUMNS[one] for one in wanted),
        keys=", ".join(COLUMNS[one] if one in wanted else f"NULL::{TYPES[one]}" for one in DIMENSIONS),
        sets=", ".join(["()", *(f"({COLUMNS[one]})" for one in wanted)]),
    )
    # GROUPING answers a bit for each column that is not in a set, the first one's the highest.
    total = 2 ** len(wanted) - 1
    dimensions = {total - 2**place: one for place, one in enumerate(reversed(wanted))}
    found = Pipeline(asked)
    if "status" in wanted:
        found.status = {str(one): Standing() for one in Status}
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        for grouping, status, owner, team, source, *counts in cursor:
            figures = Standing(*counts)
            if grouping == total:
                found.total = figures
            else:
                keys = {"status": status, "owner": owner, "team": team, "source": source}
                found.by(dimensions[grouping])[keys[dimensions[grouping]]] = figures
        if "status" in wanted:
            where, params = narrowed(asked)
            cursor.execute(AGES.format(leads=LEADS, where=where), params)
            for status, (middle, tenth) in cursor:
                # A tenth of them have been there since before that, and are older than all others.
                ages = {"median": at.timestamp() - middle, "ninetieth": at.timestamp() - tenth}
                found.status[status] = replace(found.status[status], **ages)
    return found


def flow(asked: Asked, *, at: datetime) -> dict[str, Flow]:
    """How leads went through each status in the time; other systems’ words that are no status of ours are left out."""
    inner, params = flowed(asked, at)
    counts: dict[str, dict[str, int]] = {str(one): {} for one in Status}
    with connection.cursor() as cursor:
        cursor.execute(FATES.format(flowed=inner), params)
        for status, fate, count in cursor:
            if status in counts:
                counts[status][fate] = count
    return {status: Flow(**fates) for status, fates in counts.items()}


def counted(asked: Asked, *, at: datetime) -> Q:
    """The leads that a number counts, as a condition on leads: what it opens."""
    inner, params, clauses = *judged(asked, at), list[str]()
    column = "id"
    if asked.what and asked.what not in NOW:
        inner, params = flowed(asked, at)
        column = "record_id"
        clauses.append("fate <> 'left'" if asked.what == "arrived" else "fate = %(fate)s")
        params["fate"] = asked.what
    elif asked.what:
        clauses.append(asked.what)
    condition, more = in_status(asked, "status")
    where = " AND ".join([condition, *clauses])
    # The statement is made of this module's own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(f"SELECT {column} FROM ({inner}) one WHERE {where}", params | more)))  # noqa: S611


def is_of_path(status: str) -> bool:
    """Whether leads go further from here: it is on the way, and not its end."""
    return status in PATH and status != Status.SAO_CONVERTED
