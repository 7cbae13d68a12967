"""Fields of a record as people read them: computed ones asked for in one go, links that are safe to follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.template.defaultfilters import linebreaksbr
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from crm import handbook
from crm.core.dialogs import url_of
from crm.core.display import plain_text
from crm.workspace.fields import Field
from crm.workspace.own import own_value

SCHEMES = ("https://", "http://")


def read_values(records: Sequence[Any], fields: Iterable[Field], at: datetime) -> dict[str, dict[int, Any]]:
    """The value of each field for each record: by the field's name, then by the record's id."""
    found: dict[str, dict[int, Any]] = {}
    for field in fields:
        if field.values is not None:
            computed = field.values(records, at)
            found[field.name] = {record.pk: computed.get(record.pk) for record in records}
        else:
            found[field.name] = {record.pk: _stored(record, field) for record in records}
    return found


def _stored(record: Any, field: Field) -> Any:
    if field.kept_as:
        kept = record.kept if isinstance(record.kept, dict) else {}
        return own_value(field, kept.get(field.kept_as))
    if field.column:
        return getattr(record, field.column)
    parts = [plain_text(value) for part in field.parts if (value := getattr(record, part)) not in (None, "")]
    return ", ".join(parts)


def shown(record: Any, field: Field, value: Any) -> SafeString:
    """A value as a page shows it; empty when there is none."""
    if value is None or value == "":
        return SafeString("")
    if isinstance(value, SafeString):
        return value
    if field.choices is not None:
        return conditional_escape(dict(field.choices()).get(str(value), str(value)))
    if isinstance(value, models.Model):
        return _record(field, value)
    if isinstance(value, Mapping):
        return conditional_escape(plain_text(value))
    if isinstance(value, list | tuple):
        return format_html_join("", "<div>{}</div>", ((shown(record, field, one),) for one in value))
    if field.kind == "link":
        return safe_link(str(value))
    if field.kept_as and isinstance(value, str):
        return linked(value)
    if field.kind == "money" and isinstance(value, Decimal):
        currency = getattr(record, "currency", "") if field.column else ""
        return format_html("{} {}", plain_text(value), currency or handbook.current().company.currency)
    return SafeString(linebreaksbr(plain_text(value)))


def _record(field: Field, value: models.Model) -> SafeString:
    """The record's name, leading to its page; people's pages are not everybody's."""
    address = "" if field.kind == "person" else url_of(value, "change")
    if not address:
        return conditional_escape(str(value))
    return format_html('<a class="pl-link" href="{}">{}</a>', address, value)


def safe_address(entered: str) -> str:
    """A stored address as a page may lead to it: http or https; empty for any other scheme."""
    entered = entered.strip()
    if not entered or entered.lower().startswith(SCHEMES):
        return entered
    return "" if ":" in entered.partition("/")[0] else f"https://{entered}"


def linked(text: str) -> SafeString:
    """A text as a page shows it; one that is an http or https address and nothing else as a link to it."""
    if text.strip().lower().startswith(SCHEMES) and len(text.split()) == 1:
        return safe_link(text)
    return SafeString(linebreaksbr(plain_text(text)))


def safe_link(entered: str) -> SafeString:
    """A link to an address outside, opened beside this page, which it learns nothing of; as text if it is not safe."""
    address = safe_address(entered)
    if not address:
        return conditional_escape(entered)
    bare = address.partition("://")[2].removeprefix("www.").rstrip("/")
    return format_html(
        '<a class="pl-link" href="{}" rel="noopener noreferrer" target="_blank">{}</a>', address, bare or address
    )
