"""How promises to answer were kept (R7): the one definition that the page, its file, the API and the list ask.

Each enquiry has one standing: met, breached or open, as the database judges its clock (`clock_verdict`); voided; no
promise, where its policy has none; or barred, when who asked was not to be contacted. It counts for whose it was at
the verdict, else for whose it is now (as `Enquiry.responsible` and `waits_in` say), and in the week of the company's
calendar in which it was received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection, models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from crm import handbook
from crm.enquiries.attainment_asked import Asked

By = Literal["channel", "owner", "team", "week"]
DIMENSIONS: tuple[By, ...] = ("channel", "owner", "team", "week")


class Standing(models.TextChoices):
    """What became of the promise."""

    MET = "met", "Met"
    BREACHED = "breached", "Breached"
    OPEN = "open", "Open"
    VOIDED = "voided", "Voided"
    NO_PROMISE = "no_promise", "No promise"
    BARRED = "barred", "Not to be contacted"


# Whose an enquiry is now is asked only of those that have no verdict yet: of all of them it would cost more than the
# figures. OFFSET 0 keeps the standing from being worked out anew wherever it is named.
JUDGED = """
    SELECT e.id, e.channel, e.received_at, e.voided_by_id, s.policy, s.standing, s.worked_seconds,
           CASE WHEN s.judged THEN s.verdict_owner_id ELSE now.owner_id END AS owner_id,
           CASE WHEN s.judged THEN s.verdict_team_id ELSE now.team_id END AS team_id
    FROM enquiries_enquiry e
    LEFT JOIN clocks_clock c ON c.id = e.clock_id
    CROSS JOIN LATERAL (
        SELECT *, v.noted AND v.standing <> 'open' AS judged
        FROM (
            SELECT CASE
                       WHEN e.voided_at IS NOT NULL THEN 'voided'
                       -- Who was put on the list while they waited in time waits for nothing any more.
                       WHEN e.barred AND c.stopped_at IS NULL AND c.paused_at <= c.limit_at THEN 'barred'
                       WHEN c.id IS NOT NULL THEN
                           clock_verdict(c.limit_at, c.paused_at, c.stopped_at, c.voided_at, %(at)s)
                       WHEN e.barred THEN 'barred'
                       ELSE 'no_promise'
                   END AS standing,
                   c.policy, c.worked_seconds, c.verdict_owner_id, c.verdict_team_id,
                   COALESCE(c.verdict_owner_id, c.verdict_team_id) IS NOT NULL AS noted
            OFFSET 0
        ) v
    ) s
    LEFT JOIN LATERAL (
        SELECT u.id AS owner_id,
               CASE WHEN u.id IS NULL THEN COALESCE(l.queue_id, e.queue_id) ELSE u.team_id END AS team_id
        FROM (SELECT 1) one
        LEFT JOIN contracts_opportunity o ON o.id = e.opportunity_id
        LEFT JOIN leads_lead l ON l.id = e.lead_id
        LEFT JOIN accounts_account a ON a.id = e.account_id
        LEFT JOIN people_user u ON u.id = COALESCE(o.owner_id, l.owner_id, a.owner_id, e.owner_id)
        WHERE NOT s.judged
    ) now ON true
    WHERE e.received_at >= %(since)s AND e.received_at < %(before)s
"""
# Every figure of a page in one statement: it shows one moment, and the rows are read once. Letters are sorted as bytes,
# which is all that grouping needs.
FIGURES = """
    WITH judged AS MATERIALIZED (
        SELECT channel COLLATE "C" AS channel, owner_id, team_id, voided_by_id, standing,
               date_trunc('week', received_at AT TIME ZONE %(zone)s)::date AS week,
               CASE WHEN standing IN ('met', 'breached') THEN worked_seconds::float8 END AS seconds
        FROM ({judged}) one {where}
    )
    SELECT GROUPING({grouped}) AS grouping, {keys},
           count(*) FILTER (WHERE standing = 'met'),
           count(*) FILTER (WHERE standing = 'breached'),
           count(*) FILTER (WHERE standing = 'open'),
           count(*) FILTER (WHERE standing = 'voided'),
           count(*) FILTER (WHERE standing = 'no_promise'),
           count(*) FILTER (WHERE standing = 'barred'),
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds)
    FROM judged GROUP BY GROUPING SETS ({sets})
    UNION ALL
    SELECT {voiders}, NULL, voided_by_id, NULL, NULL, 0, 0, 0, count(*), 0, 0, NULL
    FROM judged WHERE standing = 'voided' GROUP BY voided_by_id
