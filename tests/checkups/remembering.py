"""Pages that are rendered again only when something that they read has changed: what else is looked at is fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from django.db import connection

from crm import handbook
from crm.checkups.presentation import rendering, showing
from crm.checkups.presentation.rendering import Answer
from crm.core import permissions
from crm.people.models import User

Query = tuple[str, Any]


class Known(NamedTuple):
    """A page as it was, every question it asked the database, and the answers it got."""

    page: Answer
    asked: list[Query]
    answers: list[Any]


class Remembered:
    """Renders pages in place of `showing.show`.

    What a view renders follows from what it reads. So where the database gives every answer that it gave before, and
    policies and handbook are the same, the page is the same, and is not rendered again.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], Known] = {}
        self.beside = self._beside()
        self.rendered = 0

    def __call__(self, address: str, person: User, *, at: datetime) -> Answer:
        found = self.known.get((address, person.pk))
        if found and self._beside() == self.beside and _answers(found.asked) == found.answers:
            return found.page
        self.rendered += 1
        with _asking() as asked:
            page = rendering.show(address, person, at=at)
        if found is None:
            self.known[address, person.pk] = Known(page, asked, _answers(asked))
        return page

    def _beside(self) -> Any:
        return handbook.current(), dict(permissions._policies)


@contextmanager
def remembering(remembered: Remembered) -> Iterator[None]:
    """Let looks ask `remembered` for their pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showing, "show", remembered)
        yield


@contextmanager
def _asking() -> Iterator[list[Query]]:
    """What is read from the database meanwhile."""
    asked: list[Query] = []

    def note(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if str(sql).lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield asked


def _answers(asked: list[Query]) -> list[Any]:
    found = []
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(sql, params)
            found.append(cursor.fetchall())
    return found
