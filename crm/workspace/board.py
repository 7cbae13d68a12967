"""The board of a list: its rows by status or stage, a column for each, the newest as cards.

A board is another display of the same list at the same address (`?display=board`): its rows are those that the view,
the reader's filters and the search leave. Nothing is moved here: moves ask for facts, on the record's own page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from crm.core.asking import moment
from crm.core.paging import COUNT_LIMIT, count_words
from crm.workspace.fields import Field, find
from crm.workspace.lists_columns import cell, values_of

if TYPE_CHECKING:
    from crm.workspace.lists import ViewChangeList

DISPLAY, BOARD = "display", "board"
# Of each status so many: the list has the rest.
MOST_CARDS = 20
# Every status that some row has, each by one look into its index: also those that the handbook has no more.
STORED = """
    WITH RECURSIVE stored (word) AS (
        SELECT min({flow}) FROM {table}
        UNION ALL
        SELECT (SELECT min(r.{flow}) FROM {table} r WHERE r.{flow} > stored.word) FROM stored WHERE word IS NOT NULL)
    SELECT word FROM stored WHERE word IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Card:
    """One record: its name and page, and what the admin's `board` names, without what is empty."""

    name: str
    address: str
    facts: Sequence[tuple[str, Any]]


@dataclass(slots=True)
class BoardColumn:
    """One status: how many rows it has, and where the list shows them all; no address for a word that is gone."""

    key: str
    label: str
    count: int
    address: str
    cards: list[Card] = field(default_factory=list)

    @property
    def count_words(self) -> str:
        """How many rows it has, as lists say it."""
        return count_words(self.count)


@dataclass(frozen=True, slots=True)
class Board:
    """The columns, and the field they are the values of."""

    title: str
    columns: Sequence[BoardColumn]


@dataclass(frozen=True, slots=True)
class Switch:
    """One way to display a list, and the address that does it with the same view, filters and search."""

    label: str
    address: str
    current: bool


def asks_for_board(request: HttpRequest, found: ViewChangeList) -> bool:
    """Whether the address asks for the board of a list that has one."""
    return request.GET.get(DISPLAY) == BOARD and has_board(found)


def has_board(found: ViewChangeList) -> bool:
    """Whether this kind of record has a board; a list to choose a record from has none."""
    admin: Any = found.model_admin
    return bool(admin.board) and not found.is_popup


def switches_of(found: ViewChangeList, *, board: bool) -> list[Switch]:
    """List and board of what is shown now; none where there is only the list."""
    if not has_board(found):
        return []
    return [
        Switch("List", found.get_query_string({DISPLAY: None}), not board),
        Switch("Board", found.get_query_string({DISPLAY: BOARD}), board),
    ]


def board_of(request: HttpRequest, found: ViewChangeList) -> Board:
    """The board of the rows that a list has left, in as many queries for many statuses as for few."""
    kind: Any = found.model
    state = find(kind, kind.FLOW)
    known = list(state.choices()) if state is not None and state.choices is not None else []
    counts, newest = _few(found, kind) if found.result_count <= COUNT_LIMIT else _many(found, kind)
    columns = _columns(found, kind.FLOW, known, counts)
    for record, card in _cards(request, found, newest):
        columns[str(getattr(record, kind.FLOW))].cards.append(card)
    return Board(state.label if state is not None else kind.FLOW, list(columns.values()))


def _few(found: ViewChangeList, kind: Any) -> tuple[dict[str, int], list[int]]:
    """How many rows each status has, and the ids of its newest: rows so few are read in one query."""
    rows = found.queryset.order_by().select_related(None)
    piles = rows.values_list(kind.FLOW).annotate(pile=Count("pk"), newest=ArrayAgg("pk", order_by="-pk"))
    counts, newest = dict[str, int](), list[int]()
    for key, count, ids in piles:
        counts[key] = count
        newest += ids[:MOST_CARDS]
    return counts, newest


def _many(found: ViewChangeList, kind: Any) -> tuple[dict[str, int], list[int]]:
    """The same of any number of rows. Each status is named in its query, so that a rare one is found by its index."""
    rows = found.queryset.order_by().select_related(None)
    if _indexed(rows, kind):
        counts = _counts_by_index(rows, kind)
    else:
        counts = dict(rows.values_list(kind.FLOW).annotate(pile=Count("pk")))
    newest = [rows.filter(**{kind.FLOW: key}).order_by("-pk").values_list("pk")[:MOST_CARDS] for key in counts]
    return counts, [pk for (pk,) in newest[0].union(*newest[1:], all=True)] if newest else []


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


def _columns(
    found: ViewChangeList, name: str, known: Sequence[tuple[str, str]], counts: Mapping[str, int]
) -> dict[str, BoardColumn]:
    """A column for each status in its order; rows in one that the handbook has no more are not lost."""

    def column(key: str, label: str, address: str) -> BoardColumn:
        return BoardColumn(key, label, counts.get(key, 0), address)

    columns = {
        str(key): column(str(key), str(label), found.get_query_string({name: key, DISPLAY: None}))
        for key, label in known
    }
    gone = sorted(key for key in counts if key not in columns)
    return columns | {key: column(key, key, "") for key in gone}


def _cards(request: HttpRequest, found: ViewChangeList, newest: Sequence[int]) -> list[tuple[Any, Card]]:
    """The records of these ids, the newest first, and the card of each."""
    admin: Any = found.model_admin
    fields = [one for name in admin.board if (one := find(found.model, name)) is not None]
    # What the view's columns read along as well: the admin prepares its rows for them.
    along = admin.read_along([*fields, *admin.chosen(request).fields])
    among = found.root_queryset.select_related(*along) if along else found.root_queryset
    records = list(among.filter(pk__in=newest).order_by("-pk"))
    admin.prepare_rows(request, records)
    values = values_of(records, [one for one in fields if one.name not in admin.rich], moment(request))
    return [(record, _card(request, admin, record, fields, values)) for record in records]


def _card(
    request: HttpRequest, admin: Any, record: Any, fields: Sequence[Field], values: Mapping[str, Mapping[int, Any]]
) -> Card:
    def fact(one: Field) -> Any:
        if one.name in admin.rich:
            return getattr(admin, admin.rich[one.name])(record)
        return cell(record, one, values[one.name].get(record.pk), at=moment(request))

    name = getattr(admin, admin.rich["name"])(record) if "name" in admin.rich else str(record)
    facts = [(one.label, told) for one in fields if (told := fact(one))]
    return Card(name, admin.page_address(record.pk), facts)
