"""Migrating an empty database for tests: the same statements, in half the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.migrations.operations.models import IndexOperation
from django.db.migrations.state import ProjectState


@contextmanager
def at_ease() -> Iterator[None]:
    """Do not make all models anew for each index, constraint and trigger.

    A migration has the project as it was at each step as model classes. Django makes those of a model, and of all that
    it is related to, again for whatever changes about it. Most changes here are of indexes, constraints and triggers,
    and no statement of a migration follows from whether the classes know of these; only a field that loses its index
    does so before another one on its column is added, which would go with it.
    """

    def reload_nothing(self: ProjectState, *args: Any, **kwargs: Any) -> None:
        pass

    def quietly(change: Callable[..., None]) -> Callable[..., None]:
        def changed(*args: Any) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ProjectState, "reload_model", reload_nothing)
                change(*args)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for kind in IndexOperation.__subclasses__():
            patch.setattr(kind, "state_forwards", quietly(kind.state_forwards))
        yield
