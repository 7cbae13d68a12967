"""Lists shown by a view: its columns, its conditions beside the reader's own filters, its order.

An admin that shows records by views says `class AccountAdmin(ListsMixin, …, RecordAdmin)`, and beside what
`RecordAdmin` takes:

    rich = {"name": "shown_name"}          fields with a column of the admin's own, and the method that shows it
    rich_related = {"next_touch": ("next_touch",)}      what such a column reads along
    tones = {"type": {"customer": "success"}}           fields shown on a coloured ground, and the colour by value
    board = ("company", "owner")           has a board by its flow's field, and these fields on its cards
    board_totals = totals_by_stage         what the rows of each of its columns come to
    board_asks = ("win",)                  moves whose dialog opens on the board even where nothing is missing

`rows_of(view, reader=, at=)` is the same query for whoever else goes through a view: boards, reviews, programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.db import models
from django.db.models import ExpressionWrapper, F, Q
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.urls import reverse

from crm.core.admin_list import Chip, PickFilter, RecordChangeList
from crm.core.asking import moment, user_of
from crm.core.paging import COUNT_LIMIT, capped_count
from crm.people.models import User
from crm.workspace.board import BOARD, DISPLAY, Board, Switch, asks_for_board, board_of, fill, switches_of
from crm.workspace.board_pages import LIVE, BoardPages, open_to_of
from crm.workspace.fields import Field, find
from crm.workspace.lists_chosen import VIEW, WITHOUT, Chosen, choose, kind_named, read_view
from crm.workspace.lists_columns import Column, Tones, columns_for, values_of
from crm.workspace.lists_filters import own_filters
from crm.workspace.lists_menu import Menu, menu_of
from crm.workspace.models import ListView

if TYPE_CHECKING:
    from crm.core.admin import RecordAdmin as Base
else:
    Base = object
ADDRESSED = (VIEW, WITHOUT, DISPLAY)
# What the database sorts as people would.
PLAIN = ("text", "link", "number", "money", "date", "datetime", "yes_no")


def rows_of(view: ListView, *, reader: User, at: datetime) -> models.QuerySet[Any]:
    """The rows of a view as this reader has them; a condition whose field is gone is left out."""
    found = read_view(view, reader=reader, at=at)
    rows = kind_named(view.object)._default_manager.all()
    return rows.filter(*(one.condition.rows for one in found.conditions))


class ViewChangeList(RecordChangeList):
    """A list by a view. What it is sorted by without an index is sorted only while few enough rows are left."""

    unindexed: tuple[Field, bool] | None = None
    sorted_by: tuple[str, bool] = ("", False)
    order_note = ""
    board: Board | None = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.menu: Menu = menu_of(request, self)

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in ADDRESSED}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """The rows that the reader's own filters and the view's conditions leave."""
        self.view: Chosen = self.model_admin.chosen(request)  # type: ignore[attr-defined]
        rows = super().get_queryset(request, exclude_parameters)
        # A filter of one's own by the same field stands instead of the view's.
        own = {spec.about for spec in self.filter_specs if isinstance(spec, PickFilter) and spec.picked}
        self.conditions = [one for one in self.view.in_force if one.condition.field not in own]
        return rows.filter(*(one.condition.rows for one in self.conditions)) if self.conditions else rows

    # --- order --------------------------------------------------------------------------------------------------------

    def get_ordering(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> list[Any]:
        """The order that was asked for, else the view's, where an index has it; else the list's own."""
        name, down = self._asked() or _parsed(self.view.view.sort)
        self.sorted_by, self.unindexed = ("", False), None
        field = find(self.model, name) if name else None
        if name and (columns := self._index_of(name, field)):
            self.sorted_by = (name, down)
            return [_turned(column) for column in columns] if down else list(columns)
        if field is not None and sortable(field):
            self.unindexed = (field, down)
        elif name and field is None:
            self.order_note = f"The field “{name}” that this view is sorted by is gone."
        return list(self.model_admin.get_ordering(request))

    def _asked(self) -> tuple[str, bool] | None:
        asked = self.params.get(ORDER_VAR, "").split(".")[0]
        try:
            column = self.list_display[int(asked.lstrip("-"))]
        except (IndexError, ValueError):
            return None
        return getattr(column, "__name__", str(column)), asked.startswith("-")

    def _index_of(self, name: str, field: Field | None) -> Sequence[str]:
        known: Mapping[str, Sequence[str]] = self.model_admin.sortable  # type: ignore[attr-defined]
        return known.get(name) or (field.order if field is not None else ())

    def in_order(self, request: HttpRequest, rows: models.QuerySet[Any]) -> Any:
        """Sorted by what has no index, if at most as many rows are left as are counted."""
        # A board has the newest of each status first.
        if self.unindexed is None or asks_for_board(request, self):
            return rows
        field, down = self.unindexed
        if field.arrange is not None:
            self.sorted_by = (field.name, down)
            return field.arrange(rows, down)
        count = capped_count(rows)
        if count > COUNT_LIMIT:
            self.order_note = (
                f"Sorting by {field.label} needs filters that leave at most {COUNT_LIMIT:,}"
                f" {self.opts.verbose_name_plural}: these are in the list's own order."
            )
            return rows
        self.sorted_by = (field.name, down)
        if field.column and field.values is None and field.kind in PLAIN:
            text = field.kind in ("text", "link")
            by = Lower(field.column) if text else F(field.column)
            nothing = ExpressionWrapper(Q(**{field.column: ""}), models.BooleanField())
            empty_last = [nothing.asc()] if text else []
            turned = by.desc(nulls_last=True) if down else by.asc(nulls_last=True)
            rows = rows.order_by(*empty_last, turned, "-pk")
            rows.known_count = count  # type: ignore[attr-defined]
            return rows
        return SortedRows(rows, field, down=down, at=moment(request))

    def list_before_rows(self, request: HttpRequest) -> None:
        if asks_for_board(request, self):
            self.board, self.result_list = board_of(request, self, open_to_of(request)), []  # type: ignore[assignment]
            if not hasattr(request, LIVE):
                fill(request, self, self.board)
            return
        if isinstance(self.queryset, SortedRows):
            found = self.apply_select_related(self.root_queryset).in_bulk(list(self.result_list))
            self.result_list = [found[pk] for pk in self.result_list if pk in found]  # type: ignore[assignment]
        super().list_before_rows(request)

    def get_ordering_field(self, field_name: Any) -> Any:
        return getattr(field_name, "admin_order_field", None)

    def get_ordering_field_columns(self) -> Any:
        """The column it is sorted by, as headers mark it."""
        name, down = self.sorted_by
        for place, column in enumerate(self.list_display):
            if name and getattr(column, "__name__", "") == name:
                return {place: "desc" if down else "asc"}
        return {}

    # --- what the page says about itself ------------------------------------------------------------------------------

    @property
    def chips(self) -> list[Chip]:
        """The view's conditions and the reader's own filters, each with the address of the list without it."""
        found = []
        for one in self.conditions:
            without = ",".join(sorted({*self.view.without, one.token}))
            address = self.get_query_string({WITHOUT: without})
            found.append(Chip(one.condition.title, one.condition.words, address))
        return found + super().chips

    @property
    def clear_all(self) -> str:
        """The address of the list without any filter, the view's included."""
        own = {spec.parameter_name for spec in self.filter_specs if isinstance(spec, PickFilter)}
        kept = [name for name in self.filter_params if name not in (*own, SEARCH_VAR)]
        tokens = ",".join(sorted(one.token for one in self.view.conditions))
        changed: dict[str, Any] = dict.fromkeys(name for name in self.filter_params if name not in kept)
        return self.get_query_string({**changed, WITHOUT: tokens or None})

    @property
    def switches(self) -> list[Switch]:
        """The list and the board of what is shown."""
        return switches_of(self, board=self.board is not None)

    @property
    def board_url(self) -> str:
        """Where an open board asks whether anything changed, with the same view, filters and search."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_board"
        return f"{reverse(name)}{self.get_query_string({DISPLAY: BOARD})}"

    @property
    def notes(self) -> list[str]:
        """What is gone of the view, and why the order is another one."""
        return [*self.view.notes, *([self.order_note] if self.order_note else [])]

    @property
    def changed(self) -> bool:
        """Whether the list shows something else than its view."""
        own = [spec for spec in self.filter_specs if isinstance(spec, PickFilter) and spec.picked]
        return bool(own or len(self.conditions) < len(self.view.conditions) or ORDER_VAR in self.params)


class SortedRows(list[int]):
    """The ids of rows in the order of a value that no index has: at most as many as are counted."""

    def __init__(self, rows: models.QuerySet[Any], field: Field, *, down: bool, at: datetime) -> None:
        along = [field.column] if field.column and field.kind in ("person", "record") else []
        records = list(rows.select_related(None).select_related(*along) if along else rows.select_related(None))
        values = values_of(records, [field], at)[field.name]
        labels = [key for key, _ in field.choices()] if field.choices is not None else []
        known = [pk for pk, value in values.items() if value not in (None, "")]
        known.sort(key=lambda pk: _rank(values[pk], labels), reverse=down)
        placed = set(known)
        super().__init__([*known, *(record.pk for record in records if record.pk not in placed)])

    def _clone(self) -> SortedRows:
        return self


def _rank(value: Any, labels: list[str]) -> Any:
    """What a value is sorted by: a word of a list by its place there, a name without its capitals."""
    if labels:
        return labels.index(str(value)) if str(value) in labels else len(labels)
    if isinstance(value, int | float) or hasattr(value, "toordinal") or hasattr(value, "as_tuple"):
        return value
    return str(value).lower()


def sortable(field: Field) -> bool:
    """Whether rows can be put in the order of a field at all."""
    return bool(field.values or field.column or field.kept_as or field.arrange)


def _parsed(sort: str) -> tuple[str, bool]:
    return sort.removeprefix("-"), sort.startswith("-")


def _turned(column: str) -> str:
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"


class ListsMixin(BoardPages, Base):
    """The list of an admin, shown by the view that the address or the reader's tab names."""

    rich: ClassVar[Mapping[str, str]] = {}
    rich_related: ClassVar[Mapping[str, Sequence[str]]] = {}
    tones: ClassVar[Mapping[str, Tones]] = {}
    board: ClassVar[Sequence[str]] = ()
    # Given rows and now, the `Total` of each status.
    board_totals: ClassVar[Any] = None
    board_asks: ClassVar[Sequence[str]] = ()

    def chosen(self, request: HttpRequest) -> Chosen:
        """The view of this request, read once."""
        known: dict[Any, Chosen] = request.__dict__.setdefault("chosen_views", {})
        if self.model not in known:
            known[self.model] = choose(request, self.model)
        return known[self.model]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return ViewChangeList

    def columns(self, request: HttpRequest) -> list[Column]:
        """The columns of this request, made once: Django knows them by what they are."""
        known: dict[Any, list[Column]] = request.__dict__.setdefault("view_columns", {})
        if self.model not in known:
            fields = self.chosen(request).fields
            known[self.model] = columns_for(self, fields, sortable=self._may_sort, at=moment(request))
        return known[self.model]

    def _may_sort(self, field: Field) -> bool:
        return field.name in self.sortable or sortable(field)

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.columns(request)

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return self.columns(request)[:1]

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return self.columns(request)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """What the columns of the view read along, and nothing else."""
        return self.read_along(self.chosen(request).fields) or False

    def read_along(self, fields: Sequence[Field]) -> list[str]:
        """The records beside a row that these fields are shown with."""
        found: list[str] = []
        for field in fields:
            if field.name in self.rich:
                found.extend(self.rich_related.get(field.name, ()))
            elif field.kind in ("person", "record") and field.column and field.values is None:
                found.append(field.column)
        return found

    def get_list_filter(self, request: HttpRequest) -> Any:
        return (*self.filters, *own_filters(self.model))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if lookup in {one.parameter_name for one in own_filters(self.model)}:
            return True
        return super().lookup_allowed(lookup, value, request)

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """The values of every column for the rows of this page, each in one query at most."""
        super().prepare_rows(request, rows)
        fields = [field for field in self.chosen(request).fields if field.name not in self.rich]
        values = values_of(rows, fields, moment(request))
        for row in rows:
            row.listed = {name: found.get(row.pk) for name, found in values.items()}

    def view_conditions(self, request: HttpRequest, found: ViewChangeList) -> list[dict[str, Any]]:
        """What the list shows now, as a view would keep it: its conditions in force, and the reader's filters."""
        own = [spec for spec in found.filter_specs if isinstance(spec, PickFilter) and spec.picked]
        return [dict(one.stored) for one in found.conditions] + [one for spec in own for one in spec.as_conditions()]

    def may_export(self, request: HttpRequest) -> bool:
        """Whether this person may take the rows of the list away in a file."""
        from crm.core.permissions import may

        return "export" in getattr(self, "bulk", ()) and may(user_of(request), "export", self.model)
