"""Which field of a form a constraint of the database is about, and what it says of a record."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


class SayingCheck(models.CheckConstraint):
    """A check that says what is wrong with a record by its own values; migrations know it as any other check."""

    def __init__(self, *, said: Callable[[Any], str] | None = None, **kwargs: Any) -> None:
        self.said = said
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        """As a plain check: what it says is no matter of the database."""
        _, args, kwargs = super().deconstruct()
        return "django.db.models.CheckConstraint", args, kwargs

    def clone(self) -> Any:
        """A copy with its sentence: Django copies what a model declares."""
        _, args, kwargs = self.deconstruct()
        return type(self)(*args, said=self.said, **kwargs)

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """As any check. Raises `ValidationError` with the sentence about this record."""
        try:
            super().validate(model, instance, exclude=exclude, using=using)
        except ValidationError as error:
            raise ValidationError(sentence_of(self, instance), params={"constraint": self.name}) from error


def sentence_of(constraint: models.BaseConstraint, record: models.Model) -> str:
    """What a constraint says of a record that it does not hold for."""
    said = getattr(constraint, "said", None)
    return (said(record) if said else "") or str(constraint.violation_error_message)


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
