"""Lists that stay quick at a million rows: capped counts, indexed orders, filters that never scan for their choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.db import models
from django.http import HttpRequest
from django.utils.text import capfirst
from unfold.contrib.filters.admin import MultipleDropdownFilter
from unfold.views import ChangeList

from crm.core.paging import COUNT_LIMIT, DEEPEST_PAGE, capped_count, count_words, found_once

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList as BaseChangeList
else:
    BaseChangeList = ChangeList


class TooShort(Exception):
    """A search term that no index serves; the message says what to type instead."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter as the list shows it, with the address that clears it."""

    title: str
    value: str
    without: str


class RecordChangeList(BaseChangeList):
    """A list of records: 50 a page, at most `DEEPEST_PAGE` pages, ordered only as an index orders."""

    too_deep = False

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.title = self.model_admin.list_title or str(capfirst(self.opts.verbose_name_plural))  # type: ignore[attr-defined]
        self.note: str = getattr(request, "search_note", "")
        self.may_add = self.model_admin.has_add_permission(request)

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, or the last one; beyond the deepest one, nothing but the advice to narrow the filter."""
        asked = self.page_num
        if self.query:
            self.queryset = found_once(self.queryset, self.apply_select_related(self.root_queryset))
        self.queryset = self.in_order(request, self.queryset)
        super().get_results(request)
        self.too_deep = asked > DEEPEST_PAGE and self.result_count > COUNT_LIMIT
        # The rows were not fetched yet.
        if self.too_deep:
            self.result_list = self.root_queryset.none()
        else:
            self.page_num = min(asked, self.paginator.num_pages)
        self.list_before_rows(request)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """This list's address with other parameters; those to remove by their whole names, not by how they begin."""
        return super().get_query_string({**dict.fromkeys(remove or ()), **(new_params or {})})

    def in_order(self, request: HttpRequest, rows: models.QuerySet[Any]) -> Any:
        """The rows of all pages in an order that no index has; by itself a list has none."""
        return rows

    def get_filters_params(self, params: Any = None) -> Any:
        """The filters in the address; where its link was found is none."""
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if not name.startswith("utm_")}

    def list_before_rows(self, request: HttpRequest) -> None:
        """Let the admin fetch, for the ids of this page only, what its columns show beside the rows."""
        self.result_list = list(self.result_list)  # type: ignore[assignment]
        self.model_admin.prepare_rows(request, self.result_list)  # type: ignore[attr-defined]

    def get_ordering(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> list[Any]:
        """One column at a time, in the very order of its index, forwards or backwards."""
        sortable: dict[str, Sequence[str]] = self.model_admin.sortable  # type: ignore[attr-defined]
        asked = self.params.get(ORDER_VAR, "").split(".")[0]
        try:
            columns = sortable[str(self.list_display[int(asked.lstrip("-"))])]
        except (KeyError, IndexError, ValueError):
            return list(self.model_admin.get_ordering(request))
        return [_reversed(column) for column in columns] if asked.startswith("-") else list(columns)

    def get_ordering_field(self, field_name: Any) -> Any:
        """The first column of the index that orders by this one; None where there is none."""
        return next(iter(self.model_admin.sortable.get(str(field_name), ())), None)  # type: ignore[attr-defined]

    # --- what the page says about itself ------------------------------------------------------------------------------

    @property
    def chips(self) -> list[Chip]:
        """The filters in force, each with the address of the list without it."""
        found = [
            Chip(spec.title, spec.spoken(), self.get_query_string(remove=[spec.parameter_name]))
            for spec in self.filter_specs
            if isinstance(spec, PickFilter) and spec.picked
        ]
        if self.query:
            found.append(Chip("Search", self.query, self.get_query_string(remove=[SEARCH_VAR])))
        return found

    @property
    def clear_all(self) -> str:
        """The address of the list without any filter."""
        return "?"

    @property
    def notes(self) -> list[str]:
        """What the page says about itself before its rows."""
        return []

    @property
    def count_words(self) -> str:
        """How many rows the filters leave."""
        return count_words(self.result_count)

    @property
    def hidden_words(self) -> str:
        """How many rows the filters hide, so that nobody takes a filtered list for all there is."""
        if self.result_count > COUNT_LIMIT:
            return ""
        everything = capped_count(self.root_queryset)
        hidden = everything - self.result_count
        return "more than 10,000" if everything > COUNT_LIMIT else f"{hidden:,}"

    @property
    def at_the_end(self) -> bool:
        """Whether there are more rows than pages."""
        return self.too_deep or (self.page_num == DEEPEST_PAGE and self.result_count > COUNT_LIMIT)


def _reversed(column: str) -> str:
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"


class PickFilter(MultipleDropdownFilter):  # type: ignore[misc]
    """A filter by one or several of known values: `parameter_name` in the address, `column` in the table.

    `options` gives the values, from the handbook or a small table; never from the list itself.
    """

    column = ""
    # The field of the record it is about, where that is called otherwise.
    field = ""

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Value and label of each choice."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """The field of the record that it filters by."""
        return self.field or self.column or str(self.parameter_name)

    def as_conditions(self) -> list[dict[str, Any]]:
        """What is picked, as a list view keeps it."""
        return [{"field": self.about, "operator": "is", "values": self.picked}]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        """The rows that the picked values mean."""
        return models.Q(**{f"{self.column or self.parameter_name}__in": picked})

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Value and label of each choice."""
        return self.options(request)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The form of this filter, headed by its title alone: a label that begins with a capital stays one."""
        for one in super().choices(changelist):
            one["form"].fields[self.parameter_name].label = str(capfirst(self.title))
            yield one

    @property
    def picked(self) -> list[str]:
        """The values in the address."""
        return [value for value in self.used_parameters.get(self.parameter_name, []) if value]

    def spoken(self) -> str:
        """The picked values in words."""
        labels = {str(key): str(label) for key, label in self.lookup_choices}
        return " or ".join(labels.get(value, value) for value in self.picked)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The rows that match.

        Raises:
            IncorrectLookupParameters: for a value that is no choice; it must not mean "everything".
        """
        known = {str(key) for key, _ in self.lookup_choices}
        unknown = [value for value in self.picked if value not in known]
        if unknown:
            messages.warning(request, f"{capfirst(self.title)} has no “{unknown[0]}”: the list is shown unfiltered.")
            raise IncorrectLookupParameters
        return queryset.filter(self.condition(request, self.picked)) if self.picked else queryset


class OneFilter(PickFilter):
    """A filter by exactly one of known values."""

    multiple = False

    def value(self) -> Any:
        return next(iter(self.picked), None)


def pick(title: str, parameter: str, options: Any, *, column: str = "") -> type[PickFilter]:
    """A filter by values that a function lists: `pick("rating", "rating", rating_choices)`."""

    class Picked(PickFilter):
        def options(self, request: HttpRequest) -> list[tuple[str, str]]:
            return list(options())

    Picked.title, Picked.parameter_name, Picked.column = title, parameter, column
    return Picked


class OwnerFilter(PickFilter):
    """By owner: me, nobody, or a colleague."""

    title = "owner"
    parameter_name = "owner"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        from django.contrib.auth import get_user_model

        people: Any = get_user_model()._default_manager
        others = people.active_people().exclude(pk=request.user.pk)
        return [("me", "Me"), ("none", "Nobody"), *((str(person.pk), str(person)) for person in others)]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        name = self.column or "owner"
        ids = [request.user.pk if value == "me" else int(value) for value in picked if value != "none"]
        wanted = models.Q(**{f"{name}__in": ids}) if ids else models.Q()
        return wanted | models.Q(**{f"{name}__isnull": True}) if "none" in picked else wanted

    def as_conditions(self) -> list[dict[str, Any]]:
        values = ["nobody" if value == "none" else value for value in self.picked]
        return [{"field": self.about, "operator": "is", "values": values}]
