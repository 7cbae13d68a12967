"""What each owner did in a period, and what was done with each account: the figures that page, file, API and lists ask.

Touches by kind, outreach and how many people it reached, promises by what became of them, conversions made and given
back: each in one statement over the rows of `rows.py`. How promises to answer were kept is asked of
`crm.enquiries.attainment`, whose definition it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from crm.enquiries.attainment import Figures as Answers
from crm.enquiries.attainment import attainment, positional
from crm.enquiries.attainment_asked import Asked as AnswersAsked
from crm.reviews.rep_activity import rows
from crm.reviews.rep_activity.asked import TOUCHES, Asked

By = Literal["owner", "account"]
DIMENSIONS: tuple[By, ...] = ("owner", "account")
# GROUPING answers a bit for each of owner, account and detail that is not in a set, the first one's the highest.
TOTAL, OF_OWNER, OF_ACCOUNT = 0b11, 0b01, 0b10
TOUCHED = """
    WITH one AS MATERIALIZED ({rows})
    SELECT GROUPING(owner_id, account_id), owner_id, account_id, CASE WHEN GROUPING(kind) = 0 THEN kind END, count(*),
           count(*) FILTER (WHERE outreach), count(*) FILTER (WHERE reached),
           count(DISTINCT ROW(contact_id, lead_id)) FILTER (WHERE reached), count(*) FILTER (WHERE within > %(most)s)
    FROM one
    GROUP BY GROUPING SETS ((), (kind), (owner_id), (owner_id, kind), (account_id), (account_id, kind))
"""
PROMISED = """
    WITH one AS MATERIALIZED ({rows})
    SELECT GROUPING(owner_id, account_id), owner_id, account_id, standing, count(*) FROM one
    GROUP BY GROUPING SETS ((standing), (owner_id, standing), (account_id, standing))
"""
COUNTED = """
    WITH one AS MATERIALIZED ({rows})
    SELECT GROUPING(owner_id, account_id), owner_id, account_id, count(DISTINCT id) FROM one
    GROUP BY GROUPING SETS ((), (owner_id), (account_id))
"""


@dataclass(slots=True)
class Figures:
    """What one owner did, or what was done with one account; `kinds`: touches by kind.

    `reached`: outreach to somebody who is named, `people`: how many that were; `excess`: outreach that came too often.
    `answers` are the response times, which count by owner; None by account.
    """

    touches: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    outreach: int = 0
    reached: int = 0
    people: int = 0
    excess: int = 0
    kept: int = 0
    late: int = 0
    rewritten: int = 0
    dropped: int = 0
    past_due: int = 0
    open: int = 0
    converted: int = 0
    returned: int = 0
    answers: Answers | None = None

    @property
    def each(self) -> float | None:
        """Outreach for each of the people it reached; None for nobody."""
        return self.reached / self.people if self.people else None

    @property
    def decided(self) -> int:
        """Promises that were kept, or whose day is over or whose words are gone."""
        return self.kept + self.late + self.rewritten + self.dropped + self.past_due

    @property
    def keeping(self) -> float | None:
        """Which part of the decided promises was kept by the day they were due, of 1; None where none is decided."""
        return self.kept / self.decided if self.decided else None


@dataclass(slots=True)
class RepActivity:
    """The figures of what was asked for: in total, by owner, and by account (None is nobody, and no account)."""

    asked: Asked
    total: Figures = field(default_factory=Figures)
    owner: dict[int | None, Figures] = field(default_factory=dict)
    account: dict[int | None, Figures] = field(default_factory=dict)

    def by(self, dimension: By) -> dict[int | None, Figures]:
        """The figures by one dimension."""
        return self.owner if dimension == "owner" else self.account

    def _line(self, grouping: int, owner: int | None, account: int | None) -> Figures:
        if grouping == TOTAL:
            return self.total
        if grouping == OF_OWNER:
            return self.owner.setdefault(owner, Figures())
        return self.account.setdefault(account, Figures())


def rep_activity(asked: Asked, *, at: datetime, answers: bool = True) -> RepActivity:
    """What was done, as it is known at a moment; with `answers`, how promises to answer were kept, for who may see it.

    Of a page narrowed to an account there are no answers: they are not counted by account.
    """
    found = RepActivity(asked)
    with connection.cursor() as cursor:
        statement, params = rows.touches(asked, at)
        cursor.execute(TOUCHED.format(rows=statement), params)
        for grouping, owner, account, kind, count, *others in cursor:
            line = found._line(grouping, owner, account)
            if kind is not None:
                line.kinds[kind] = count
            else:
                line.touches = count
                line.outreach, line.reached, line.people, line.excess = others
        statement, params = rows.promises(asked, at)
        cursor.execute(PROMISED.format(rows=statement), params)
        for grouping, owner, account, standing, count in cursor:
            setattr(found._line(grouping, owner, account), standing, count)
        for name, statement_of in (("converted", rows.converted), ("returned", rows.returned)):
            statement, params = statement_of(asked, at)
            cursor.execute(COUNTED.format(rows=statement), params)
            for grouping, owner, account, count in cursor:
                setattr(found._line(grouping, owner, account), name, count)
    if answers and asked.account is None:
        _add_answers(found, at)
    return found


def answers_asked(asked: Asked) -> AnswersAsked:
    """The same question for response times."""
    return AnswersAsked(asked.since, asked.until, owner=asked.owner, team=asked.team)


def _add_answers(found: RepActivity, at: datetime) -> None:
    """How promises to answer were kept, for every owner who had any, also one who did nothing else."""
    answered = attainment(answers_asked(found.asked), at=at, by=("owner",))
    found.total.answers = answered.total
    for owner, figures in answered.owner.items():
        found.owner.setdefault(owner, Figures()).answers = figures


def counted(asked: Asked, *, at: datetime) -> Q:
    """The records that a figure counts, as a condition on touches, promises, leads or opportunities: see `what`."""
    if asked.what == "converted":
        statement, params = rows.converted(asked, at)
    elif asked.what == "returned":
        statement, params = rows.returned(asked, at)
    elif asked.what in (*TOUCHES, ""):
        statement, params = rows.touches(asked, at)
    else:
        statement, params = rows.promises(asked, at)
    # The statement is made of this package's own words; every value is a parameter.
    return Q(pk__in=RawSQL(*positional(f"SELECT id FROM ({statement}) counted", params)))  # noqa: S611


def count_of(asked: Asked, *, at: datetime) -> int:
    """How many touches a figure counts."""
    statement, params = rows.touches(asked, at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement}) one", params)
        return int(cursor.fetchone()[0])


def kinds_of(found: RepActivity, known: Mapping[str, str]) -> dict[str, str]:
    """The kinds that any touch has, as the handbook orders them, with their labels; what left it comes last."""
    there = found.total.kinds
    return {
        **{key: label for key, label in known.items() if key in there},
        **{key: key for key in sorted(there) if key not in known},
    }


def as_lines(found: RepActivity, by: By, labels: Mapping[Any, str]) -> list[tuple[Any, str, Figures]]:
    """The lines of one dimension: the most touches first, nobody last."""
    lines = found.by(by)
    keys = sorted(
        lines, key=lambda key: (key is None, -lines[key].touches, -lines[key].decided, labels[key].casefold(), key or 0)
    )
    return [(key, labels[key], lines[key]) for key in keys]
