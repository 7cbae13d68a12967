"""Lists of related records on a record's page: the newest few, how many there are, and where the rest is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from crm.core.admin_list import OneFilter
from crm.core.paging import capped_count, count_words
from crm.core.text import whole_number

SHOWN = 10
Column = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One related record: where its page is, and its columns in words."""

    address: str
    cells: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Related:
    """A list of related records as a page shows it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Row]
    count: str
    more: str
    add: str
    noun: str


def related(
    rows: models.QuerySet[Any], columns: Sequence[Column], *, by: dict[str, Any], may_add: bool = False
) -> Related:
    """The newest few of `rows`; `by` is the filter of their own list, and what a new one starts with.

    One query, and one more to count them when they are more than fit.
    """
    meta = rows.model._meta
    name = f"admin:{meta.app_label}_{meta.model_name}"
    found = list(rows[: SHOWN + 1])
    count = capped_count(rows) if len(found) > SHOWN else len(found)
    query = urlencode(by)
    return Related(
        str(capfirst(meta.verbose_name_plural)),
        [head for head, _ in columns],
        [Row(reverse(f"{name}_change", args=[row.pk]), [value(row) for _, value in columns]) for row in found[:SHOWN]],
        count_words(count),
        f"{reverse(f'{name}_changelist')}?{query}" if count > SHOWN else "",
        f"{reverse(f'{name}_add')}?{query}" if may_add else "",
        str(meta.verbose_name),
    )


def of_record(parameter: str, kind: type[models.Model]) -> type[OneFilter]:
    """A filter by one record of a kind that is too many to choose from: it comes by a link from that record's page."""

    class OfRecord(OneFilter):
        def options(self, request: HttpRequest) -> list[tuple[str, str]]:
            asked = request.GET.get(parameter, "")
            if whole_number(asked) is None:
                return []
            found = kind._default_manager.filter(pk=asked).first()
            return [(asked, str(found))] if found else []

        def has_output(self) -> bool:
            return bool(self.picked)

    OfRecord.title, OfRecord.parameter_name = str(kind._meta.verbose_name), parameter
    return OfRecord
