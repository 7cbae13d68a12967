"""Text as Plumb stores it: trimmed and in Unicode's composed form (NFC), empty rather than NULL."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django.db import models

# Django's fields are generic to the type checker only.
if TYPE_CHECKING:
    CharField = models.CharField[str, str]
    TextField = models.TextField[str, str]
    EmailField = models.EmailField[str, str]
    URLField = models.URLField[str, str]
else:
    CharField, TextField, EmailField, URLField = models.CharField, models.TextField, models.EmailField, models.URLField


def tidy(value: str) -> str:
    """Return the text trimmed, composed (NFC) and without NUL characters, which PostgreSQL cannot store."""
    return unicodedata.normalize("NFC", value.replace("\x00", "")).strip()


def whole_number(text: str) -> int | None:
    """The number written in plain digits, at most 18 of them, so that it fits a bigint; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


class TidyMixin:
    """Tidies at every write that passes a field: save, bulk_create, bulk_update, update and lookups."""

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)  # type: ignore[misc]
        return tidy(prepared) if isinstance(prepared, str) else prepared

    def to_python(self, value: Any) -> Any:
        converted = super().to_python(value)  # type: ignore[misc]
        return tidy(converted) if isinstance(converted, str) else converted


class Line(TidyMixin, CharField):
    """One line of text; blank unless the field says otherwise."""

    def __init__(
        self, verbose_name: Any = None, *, max_length: int = 255, blank: bool = True, default: str = "", **kwargs: Any
    ) -> None:
        super().__init__(verbose_name, max_length=max_length, blank=blank, default=default, **kwargs)


class Paragraphs(TidyMixin, TextField):
    """Text of any length; blank unless the field says otherwise."""

    def __init__(self, verbose_name: Any = None, *, blank: bool = True, default: str = "", **kwargs: Any) -> None:
        super().__init__(verbose_name, blank=blank, default=default, **kwargs)


class Email(TidyMixin, EmailField):
    """An e-mail address as it was entered; `email_key` is what it is matched by."""

    def __init__(
        self, verbose_name: Any = None, *, max_length: int = 254, blank: bool = True, default: str = "", **kwargs: Any
    ) -> None:
        super().__init__(verbose_name, max_length=max_length, blank=blank, default=default, **kwargs)


class Link(TidyMixin, URLField):
    """A web address as it was entered."""

    def __init__(
        self, verbose_name: Any = None, *, max_length: int = 500, blank: bool = True, default: str = "", **kwargs: Any
    ) -> None:
        super().__init__(verbose_name, max_length=max_length, blank=blank, default=default, **kwargs)

    def formfield(self, **kwargs: Any) -> Any:
        """In a form, "example.com" is meant as https."""
        return super().formfield(**{"assume_scheme": "https", **kwargs})
