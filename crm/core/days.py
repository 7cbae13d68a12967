"""Days and times within reason: what a form takes for one, so that a slip of the keyboard is no fact."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.formats import date_format

# Nobody's records are older; computers say "nothing" with 1900, 1970 and the year 1.
EARLIEST = date(1990, 1, 1)
LATEST = date(2099, 12, 31)
YEARS_AHEAD = 10


def years_after(day: date, years: int) -> date:
    """The same day of a later year, or of an earlier one; 28 February where that year has no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def check_day(value: date, earliest: date = EARLIEST, latest: date = LATEST) -> None:
    """Refuse a day, or a time by its day, that does not lie between these two."""
    day = value.date() if isinstance(value, datetime) else value
    if not earliest <= day <= latest:
        first, last = date_format(earliest, "DATE_FORMAT"), date_format(latest, "DATE_FORMAT")
        raise forms.ValidationError(f"Choose a day between {first} and {last}.", code="day")


class Timed:
    """A field that knows when it is asked: nothing is planned for more than ten years after that.

    `back` is how many years before that it may lie; by default as far back as anybody's records go.
    """

    def __init__(self, *args: Any, back: int | None = None, **kwargs: Any) -> None:
        self.asked: date | None = None
        self.back = back
        super().__init__(*args, **kwargs)

    def validate(self, value: Any) -> None:
        super().validate(value)  # type: ignore[misc]
        if value is None:
            return
        latest = years_after(self.asked, YEARS_AHEAD) if self.asked else LATEST
        earliest = years_after(self.asked, -self.back) if self.asked and self.back is not None else EARLIEST
        check_day(value, earliest, latest)


class Moment(Timed, forms.DateTimeField):
    """A day and a time, in the reader's zone."""


class Day(Timed, forms.DateField):
    """A day in the company's calendar."""


def ask_at(form: forms.BaseForm, at: datetime | None) -> None:
    """Tell the form's fields when they are asked."""
    for field in form.fields.values():
        if isinstance(field, Timed):
            field.asked = at.date() if at else None


def clean_past_day(form: forms.Form, name: str, *, else_say: str) -> date:
    """The day that was entered in this field of a form that knows when it is asked (`ask_at`).

    Raises:
        ValidationError: with `else_say`, for a day that is still to come.
    """
    day: date = form.cleaned_data[name]
    field: Any = form.fields[name]
    if field.asked and day > field.asked:
        raise forms.ValidationError(else_say)
    return day
