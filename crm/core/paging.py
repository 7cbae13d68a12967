"""Pages of long lists: counted only so far, and only so deep, because both cost more the further they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    Base = Paginator[Any]
else:
    Base = Paginator

COUNT_LIMIT = 10_000
DEEPEST_PAGE = 200


def capped_count(rows: Any) -> int:
    """How many rows there are; `COUNT_LIMIT + 1` stands for any number above the limit."""
    if isinstance(rows, list | tuple):
        return len(rows)
    if hasattr(rows, "known_count"):
        return int(rows.known_count)
    # The rows are only counted: their columns and their order would cost a sort or a fetch of each.
    return int(rows.order_by().values("pk")[: COUNT_LIMIT + 1].count())


def found_once(rows: Any, among: Any) -> Any:
    """The same rows, found and counted by one query: rows of `among`, in the order of `rows`.

    For what is costly to find, as by pieces of words: it would be looked for to be counted, and again for the page.
    """
    ids = list(rows.order_by().values_list("pk", flat=True)[: COUNT_LIMIT + 1])
    if len(ids) <= COUNT_LIMIT:
        rows = among.filter(pk__in=ids).order_by(*rows.query.order_by)
    rows.known_count = len(ids)
    return rows


def count_words(count: int) -> str:
    """A capped count in words: "10,000+" beyond the limit."""
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


class CappedPaginator(Base):
    """A paginator that stops counting at `COUNT_LIMIT` and has at most `DEEPEST_PAGE` pages."""

    template_name = "admin/plumb/pagination.html"

    @cached_property
    def count(self) -> int:
        """How many rows there are, as far as anybody needs to know."""
        return capped_count(self.object_list)

    @cached_property
    def num_pages(self) -> int:
        """Never more than somebody would turn; what lies deeper is found by a filter."""
        return min(super().num_pages, DEEPEST_PAGE)

    def page(self, number: Any) -> Any:
        """The page of that number, or the last one: a list may have become shorter since its link was made."""
        return super().page(min(number, self.num_pages) if isinstance(number, int) else number)

    @property
    def count_words(self) -> str:
        """The count as the page says it."""
        return count_words(self.count)
