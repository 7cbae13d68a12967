"""A model's column as a field of the API: the JSON type it has, and the model's own rules in the form's own words."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError as ModelError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.forms import ValidationError as FormError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive
from rest_framework import serializers

from crm.core.api.queries import LARGEST_ID
from crm.core.days import check_day

if TYPE_CHECKING:
    Field = serializers.Field[Any, Any, Any, Any]
    ModelField = models.Field[Any, Any]
else:
    Field, ModelField = serializers.Field, models.Field

REQUIRED = "This field is required."
NO_SUCH = "Select a valid choice. That choice is not one of the available choices."


class Column(Field):
    """One column. `plain` turns JSON into what the model field takes; the model field then judges it."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "This field cannot be null: send an empty text to empty it.",
        "type": "Send {wanted}.",
    }
    wanted = "a text"

    def __init__(self, column: ModelField, **kwargs: Any) -> None:
        self.column = column
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        value = self.plain(data)
        stored = getattr(self.parent.instance, self.column.attname, None) if self.parent.instance else None
        if self.parent.instance is not None and value == stored:
            return value  # a word that left the handbook may stand where it is
        try:
            return self.judged(value)
        except ModelError as error:
            raise serializers.ValidationError(
                [serializers.ErrorDetail(self.words(one, value), one.code or "invalid") for one in error.error_list]
            ) from error

    def judged(self, value: Any) -> Any:
        """The value after the model field's own checks; Django makes none of a field that no form edits."""
        if not self.column.editable and self.column.flatchoices and value not in dict(self.column.flatchoices):
            raise ModelError("", code="invalid_choice")
        return self.column.clean(value, None)

    def words(self, error: ModelError, value: Any) -> str:
        """What the form of the admin would say."""
        if error.code == "blank":
            return REQUIRED
        if error.code == "invalid_choice":
            known = ", ".join(str(key) for key, _ in self.column.flatchoices if key)
            return f"Select a valid choice. {value} is not one of the available choices: {known}."
        return " ".join(error.messages)

    def plain(self, data: Any) -> Any:
        """The JSON value as the model field takes it; fails with what was wanted instead."""
        raise NotImplementedError

    def to_representation(self, value: Any) -> Any:
        return value

    def wrong(self) -> Any:
        """Refuse the value's type."""
        return self.fail("type", wanted=self.wanted)


class Text(Column):
    """Text."""

    def plain(self, data: Any) -> str:
        if not isinstance(data, str):
            self.wrong()
        # A form is posted with line ends of its own.
        return str(data).replace("\r\n", "\n")

    def judged(self, value: Any) -> Any:
        ProhibitNullCharactersValidator()(value)
        return super().judged(value)


class Number(Column):
    """A whole number."""

    wanted = "a whole number"

    def plain(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.wrong()
        return int(data)


class Amount(Column):
    """A decimal number, as a number or as text ("1234.50"); answered as text, so that no cent is lost."""

    wanted = 'a decimal number, as 1234.5 or "1234.50"'

    def plain(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | str) or len(str(data)) > 40:
            self.wrong()
        try:
            found = Decimal(str(data))
        except InvalidOperation:
            found = Decimal("NaN")
        return found if found.is_finite() else self.wrong()


class YesNo(Column):
    """True or false."""

    wanted = "true or false"

    def plain(self, data: Any) -> bool:
        return data if isinstance(data, bool) else self.wrong()


class Day(Column):
    """A day (RFC 3339), within reason."""

    wanted = "a day, as 2026-03-04"

    def plain(self, data: Any) -> date:
        try:
            found = parse_date(data) if isinstance(data, str) and len(data) == 10 else None
        except ValueError:
            found = None
        return found if found is not None else self.wrong()

    def judged(self, value: Any) -> Any:
        _within_reason(value)
        return super().judged(value)


class Instant(Column):
    """A time with its offset (RFC 3339), within reason."""

    wanted = "a time with its offset, as 2026-03-04T18:00:00Z"

    def plain(self, data: Any) -> datetime:
        try:
            found = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            found = None
        return found if found is not None and not is_naive(found) else self.wrong()

    def judged(self, value: Any) -> Any:
        _within_reason(value)
        return super().judged(value)


class RecordId(Column):
    """The id of another record. Whether there is one is asked once for all of them (RecordSerializer)."""

    wanted = "the id of a record, a whole number"

    def plain(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.wrong()
        return int(data)

    def judged(self, value: Any) -> Any:
        if not 1 <= value <= LARGEST_ID:
            raise ModelError(NO_SUCH, code="invalid_choice")
        return value

    def words(self, error: ModelError, value: Any) -> str:
        return NO_SUCH


class Keys(Column):
    """A list of keys; which there are, the resource says."""

    wanted = "a list of keys, each a text"

    def plain(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            self.wrong()
        return list(dict.fromkeys(data))

    def judged(self, value: Any) -> Any:
        for one in value:
            ProhibitNullCharactersValidator()(one)
        return value


def _within_reason(value: date) -> None:
    try:
        check_day(value)
    except FormError as error:
        raise ModelError(error.messages, code="day") from error


# The first that fits.
KINDS: list[tuple[type[ModelField], type[Column]]] = [
    (models.ForeignKey, RecordId),
    (models.BooleanField, YesNo),
    (models.DecimalField, Amount),
    (models.IntegerField, Number),
    (models.DateTimeField, Instant),
    (models.DateField, Day),
    (models.CharField, Text),
    (models.TextField, Text),
    (models.JSONField, Keys),
    (ArrayField, Keys),
]


def column_field(column: ModelField, *, name: str = "", read_only: bool = False, required: bool = False) -> Column:
    """The API's field of a model field, called `name` there."""
    kind = next(ours for theirs, ours in KINDS if isinstance(column, theirs))
    source = None if column.attname == name else column.attname
    kwargs: dict[str, Any] = {"source": source, "help_text": column.help_text or None}
    kwargs |= {"read_only": True} if read_only else {"required": required, "allow_null": column.null}
    return kind(column, **kwargs)
