"""Strict reading of a list's query: what is not known is refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from crm.core.api.problems import Flaw, bad_request, invalid
from crm.core.text import whole_number

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
LARGEST_ID = 2**63 - 1
EXPAND = "expand"
RESERVED = ("cursor", "limit", "ordering", "fields")
NOBODY = "null"
SHORTEST_SEARCH = 3


class RecordIdField(forms.Field):
    """The id of a record, or `null` for none."""

    def to_python(self, value: Any) -> Any:
        """An id, `null`, or nothing."""
        if value in (None, "", NOBODY):
            return value or None
        number = whole_number(value)
        if number is None:
            raise ValidationError(f"Give the id of a record, or “{NOBODY}” for none.", code="invalid")
        return number


class RecordId(django_filters.Filter):
    """Records that refer to this one; `null`: to none."""

    field_class = RecordIdField

    def filter(self, qs: Any, value: Any) -> Any:
        if value is None:
            return qs
        if value == NOBODY:
            return qs.filter(**{f"{self.field_name}__isnull": True})
        return qs.filter(**{str(self.field_name): value})


class InstantField(forms.Field):
    """A time with its offset from UTC (RFC 3339): without one it would be anybody's guess."""

    def to_python(self, value: Any) -> Any:
        """The time."""
        if value in (None, ""):
            return None
        try:
            # In an address, a "+" that nobody escaped is a space.
            found = parse_datetime(value.replace(" ", "+") if "T" in value else value)
        except ValueError:
            found = None
        if found is None or is_naive(found):
            raise ValidationError("Give a time with its offset, as 2026-03-04T18:00:00Z.", code="invalid")
        return found


class Since(django_filters.Filter):
    """At this time or later."""

    field_class = InstantField

    def __init__(self, field_name: str, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, lookup_expr="gte", **kwargs)


class Before(django_filters.Filter):
    """Before this time."""

    field_class = InstantField

    def __init__(self, field_name: str, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, lookup_expr="lt", **kwargs)


class WordsField(forms.Field):
    """One or more words of a list, between commas."""

    def __init__(self, *, words: Any, **kwargs: Any) -> None:
        self.words = words
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> list[str]:
        """The words."""
        found = [word for word in (value or "").split(",") if word]
        known = [key for key, _ in self.words()]
        for word in found:
            if word not in known:
                raise ValidationError(f"“{word}” is none of: {', '.join(known)}.", code="invalid_choice")
        return found


class Words(django_filters.Filter):
    """Records with one of these words; the choices are asked for when they are needed."""

    field_class = WordsField

    def __init__(self, field_name: str, choices: Any, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, words=choices, **kwargs)
        self.choices = choices

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class YesNoField(forms.Field):
    """`true` or `false`."""

    def to_python(self, value: Any) -> bool | None:
        """Yes, no, or not asked."""
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise ValidationError("Give true or false.", code="invalid")
        return bool(value == "true")


class YesNo(django_filters.Filter):
    """Records of which this is true, or not."""

    field_class = YesNoField


class KeyOf(django_filters.Filter):
    """Records with this email, domain, name or LinkedIn URL, whatever its spelling: compared by the database's key."""

    field_class = forms.CharField

    def __init__(self, *columns: str, function: str, **kwargs: Any) -> None:
        super().__init__(field_name=columns[0], **kwargs)
        self.columns, self.function = columns, function

    def filter(self, qs: Any, value: Any) -> Any:
        from crm.core.keys import compute_keys

        if not value:
            return qs
        key = compute_keys(self.function, [value])[0]
        if not key:
            return qs.none()
        same = Q()
        for column in self.columns:
            same |= Q(**{column: key})
        return qs.filter(same)


class Piece(django_filters.Filter):
    """Records whose name has these characters anywhere in it."""

    field_class = forms.CharField

    def __init__(self, field_name: str, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, min_length=SHORTEST_SEARCH, **kwargs)

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.filter(**{f"{self.field_name}__contains": value.lower()}) if value else qs


class Search(django_filters.Filter):
    """Records that the search of their list would find for this term."""

    field_class = forms.CharField

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.search(value) if value else qs


class RecordFilters(django_filters.FilterSet):
    """What every kind of record is filtered by; a resource adds the columns it has an index for."""

    updated_since = Since(
        "updated_at",
        help_text="Last changed at this time or later. A change shows when it is whole: to miss none, ask from a few"
        " minutes before your last time, and let version say what you have.",
    )


