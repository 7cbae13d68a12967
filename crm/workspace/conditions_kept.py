"""Conditions on fields of the company's own, whose values lie as text among those that an import keeps."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Lower
from django.db.models.lookups import Exact, GreaterThanOrEqual, IContains, In, IsNull, LessThanOrEqual, Regex

from crm.workspace.fields import Field

NUMBER = r"^\s*-?\d{1,15}(\.\d{1,6})?\s*$"
DAY = r"^\d{4}-\d\d-\d\d$"
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


def kept_rows(field: Field, operator: str, values: list[Any]) -> Q:
    """The rows of a condition; a value that does not have the form of its type is neither more nor less."""
    text = kept_text(field.kept_as)
    if operator in ("empty", "not_empty"):
        empty = Q(Exact(text, Value("")))
        return empty if operator == "empty" else ~empty
    if operator == "contains":
        return Q(IContains(text, Value(str(values[0]))))
    if field.kind == "yes_no":
        words = [word for value in values for word in (YES if value == "yes" else NO)]
        return Q(In(Lower(text), words))
    if operator in ("is", "is_not"):
        if field.kind == "number":
            found = Q(In(_number(text), values))
            return found if operator == "is" else Q(IsNull(_number(text), True)) | ~found
        words = [_written(value).lower() for value in values]
        found = Q(In(Lower(text), words))
        return found if operator == "is" else ~found
    compare = GreaterThanOrEqual if operator == "at_least" else LessThanOrEqual
    if field.kind == "number":
        return Q(compare(_number(text), Value(values[0])))
    return Q(Regex(text, Value(DAY))) & Q(compare(text, Value(_written(values[0]))))


def kept_text(key: str) -> Any:
    """The kept value under a key as text; empty where there is none. The key is a parameter, whatever is in it."""
    text = models.TextField()
    found = Func(F("kept"), Value(key, text), template="(%(expressions)s)", arg_joiner=" ->> ", output_field=text)
    return Coalesce(found, Value(""), output_field=text)


def _number(text: Any) -> Any:
    decimal = models.DecimalField(max_digits=30, decimal_places=6)
    return Case(When(Q(Regex(text, Value(NUMBER))), then=Cast(text, decimal)), default=None, output_field=decimal)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
