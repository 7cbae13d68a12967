"""A name in a list, marked when its person is not to be contacted."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html

from crm.activities.gate import Bar


def marked(name: str, bars: Sequence[Bar]) -> str:
    """The name, and beside it what is not to be done; of several bars the widest."""
    if not bars:
        return name
    tone = "danger" if bars[0].is_whole else "warning"
    return format_html(
        '{} <span class="plumb-label plumb-label-{}" title="{}">{}</span>',
        name,
        tone,
        bars[0].sentence,
        bars[0].headline,
    )
