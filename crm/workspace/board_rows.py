"""Which rows a board shows: how many each status has, and the newest of each, page by page.

Within a status whatever came into it last stands first, so that a card that was moved is on top of its new column for
everybody. A page ends at a place (since when, id), and the next one begins after it: nothing is skipped or told twice,
whatever comes and goes meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from crm.core.errors import Refused
from crm.core.paging import COUNT_LIMIT

# Of each status so many are a page.
MOST_CARDS = 20
# So many cards of one status are kept up to date; the list has the rest.
MOST_OPEN = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PLACE = re.compile(r"(?P<since>-?\d{1,18})-(?P<pk>\d{1,18})", re.ASCII)
# Every status that some row has, each by one look into its index: also those that the handbook has no more.
STORED = """
    WITH RECURSIVE stored (word) AS (
        SELECT min({flow}) FROM {table}
        UNION ALL
        SELECT (SELECT min(r.{flow}) FROM {table} r WHERE r.{flow} > stored.word) FROM stored WHERE word IS NOT NULL)
    SELECT word FROM stored WHERE word IS NOT NULL
"""


class Place(NamedTuple):
    """Where a row stands within its status."""

    since: datetime
    pk: int

    def __str__(self) -> str:
        return f"{(self.since - EPOCH) // MICROSECOND}-{self.pk}"


class Row(NamedTuple):
    """One row of a board, and which version of it."""

    pk: int
    key: str
    version: int
    since: datetime

    @property
    def place(self) -> Place:
        """Where it stands within its status."""
        return Place(self.since, self.pk)


def read_place(text: str) -> Place:
    """A place as an address names it.

    Raises:
        Refused: `bad_place` for anything that is none.
    """
    found = PLACE.fullmatch(text)
    try:
        if found:
            return Place(EPOCH + int(found["since"]) * MICROSECOND, int(found["pk"]))
    except OverflowError:
        pass
    raise Refused("bad_place", f"“{text[:50]}” is no place on a board.")


def shown_rows(
    rows: QuerySet[Any], kind: Any, *, few: bool, open_to: Mapping[str, Place], counts: Mapping[str, int] | None
) -> tuple[dict[str, int], list[Row]]:
    """How many rows each status has, and the rows that are shown: its newest, and on as far as it was opened.

    `few` rows are read in one query; of any number, each status is named in its query, so that a rare one is found by
    its index. `counts` are what is known already.
    """
    rows = rows.order_by().select_related(None)
    if few:
        return _few(rows, kind, open_to)
    if counts is None:
        counts = _counts(rows, kind)
    parts = [_first(rows, kind, key)[:MOST_CARDS] for key in counts]
    parts += [
        _first(rows, kind, key).filter(_up_to(kind, open_to[key]))[:MOST_OPEN] for key in counts if key in open_to
    ]
    found = parts[0].union(*parts[1:]) if parts else []
    return dict(counts), sorted((Row(*one) for one in found), key=_order)


def next_rows(rows: QuerySet[Any], kind: Any, key: str, after: Place) -> list[Row]:
    """The next page of one status: the rows after this place."""
    since = _since(kind)
    beyond = Q(**{f"{since}__lt": after.since}) | Q(**{since: after.since, "pk__lt": after.pk})
    # Said once more, as the index begins: an OR alone would not be looked up.
    found = _first(rows.order_by().select_related(None), kind, key).filter(**{f"{since}__lte": after.since})
    return [Row(*one) for one in found.filter(beyond)[:MOST_CARDS]]


def _order(row: Row) -> tuple[str, timedelta, int]:
    return row.key, EPOCH - row.since, -row.pk


def _since(kind: Any) -> str:
    return f"{kind.FLOW}_since"


def _first(rows: QuerySet[Any], kind: Any, key: str) -> Any:
    since = _since(kind)
    return rows.filter(**{kind.FLOW: key}).order_by(f"-{since}", "-pk").values_list("pk", kind.FLOW, "version", since)


def _up_to(kind: Any, place: Place) -> Q:
    since = _since(kind)
    return Q(**{f"{since}__gte": place.since}) & (
        Q(**{f"{since}__gt": place.since}) | Q(**{since: place.since, "pk__gte": place.pk})
    )


def _few(rows: QuerySet[Any], kind: Any, open_to: Mapping[str, Place]) -> tuple[dict[str, int], list[Row]]:
    flow, since = kind.FLOW, _since(kind)
    within: dict[str, Any] = {"partition_by": F(flow)}
    placed = rows.annotate(
        board_place=Window(RowNumber(), order_by=[F(since).desc(), F("pk").desc()], **within),
        board_pile=Window(Count("pk"), **within),
    )
    wanted = Q(board_place__lte=MOST_CARDS)
    for key, place in open_to.items():
        wanted |= Q(**{flow: key}) & _up_to(kind, place)
    counts, found = dict[str, int](), list[Row]()
    shown = placed.filter(wanted, board_place__lte=MOST_OPEN).order_by(flow, f"-{since}", "-pk")
    for *row, pile in shown.values_list("pk", flow, "version", since, "board_pile"):
        found.append(Row(*row))
        counts[found[-1].key] = pile
    return counts, found


def _counts(rows: QuerySet[Any], kind: Any) -> dict[str, int]:
    if _indexed(rows, kind):
        return _counts_by_index(rows, kind)
    return dict(rows.values_list(kind.FLOW).annotate(pile=Count("pk")))


def _indexed(rows: QuerySet[Any], kind: Any) -> bool:
    """Whether an index has, beside the status, all that these rows are chosen by."""
    columns = {column: column.name for column in kind._meta.concrete_fields}
    asked = (getattr(getattr(leaf, "lhs", None), "target", None) for leaf in rows.query.where.leaves())
    names = {kind.FLOW, *(columns.get(column, "") for column in asked)}
    return any(names <= set(index.fields) and index.condition is None for index in kind._meta.indexes)


def _counts_by_index(rows: QuerySet[Any], kind: Any) -> dict[str, int]:
    """Status by status, no further than rows are counted anywhere."""
    parts, values = list[str](), list[Any]()
    with connection.cursor() as cursor:
        cursor.execute(STORED.format(flow=kind.FLOW, table=kind._meta.db_table))
        for (key,) in cursor.fetchall():
            counted, of_one = rows.filter(**{kind.FLOW: key}).values("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
            parts.append(f"SELECT %s, count(*) FROM ({counted}) c")
            values += [key, *of_one]
        cursor.execute(" UNION ALL ".join(parts), values)
        return {key: count for key, count in cursor.fetchall() if count}


def read_places(given: Sequence[str]) -> dict[str, Place]:
    """How far each column is open, from `status:place`.

    Raises:
        Refused: `bad_place`.
    """
    found = {}
    for one in given[:100]:
        key, _, place = one.rpartition(":")
        found[key] = read_place(place)
    return found
