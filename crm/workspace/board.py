"""The board of a list: its rows by status or stage, a column for each, whatever came last as the first card.

A board is another display of the same list at the same address (`?display=board`): its rows are those that the view,
the reader's filters and the search leave. It is outlined first (which rows, in which versions), which tells whether
anything is to be drawn anew; then its cards are filled in. Cards are moved by `board_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from crm import handbook
from crm.core.asking import moment
from crm.core.display import plain_text
from crm.core.paging import COUNT_LIMIT, count_words
from crm.workspace.board_rows import MOST_CARDS, MOST_OPEN, Place, Row, shown_rows
from crm.workspace.fields import Field, find
from crm.workspace.lists_columns import cell, values_of

if TYPE_CHECKING:
    from crm.workspace.lists import ViewChangeList

DISPLAY, BOARD = "display", "board"


@dataclass(slots=True)
class Total:
    """What the rows of a column come to: `worth` in the company's currency; `apart` what has no rate, by currency,
    and is never added; `without` how many have no amount."""

    currency: str = ""
    count: int = 0
    worth: Decimal = Decimal(0)
    apart: dict[str, Decimal] = field(default_factory=dict)
    without: int = 0

    @property
    def worth_words(self) -> str:
        """The sum, to the whole unit where it is one."""
        return f"{amount_words(self.worth)} {self.currency}"

    @property
    def apart_words(self) -> str:
        """What could not be added, and how many have no amount."""
        said = [f"{amount_words(amount)} {name}, no rate" for name, amount in sorted(self.apart.items())]
        return "; ".join([*said, *([f"{self.without:,} without an amount"] if self.without else [])])


@dataclass(frozen=True, slots=True)
class Card:
    """One record: its name and page, and what the admin's `board` names, without what is empty."""

    name: str
    address: str
    facts: Sequence[tuple[str, Any]]
    pk: int = 0
    version: int = 0
    place: str = ""


@dataclass(slots=True)
class BoardColumn:
    """One status: how many rows it has, and where the list shows them all; no address for a word that is gone."""

    key: str
    label: str
    count: int
    address: str
    total: Total | None = None
    cards: list[Card] = field(default_factory=list)

    @property
    def count_words(self) -> str:
        """How many rows it has, as lists say it; to the last one where all were added up."""
        return f"{self.count:,}" if self.total is not None else count_words(self.count)

    @property
    def next_page(self) -> int:
        """How many cards the next page has; none beyond what is kept up to date."""
        return 0 if len(self.cards) >= MOST_OPEN else max(0, min(MOST_CARDS, self.count - len(self.cards)))


@dataclass(slots=True)
class Board:
    """The columns, and the field they are the values of; `rows` are those that are shown, in their versions."""

    title: str
    by_key: dict[str, BoardColumn]
    rows: Sequence[Row]

    @property
    def columns(self) -> list[BoardColumn]:
        """The columns in their order."""
        return list(self.by_key.values())

    @property
    def count_words(self) -> str:
        """How many rows all columns have; empty where not all were counted."""
        known = all(one.total is not None for one in self.columns)
        return f"{sum(one.count for one in self.columns):,}" if known else ""

    @property
    def digest(self) -> str:
        """Another one whenever a row came, went or was changed, or a column has other figures."""
        figures = [(one.key, one.count, one.total) for one in self.columns]
        return sha256(repr((figures, self.rows)).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Switch:
    """One way to display a list, and the address that does it with the same view, filters and search."""

    label: str
    address: str
    current: bool


def amount_words(amount: Decimal) -> str:
    """An amount by thousands, with cents only where there are some."""
    return plain_text(amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount)


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


def board_of(request: HttpRequest, found: ViewChangeList, open_to: Mapping[str, Place] | None = None) -> Board:
    """The outline of the board of the rows that a list has left, in as many queries for many statuses as for few."""
    kind: Any = found.model
    admin: Any = found.model_admin
    state = find(kind, kind.FLOW)
    known = list(state.choices()) if state is not None and state.choices is not None else []
    totals: Mapping[str, Total] | None = None
    if admin.board_totals is not None:
        totals = admin.board_totals(found.queryset.order_by().select_related(None), moment(request))
    few = found.result_count <= COUNT_LIMIT
    exact = {key: one.count for key, one in totals.items()} if totals is not None else None
    counts, rows = shown_rows(found.queryset, kind, few=few, open_to=open_to or {}, counts=exact)
    columns = _columns(found, kind.FLOW, known, counts)
    for key, column in columns.items():
        if totals is not None:
            column.total = totals.get(key, Total(currency=handbook.current().company.currency))
    return Board(state.label if state is not None else kind.FLOW, columns, rows)


def fill(request: HttpRequest, found: ViewChangeList, board: Board) -> None:
    """Put the cards of its rows into their columns."""
    for key, card in cards_of(request, found, board.rows):
        if key in board.by_key:
            board.by_key[key].cards.append(card)


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


def cards_of(request: HttpRequest, found: ViewChangeList, rows: Sequence[Row]) -> list[tuple[str, Card]]:
    """The status and the card of each of these rows, in their order; one that was deleted meanwhile is left out."""
    admin: Any = found.model_admin
    fields = [one for name in admin.board if (one := find(found.model, name)) is not None]
    # What the view's columns read along as well: the admin prepares its rows for them.
    along = admin.read_along([*fields, *admin.chosen(request).fields])
    among = found.root_queryset.select_related(*along) if along else found.root_queryset
    read = among.in_bulk([row.pk for row in rows])
    records = [read[row.pk] for row in rows if row.pk in read]
    admin.prepare_rows(request, records)
    values = values_of(records, [one for one in fields if one.name not in admin.rich], moment(request))
    return [(record.current_state, _card(request, admin, record, fields, values)) for record in records]


def _card(
    request: HttpRequest, admin: Any, record: Any, fields: Sequence[Field], values: Mapping[str, Mapping[int, Any]]
) -> Card:
    def fact(one: Field) -> Any:
        if one.name in admin.rich:
            return getattr(admin, admin.rich[one.name])(record)
        return cell(record, one, values[one.name].get(record.pk), at=moment(request))

    name = getattr(admin, admin.rich["name"])(record) if "name" in admin.rich else str(record)
    facts = [(one.label, told) for one in fields if (told := fact(one))]
    place = Place(getattr(record, f"{record.FLOW}_since"), record.pk)
    return Card(name, admin.page_address(record.pk), facts, record.pk, record.version, str(place))
