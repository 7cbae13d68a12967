"""`{% record_panels record %}`: the panels that higher layers add to a record's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from crm.core.panels import panels_of

register = template.Library()


@register.simple_tag(takes_context=True)
def record_panels(context: Mapping[str, Any], record: Any) -> SafeString:
    """Every registered panel of this record; nothing for a record that is only being made."""
    if record is None or record.pk is None:
        return SafeString("")
    return format_html_join("\n", "{}", ((shown,) for shown in panels_of(context["request"], record)))
