"""System checks about keys and what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from crm.core.api.scopes import declared_right
from crm.sync.models import ApiKey
from crm.sync.scopes import kind_of, scopes


@register(Tags.urls)
def check_resources(**kwargs: Any) -> list[CheckMessage]:
    """sync.E001: whether a key's user may do what a scope says is asked about a kind of record, so there is one; or it
    was declared."""
    asking = [name for name in scopes() if declared_right(name) is None]
    unknown = sorted({name.partition(":")[0] for name in asking} - {""})
    return [
        Error(
            f"The scopes of “{name}” are about no kind of record.",
            hint="Call it by the plural of its model, as in declare_scopes('leads', ...), or declare_right of each.",
            id="sync.E001",
        )
        for name in unknown
        if kind_of(name) is None
    ]


@register(Tags.database)
def check_stored_scopes(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """sync.W001: a key in use has a scope that no resource declares any more, and which lets it do nothing."""
    if not databases:
        return []
    try:
        rows = list(ApiKey.objects.filter(revoked_at=None).values_list("name", "scopes"))
    except DatabaseError:  # before the first migration
        return []
    known = set(scopes())
    return [
        Warning(f"The API key “{name}” has scopes that mean nothing: {', '.join(gone)}.", id="sync.W001")
        for name, held in rows
        if (gone := sorted(set(held) - known))
    ]
