"""A resource's own view, asked without a request: who sends, with which scopes, and when, is all that it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm.core.api.problems import Problem, problem_of

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet
    from crm.people.models import User


@dataclass(frozen=True, slots=True)
class Scoped:
    """What a key may do."""

    scopes: Collection[str]


@dataclass(frozen=True, slots=True)
class Asker:
    """What a view asks of a request."""

    user: User
    auth: Scoped
    method: str = "POST"
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query_params: Mapping[str, str] = field(default_factory=dict)


def view_for(kind: type[RecordViewSet], *, actor: User, scopes: Collection[str], at: datetime) -> RecordViewSet:
    """The view as this sender would have it in a request of theirs."""
    view = kind()
    asked: Any = Asker(actor, Scoped(frozenset(scopes)))
    view.request, view.args, view.kwargs, view.format_kwarg = asked, (), {}, None
    view.__dict__["at"] = at
    return view


def problem_for(error: Exception, view: RecordViewSet) -> Problem | None:
    """What a request would be told of this error, with fields by their names in the API; None for a fault of ours."""
    found = problem_of(error)
    if found is not None and not isinstance(error, Problem):
        name_of = view.serializer_class.name_of
        found.errors = [replace(flaw, field=name_of(flaw.field)) if flaw.field else flaw for flaw in found.errors]
    return found
