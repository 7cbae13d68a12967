"""From pydantic's errors to problems: the same findings in the words of the person who wrote the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crm.handbook.problems import Place, guess, one_of, written_value

# What pydantic calls a wrong type or size, and what has to be there instead; the limits come from the error.
ALLOWED = {
    "bool_type": "true or false, without quotes",
    "date_type": "a date, without quotes, as 2026-01-31",
    "date_from_datetime_inexact": "a date without a time, as 2026-01-31",
    "dict_type": "a table",
    "model_type": "a table",
    "int_type": "a whole number, without quotes",
    "string_type": "text in quotes",
    "tuple_type": "a list, in square brackets",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge} up",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "string_too_short": "text of at least {min_length} character",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "a list of at least {min_length}",
}
PATTERNS = {
    "^[a-z][a-z0-9_]*$": "small letters, digits and underscores, beginning with a letter",
    "^[A-Z][A-Za-z0-9]{1,11}$": "an acronym of two to twelve letters and digits, beginning with a capital",
    r"^[a-z_]+(\.[a-z_]+)?$": 'the place of a list of this file, as "lead.sources"',
    r"^-?[a-z][a-z0-9_]*$": "the name of a column, with a minus in front to sort downwards",
}

Found = tuple[Place, str, str]


def structural(model: type[BaseModel], error: ValidationError) -> Iterator[Found]:
    """Place, what was found and what is allowed, for everything pydantic refused."""
    details = [(_place(one), one) for one in error.errors(include_url=False)]
    unknown = {place for place, one in details if one["type"] == "extra_forbidden"}
    meant = {(*place[:-1], guess(place[-1], _names(model, place[:-1]))) for place in unknown}
    for place, one in details:
        if one["type"] == "extra_forbidden":
            yield place, "a name that is not known here", one_of(_names(model, place[:-1]), place[-1])
        # A list that is long enough is only short of what is wrong in it: that is said already.
        elif one["type"] == "too_short" and len(one["input"]) >= one["ctx"]["min_length"]:
            continue
        # A misspelt key is one mistake: that the right one is missing is not said again.
        elif one["type"] != "missing":
            yield place, written_value(one["input"]), _allowed(one)
        elif place not in meant:
            yield place, "nothing", "it has to be given"


def _place(one: ErrorDetails) -> Place:
    """Pydantic marks an error in the key of a map by one more part, which is no place in the file."""
    return tuple(part for part in one["loc"] if part != "[key]")


def _allowed(one: ErrorDetails) -> str:
    context: dict[str, Any] = one.get("ctx", {})
    if one["type"] == "value_error":
        return f"allowed: {context['error']}"
    if one["type"] == "literal_error":
        return one_of([word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")], one["input"])
    if one["type"] == "string_pattern_mismatch":
        return f"allowed: {PATTERNS[context['pattern']]}"
    return f"allowed: {ALLOWED[one['type']].format(**context)}" if one["type"] in ALLOWED else one["msg"]


def _names(model: type[BaseModel], place: Place) -> list[str]:
    """The keys of the table at a place, by walking the types down to it."""
    for part in place:
        if isinstance(part, str):
            model = _table(model.model_fields[part].annotation)
    return list(model.model_fields)


def _table(annotation: Any) -> type[BaseModel]:
    """The model in an annotation such as `tuple[Entry, ...]`; one without keys if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((_table(part) for part in get_args(annotation) if part is not Ellipsis), BaseModel)
