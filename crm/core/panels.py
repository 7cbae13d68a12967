"""Panels on a record's page that a higher layer adds: it registers them here, since imports point one way.

@panel(Account, Contact)
def receipts(request, record): return render_to_string("leads/receipts.html", {...}, request)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import models
from django.http import HttpRequest

# An empty string means that there is nothing to show for this record.
Panel = Callable[[HttpRequest, Any], str]
P = TypeVar("P", bound=Panel)
_panels: dict[type[models.Model], list[Panel]] = defaultdict(list)


def panel(*kinds: type[models.Model]) -> Callable[[P], P]:
    """Show what this function renders on the pages of these kinds of record, in the order of registration."""

    def register(function: P) -> P:
        for kind in kinds:
            _panels[kind].append(function)
        return function

    return register


def panels_of(request: HttpRequest, record: models.Model) -> list[str]:
    """What the higher layers show on this record's page."""
    return [shown for render in _panels.get(type(record), ()) if (shown := render(request, record))]
