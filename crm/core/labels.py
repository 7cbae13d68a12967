"""How a field is called on a page. The handbook's wording is above this package, so it registers itself here."""

from __future__ import annotations

from collections.abc import Callable

from django.db import models
from django.utils.text import capfirst

# Writes a label as the company writes labels; the set holds the acronyms the reader of the page has met already.
Writer = Callable[[str, set[str]], str]
_writers: list[Writer] = []


def use_writer(writer: Writer) -> None:
    """Write labels by this function from now on (L15)."""
    _writers[:] = [writer]


def page_label(text: str, met: set[str]) -> str:
    """The label as it stands on a page whose reader has met these acronyms; those it expands are added to them."""
    label = str(capfirst(text))
    return _writers[0](label, met) if _writers else label


def field_label(field: models.Field[object, object] | str) -> str:
    """The label of one field by itself."""
    return str(capfirst(field if isinstance(field, str) else str(field.verbose_name)))