"""
COLUMNS: dict[By, str] = {"channel": "channel", "owner": "owner_id", "team": "team_id", "week": "week"}
TYPES: dict[By, str] = {"channel": "text", "owner": "bigint", "team": "bigint", "week": "date"}
VOIDERS = -1


@dataclass(frozen=True, slots=True)
class Figures:
    """How many enquiries have which standing, and the business time to the first response, in seconds.

    `median` and `ninetieth` (the 90th percentile) are of those that were answered; None where none was.
    """

    met: int = 0
    breached: int = 0
    open: int = 0
    voided: int = 0
    no_promise: int = 0
    barred: int = 0
    median: float | None = None
    ninetieth: float | None = None

    @property
    def received(self) -> int:
        """All of them."""
        return self.met + self.breached + self.open + self.voided + self.no_promise + self.barred

    @property
    def kept(self) -> float | None:
        """Which part of the promises that have a verdict was kept, of 1; None where none has one."""
        judged = self.met + self.breached
        return self.met / judged if judged else None


@dataclass(slots=True)
class Attainment:
    """The figures of what was asked for: in total, by each dimension's values (None is nobody), and who voided."""

    asked: Asked
    total: Figures = field(default_factory=Figures)
    channel: dict[Any, Figures] = field(default_factory=dict)
    owner: dict[Any, Figures] = field(default_factory=dict)
    team: dict[Any, Figures] = field(default_factory=dict)
    week: dict[Any, Figures] = field(default_factory=dict)
    voiders: dict[int | None, int] = field(default_factory=dict)

    def by(self, dimension: By) -> dict[Any, Figures]:
        """The figures by one dimension."""
        found: dict[Any, Figures] = getattr(self, dimension)
        return found


def attainment(asked: Asked, *, at: datetime, by: tuple[By, ...] = DIMENSIONS) -> Attainment:
    """How promises were kept, as it is known at a moment; every week of the period is there, also an empty one."""
    where, params = _narrowed(asked, at)
    statement = FIGURES.format(
        judged=JUDGED,
        where=where,
        grouped=", ".join(COLUMNS[one] for one in by),
        keys=", ".join(COLUMNS[one] if one in by else f"NULL::{TYPES[one]}" for one in DIMENSIONS),
        sets=", ".join(["()", *(f"({COLUMNS[one]})" for one in by)]),
        voiders=VOIDERS,
    )
    # GROUPING answers a bit for each column that is not in a set, the first one's the highest.
    total = 2 ** len(by) - 1
    dimensions = {total - 2**place: one for place, one in enumerate(reversed(by))}
    found = Attainment(asked)
    if "week" in by:
        found.week = dict.fromkeys(asked.mondays, Figures())
    with connection.cursor() as cursor:
        cursor.execute(statement, {**params, "zone": str(handbook.current().zone)})
        for grouping, channel, owner, team, week, *counts, percentiles in cursor:
            if grouping == VOIDERS:
                found.voiders[owner] = counts[3]
                continue
            figures = Figures(*counts, *(percentiles or ()))
            if grouping == total:
                found.total = figures
            else:
                keys: dict[By, Any] = {"channel": channel, "owner": owner, "team": team, "week": week}
                dimension = dimensions[grouping]
                found.by(dimension)[keys[dimension]] = figures
    return found


def standings(asked: Asked, *, at: datetime) -> dict[int, tuple[str, int | None, int | None]]:
    """Of each enquiry by id its standing, and the owner and the team that it counts for."""
    where, params = _narrowed(asked, at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, standing, owner_id, team_id FROM ({JUDGED}) one {where}", params)
        return {row[0]: row[1:] for row in cursor}


def counted(asked: Asked, *, at: datetime) -> Q:
    """The enquiries that a figure counts, as a condition on enquiries: what a number opens."""
    where, params = _narrowed(asked, at)
    # The statement is made of this module's own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(f"SELECT id FROM ({JUDGED}) one {where}", params)))  # noqa: S611


def _narrowed(asked: Asked, at: datetime) -> tuple[str, dict[str, Any]]:
    since, before = asked.bounds
    params: dict[str, Any] = {"at": at, "since": since, "before": before}
    clauses = []
    for name, column in (("channel", "channel"), ("policy", "policy"), ("standing", "standing")):
        if value := getattr(asked, name):
            clauses.append(f"{column} = %({name})s")
            params[name] = value
    for name, column in (("owner", "owner_id"), ("team", "team_id"), ("voider", "voided_by_id")):
        wanted = getattr(asked, name)
        if wanted is not None:
            clauses.append(f"{column} = %({name})s" if wanted else f"{column} IS NULL")
            params[name] = wanted
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), params


def positional(statement: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with its parameters in order, as expressions of the ORM take them."""
    parts = statement.split("%(")
    given = []
    text = parts[0]
    for part in parts[1:]:
        name, _, rest = part.partition(")s")
        given.append(params[name])
        text += f"%s{rest}"
    return text, given
