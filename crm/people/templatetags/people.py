"""How pages about people write days."""

from __future__ import annotations

from datetime import date

from django import template

from crm.core.display import short_day

register = template.Library()


@register.filter
def day(value: date, today: date) -> str:
    """A day without its year when that is this one."""
    return short_day(value, today)
