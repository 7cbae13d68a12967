"""The figures of the lead pipeline: how many leads are where, for how long, what they need, where they went (P2)."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from crm.enquiries.attainment import positional
from crm.reviews.lead_review.asked import NOW, Asked
from crm.reviews.lead_review.sql import OF_CLOSED, OF_OPEN, flowed, in_status, judged, narrowed
from leads.statuses import PATH, Status

By = Literal["status", "owner", "team", "source"]
DIMENSIONS: tuple[By, ...] = ("status", "owner", "team", "source")
# Leads that are alike in whose they are and where are counted together: read once, whatever is shown of them. `whose`
# is the owner's id, of one that nobody owns that of its queue below zero: one key has few values, as the planner knows.
ALIKE = """
    SELECT status, COALESCE(owner_id, -queue_id) AS whose, lead_source, {is_open} AS is_open, count(*) AS leads, {needs}
    FROM ({{of}}) one GROUP BY 1, 2, 3
"""
NEEDS = ", ".join(f"count(*) FILTER (WHERE {name}) AS {name}" for name in NOW)
STANDING = f"""
    SELECT g.status, CASE WHEN g.whose > 0 THEN g.whose END, CASE WHEN g.whose < 0 THEN -g.whose ELSE u.team_id END,
           g.lead_source, g.is_open, g.leads, {", ".join(f"g.{name}" for name in NOW)}
    FROM (
        {ALIKE.format(is_open="true", needs=NEEDS).format(of=OF_OPEN)}
        UNION ALL
        {ALIKE.format(is_open="false", needs=NEEDS).format(of=OF_CLOSED)}
    ) g LEFT JOIN people_user u ON u.id = g.whose
"""
# The middle and the tenth of each status by its index, as percentile_cont has them: between two leads in proportion.
STATUSES = """
    SELECT c.status, c.leads, {middle}, {tenth}
    FROM (SELECT l.status, count(*) AS leads FROM leads_lead l WHERE {where} GROUP BY l.status) c
"""
NTH = """(
    SELECT min(e) + (max(e) - min(e)) * ((c.leads - 1) * {part} - floor((c.leads - 1) * {part})) FROM (
        SELECT extract(epoch FROM l.status_since)::float8 AS e FROM leads_lead l
        WHERE l.status = c.status AND {where}
        ORDER BY l.status_since OFFSET floor((c.leads - 1) * {part})::bigint LIMIT 2
    ) one)
"""
FATES = "SELECT status, fate, count(*) FROM ({flowed}) one GROUP BY status, fate"


@dataclass(frozen=True, slots=True)
class Standing:
    """How many leads there are, how many of them are open, what they need, and how long they have been in their status.

    `count` is of a status and in total; by owner, team and source it is about what is open. `median` and `ninetieth`
    (the 90th percentile) are in seconds, of one status; None where there is no lead.
    """

    count: int | None = None
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


def pipeline(asked: Asked, *, at: datetime) -> Pipeline:
    """How leads stand at this moment, and how they went through the statuses in the time; three queries."""
    found = standing(asked, at=at)
    found.flow = flow(asked, at=at)
    return found


def standing(asked: Asked, *, at: datetime) -> Pipeline:
    """How leads stand at this moment, in two queries; every status is there, also one without leads."""
    statement, params = judged(asked, at, STANDING)
    tallies: dict[By, dict[Any, Counter[str]]] = {by: defaultdict(Counter) for by in DIMENSIONS}
    total = Counter[str]()
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        for *keys, is_open, leads, needs in ((*row[:6], row[6:]) for row in cursor):
            told = dict(zip(NOW, needs, strict=True)) | {"open": leads if is_open else 0}
            for tally in (total, *(tallies[by][key] for by, key in zip(DIMENSIONS, keys, strict=True))):
                tally.update(told)
    found = Pipeline(asked, status={str(one): Standing(count=0, **tallies["status"][one]) for one in Status})
    for status, leads, *ages in _statuses(asked):
        median, ninetieth = (at.timestamp() - since for since in ages)
        found.status[status] = replace(found.status[status], count=leads, median=median, ninetieth=ninetieth)
    found.total = Standing(count=sum(one.count or 0 for one in found.status.values()), **total)
    for by in DIMENSIONS[1:]:
        found.by(by).update({key: Standing(**tally) for key, tally in tallies[by].items()})
    return found


def _statuses(asked: Asked) -> list[tuple[Any, ...]]:
    """Of each status with leads how many there are, and since when half and nine tenths of them are in it."""
    where, params = narrowed(asked)
    # A tenth of them have been there since before that: they are older than all others.
    middle, tenth = (NTH.format(part=part, where=where) for part in (0.5, 0.1))
    with connection.cursor() as cursor:
        cursor.execute(STATUSES.format(middle=middle, tenth=tenth, where=where), params)
        return list(cursor)


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
    if not asked.what:
        where, params = narrowed(asked)
        status, wanted = in_status(asked, "l.status")
        statement = f"SELECT l.id FROM leads_lead l WHERE {where} AND {status}"
        params |= wanted
    elif asked.what in NOW:
        inner, params = judged(asked, at)
        statement = f"SELECT id FROM ({inner}) one WHERE {asked.what}"
    else:
        inner, params = flowed(asked, at)
        status, wanted = in_status(asked, "status")
        fate = "fate <> 'left'" if asked.what == "arrived" else "fate = %(fate)s"
        statement = f"SELECT record_id FROM ({inner}) one WHERE {status} AND {fate}"
        params |= wanted | {"fate": asked.what}
    # The statement is made of these modules' own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(statement, params)))  # noqa: S611


def is_of_path(status: str) -> bool:
    """Whether leads go further from here: it is on the way, and not its end."""
    return status in PATH and status != Status.SAO_CONVERTED