@dataclass(frozen=True, slots=True)
class Query:
    """What a list was asked for."""

    filters: Mapping[str, str]
    ordering: str
    limit: int
    fields: Sequence[str]
    cursor: str
    expand: Sequence[str] = ()


class Reading:
    """How a resource may be listed: its fields by their names in the API, filters, and orderings that an index has."""

    DEFAULT: ClassVar[str] = "-id"

    def __init__(
        self,
        columns: Mapping[str, str],
        filterset: type[django_filters.FilterSet],
        orderings: Mapping[str, Sequence[str]] | None = None,
        *,
        expandable: Sequence[str] = (),
    ) -> None:
        self.columns = dict(columns)
        self.filterset = filterset
        self.orderings: dict[str, Sequence[str]] = {"id": ("id",), "-id": ("-id",)}
        if "updated_at" in self.columns:
            self.orderings |= {"updated_at": ("updated_at", "id"), "-updated_at": ("-updated_at", "-id")}
        self.orderings |= orderings or {}
        self.expandable = expandable
        self.reserved = (*RESERVED, EXPAND) if expandable else RESERVED

    def query(self, params: Any) -> Query:
        """Read a list's parameters.

        Raises:
            Problem: 400 with each parameter that is unknown, repeated or wrong.
        """
        self.refuse_unknown(params, {*self.filterset.base_filters, *self.reserved})
        ordering = params.get("ordering") or self.DEFAULT
        if ordering not in self.orderings:
            raise _wrong("ordering", "unknown_ordering", f"“{ordering}” is no ordering: {', '.join(self.orderings)}.")
        limit = whole_number(params.get("limit", str(DEFAULT_PAGE)))
        if limit is None or not 1 <= limit <= LARGEST_PAGE:
            raise _wrong("limit", "invalid_limit", f"A page has from 1 to {LARGEST_PAGE:,} records.")
        filters = {name: params[name] for name in params if name not in self.reserved}
        return Query(filters, ordering, limit, self.chosen(params), params.get("cursor", ""), self.expanded(params))

    def expanded(self, params: Any) -> list[str]:
        """What was asked for besides the fields.

        Raises:
            Problem: 400 `unknown_expand`.
        """
        return self.named(params, EXPAND, "unknown_expand", self.expandable)

    def named(self, params: Any, parameter: str, code: str, known: Collection[str]) -> list[str]:
        """The names between commas in a parameter, each of which is known."""
        asked = [name.strip() for name in params.get(parameter, "").split(",") if name.strip()]
        for name in asked:
            if name not in known:
                raise _wrong(parameter, code, f"“{name}” is none of: {', '.join(known)}.")
        return asked

    def chosen(self, params: Any) -> list[str]:
        """The fields that were asked for: all, or those in `fields`, and always id and version."""
        if not params.get("fields"):
            return list(self.columns)
        asked = {"id", "version", *self.named(params, "fields", "unknown_field", self.columns)}
        return [name for name in self.columns if name in asked]

    def refuse_unknown(self, params: Any, known: set[str]) -> None:
        """Raises the problem that names each parameter that is not known, or is given twice."""
        flaws = []
        for name in params:
            if name not in known:
                message = f"“{name}” is no parameter here: {', '.join(sorted(known)) or 'there is none'}."
                flaws.append(Flaw(name, "unknown_parameter", message))
            elif len(params.getlist(name)) > 1:
                flaws.append(Flaw(name, "repeated_parameter", f"“{name}” is given more than once."))
            elif "\x00" in params[name]:
                flaws.append(Flaw(name, "null_characters_not_allowed", "Null characters are not allowed."))
        if flaws:
            raise bad_request(flaws[0].code, " ".join(flaw.message for flaw in flaws), flaws)

    def narrowed(self, rows: models.QuerySet[Any], filters: Mapping[str, str]) -> models.QuerySet[Any]:
        """The rows that pass the filters.

        Raises:
            Problem: 400 with each filter whose value will not do.
        """
        if not filters:
            return rows
        found: Any = self.filterset(dict(filters), queryset=rows)
        if not found.is_valid():
            raise invalid(
                Flaw(name, error.code or "invalid", text)
                for name, errors in found.form.errors.as_data().items()
                for error in errors
                for text in error.messages
            )
        narrowed: models.QuerySet[Any] = found.qs
        return narrowed


def _wrong(name: str, code: str, message: str) -> Exception:
    return bad_request(code, message, [Flaw(name, code, message)])
