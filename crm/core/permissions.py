"""One function answers who may do what: `may(user, verb, record)`. Denied unless a policy allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from django.db import models

if TYPE_CHECKING:
    from crm.people.models import User

# A policy answers for one model: `record` is None when the question is about records in general.
Policy = Callable[["User", str, models.Model | None], bool]
P = TypeVar("P", bound=Policy)
_policies: dict[type[models.Model], Policy] = {}


def policy(*kinds: type[models.Model]) -> Callable[[P], P]:
    """Register the function that answers for these models.

    Raises:
        ValueError: when one has a policy already; two answers would be one too many.
    """

    def register(function: P) -> P:
        for kind in kinds:
            if kind in _policies:
                raise ValueError(f"{kind.__name__} has a policy already")
            _policies[kind] = function
        return function

    return register


def may(user: User, verb: str, record: models.Model | type[models.Model]) -> bool:
    """Whether `user` may do `verb` (view, add, change, delete, place, or a move's verb) to a record or its kind.

    Admin, API, templates and the door all ask here. An inactive user may nothing; a model without a policy is denied.
    """
    if not user.is_authenticated or not user.is_active:
        return False
    kind = record if isinstance(record, type) else type(record)
    answer = _policies.get(kind._meta.concrete_model or kind)
    return bool(answer and answer(user, verb, None if isinstance(record, type) else record))


def has_policy(kind: type[models.Model]) -> bool:
    """Whether a policy answers for this model."""
    return kind in _policies
