"""Which rows a list was asked about: those that were ticked, or all that its filters and its search leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest, QueryDict

from crm.core.errors import Refused
from crm.core.text import whole_number

IDS, ALL = "ids", "all"
OWN = (IDS, ALL, "verb")
MOST_TICKED = 500  # what a list can have on one page, and an address can carry


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows, how many they are, in words which, and the list they were selected on."""

    rows: models.QuerySet[Any]
    count: int
    words: str
    list_query: str


def read_selection(request: HttpRequest, model_admin: Any) -> Selection:
    """The selection that an address asks for: `ids`, or `all` with the list's own filters.

    Raises:
        Refused: `no_selection`, `too_many`, or `bad_filter` for a filter the list does not have.
    """
    asked = request.GET.copy()
    ours = {name: asked.pop(name, []) for name in OWN}
    query = asked.urlencode()
    if ours[ALL]:
        return _all_that_match(request, model_admin, asked, query)
    ids = {whole_number(text) for given in ours[IDS] for text in given.split(",")} - {None}
    if len(ids) > MOST_TICKED:
        raise Refused("too_many", f"{MOST_TICKED} rows at most are ticked one by one. Select all that match instead.")
    rows = model_admin.model._base_manager.filter(pk__in=ids)
    count = rows.count()
    if not count:
        raise Refused("no_selection", "Nothing was selected, or it is no longer there.")
    return Selection(rows, count, f"{count:,} selected on the list", query)


def in_list_order(request: HttpRequest, model_admin: Any, selection: Selection) -> models.QuerySet[Any] | list[int]:
    """The selected rows as the list has them in order: a query, or their ids where no query puts them in order."""
    with _reading(request, QueryDict(selection.list_query)):
        changes = model_admin.get_changelist_instance(request)
        order = changes.get_queryset(request).query.order_by
        found = changes.in_order(request, selection.rows.order_by(*order))
    return list(found) if isinstance(found, list) else found


@contextmanager
def _reading(request: HttpRequest, query: QueryDict) -> Iterator[None]:
    """Give the list the address that it has itself: it reads its filters and its order from it."""
    before = request.GET
    request.GET = query  # type: ignore[assignment]
    try:
        yield
    except (DisallowedModelAdminLookup, IncorrectLookupParameters) as error:
        raise Refused("bad_filter", "The list has no such filter. Select again.") from error
    finally:
        request.GET = before


def _all_that_match(request: HttpRequest, model_admin: Any, asked: QueryDict, query: str) -> Selection:
    with _reading(request, asked):
        changes = model_admin.get_changelist_instance(request)
        found = changes.get_queryset(request).order_by()
        chips = [f"{chip.title}: {chip.value}" for chip in changes.chips]
    # The bare rows: what the list shows beside them would be fetched and counted with them.
    rows = model_admin.model._base_manager.filter(pk__in=found.values("pk")) if chips else found.select_related(None)
    count = rows.count()
    if not count:
        raise Refused("no_selection", "No row matches the list's filters.")
    filters = "; ".join(chips) if chips else "no filter: every row there is"
    return Selection(rows, count, f"All {count:,} that match ({filters})", query)
