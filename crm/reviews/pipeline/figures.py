"""The pipeline as it is (P4): the one definition that the page, its file, the API, the list and the board ask.

Every open opportunity counts: in total, by stage, by owner, and by the month in which it closes. Amounts are in the
company's currency (see `valued`); what has no amount is told by its number, what has no rate by its own currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from contracts.stages import stage_keys
from crm.enquiries.attainment import positional
from crm.reviews.pipeline.as_of import as_of
from crm.reviews.pipeline.asked import UNKNOWN, Asked
from crm.reviews.pipeline.valued import PRESENT, Statement, valued

By = Literal["stage", "owner", "month"]
DIMENSIONS: tuple[By, ...] = ("stage", "month", "owner")
COLUMNS: dict[By, str] = {"stage": "stage", "month": "month", "owner": "owner_id"}
# A lack of a rate is told by currency; every figure of a page in one statement, so that it shows one moment.
FIGURES = """
    WITH counted AS MATERIALIZED (
        SELECT stage COLLATE "C" AS stage, date_trunc('month', close_on)::date AS month, owner_id, amount, worth,
               weighted, kind,
               CASE WHEN amount IS NOT NULL AND worth IS NULL THEN currency COLLATE "C" END AS apart
        FROM ({rows}) o {where}
    )
    SELECT GROUPING(stage, month, owner_id), stage, month, owner_id, NULL, count(*), COALESCE(sum(worth), 0),
           COALESCE(sum(weighted), 0), count(*) FILTER (WHERE amount IS NULL), count(apart)
    FROM counted WHERE kind = 'open' GROUP BY GROUPING SETS ((), (stage), (month), (owner_id))
    UNION ALL
    SELECT GROUPING(stage, month, owner_id), stage, month, owner_id, apart, count(*), sum(amount), 0, 0, 0
    FROM counted WHERE kind = 'open' AND apart IS NOT NULL
    GROUP BY GROUPING SETS ((apart), (stage, apart), (month, apart), (owner_id, apart))
    UNION ALL
    SELECT {unknown}, NULL, NULL, NULL, NULL, count(*), 0, 0, 0, 0 FROM counted WHERE kind = ''
"""
TOTAL = 0b111
PLACES: dict[int, By] = {0b011: "stage", 0b101: "month", 0b110: "owner"}
NOWHERE = -1


@dataclass(slots=True)
class Figures:
    """What some opportunities come to. `amount` and `weighted` are in the company's currency.

    `without` is how many have no amount; `apart` has the sums of amounts without a rate, with how many they are, by
    currency: they are in neither sum.
    """

    count: int = 0
    amount: Decimal = Decimal(0)
    weighted: Decimal = Decimal(0)
    without: int = 0
    unrated: int = 0
    apart: dict[str, tuple[Decimal, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Pipeline:
    """The figures of what was asked for, in total and by each dimension's values (None: nobody, no close date).

    `unknown` is how many are in a stage that the handbook does not have: they are in no figure.
    """

    asked: Asked
    total: Figures = field(default_factory=Figures)
    stage: dict[Any, Figures] = field(default_factory=dict)
    month: dict[Any, Figures] = field(default_factory=dict)
    owner: dict[Any, Figures] = field(default_factory=dict)
    unknown: int = 0

    def by(self, dimension: By) -> dict[Any, Figures]:
        """The figures by one dimension."""
        found: dict[Any, Figures] = getattr(self, dimension)
        return found


def pipeline(asked: Asked, *, at: datetime, was: bool = False) -> Pipeline:
    """What is open now, in one query; every open stage is there, also an empty one. `was`: as it was at the moment."""
    rows, where, params = _rows(asked, at, was=was)
    found = Pipeline(asked)
    found.stage = {key: Figures() for key in stage_keys("open") if asked.stage in ("", key)}
    with connection.cursor() as cursor:
        cursor.execute(FIGURES.format(rows=rows, where=where, unknown=NOWHERE), params)
        for place, stage, month, owner, apart, count, *sums in cursor:
            if place == NOWHERE:
                found.unknown = count
                continue
            key: dict[By, Any] = {"stage": stage, "month": month, "owner": owner}
            one = found.total
            if place != TOTAL:
                dimension = PLACES[place]
                one = found.by(dimension).setdefault(key[dimension], Figures())
            if apart is None:
                one.count = count
                one.amount, one.weighted, one.without, one.unrated = sums
            else:
                one.apart[apart] = (sums[0], count)
    return found


def counted(asked: Asked, *, at: datetime) -> Q:
    """The opportunities that a figure counts, as a condition on opportunities: what a number opens."""
    rows, where, params = _rows(asked, at)
    kind = "''" if asked.stage == UNKNOWN else "'open'"
    told = f"SELECT o.id FROM ({rows}) o {where}{' AND ' if where else 'WHERE '}o.kind = {kind}"
    # The statement is made of this module's own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(told, params)))  # noqa: S611


def _rows(asked: Asked, at: datetime, *, was: bool = False) -> tuple[str, str, Mapping[str, Any]]:
    """What is not closed, valued, and what is asked of it; `was`: everything as history has it at the moment."""
    closed = "WHERE o.stage <> ALL(%(closed)s)"
    statement: Statement = as_of(at) if was else valued(PRESENT, at, where=closed)
    clauses, given = asked.conditions()
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    return statement[0], where, {**statement[1], **given, "closed": [*stage_keys("won"), *stage_keys("lost")]}
