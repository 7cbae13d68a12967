"""Which field of a form a constraint of the database is about."""

from __future__ import annotations

from collections.abc import Container
from functools import reduce
from operator import or_
from typing import Any

from django.db import models


def named(kind: type[models.Model], name: str) -> models.BaseConstraint | None:
    """The constraint of that name, if the model declares one."""
    return next((one for one in kind._meta.constraints if one.name == name), None)


def field_of(kind: type[models.Model], fields: Container[str], *, message: str = "", name: str = "") -> str:
    """The first of `fields` that a constraint, known by its name or its message, is about; empty if none is."""
    for constraint in kind._meta.constraints:
        if name == constraint.name or (message and message == constraint.violation_error_message):
            about = list(getattr(constraint, "fields", ()))
            if isinstance(constraint, models.CheckConstraint):
                about = [str(leaf[0]).split("__")[0] for leaf in _leaves(constraint.condition)]
            # A generated key (`email_key`) is made of the field that was typed (`email`).
            about += [one.removesuffix("_key") for one in about]
            return next((one for one in about if one in fields), "")
    return ""


def _leaves(condition: Any) -> list[Any]:
    return [
        leaf
        for child in getattr(condition, "children", [])
        for leaf in (_leaves(child) if isinstance(child, models.Q) else [child])
    ]


def any_of(*names: str) -> models.Q:
    """The condition that at least one of these foreign keys names a record."""
    return reduce(or_, (models.Q(**{f"{name}__isnull": False}) for name in names))
