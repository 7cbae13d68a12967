"""How long until a limit, in words, and as a countdown that runs on the page (static/clocks/countdown.js).

The script has the same words. It counts from the server's time, which stands in the page, not from the browser's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

LATE, NEAR, FAR = "late", "near", "far"
MINUTE, HOUR, DAY = 60, 3600, 86400


def left_words(limit: datetime, now: datetime) -> str:
    """“2 h 5 min left”, “4:09 left”, “3 h 10 min overdue”."""
    seconds = int((limit - now).total_seconds()) if limit > now else int((now - limit).total_seconds())
    return f"{span_words(seconds)} {'left' if limit > now else 'overdue'}"


def span_words(seconds: int) -> str:
    """A length of time, the more exactly the shorter it is."""
    if seconds >= 2 * DAY:
        return f"{seconds // DAY} d {seconds % DAY // HOUR} h"
    if seconds >= HOUR:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    if seconds >= 10 * MINUTE:
        return f"{seconds // MINUTE} min"
    return f"{seconds // MINUTE}:{seconds % MINUTE:02}"


def countdown(limit: datetime, now: datetime, *, near: bool = False) -> SafeString:
    """What is left until a limit, running; `near` once somebody was warned of it."""
    tone = LATE if limit <= now else NEAR if near else FAR
    when = date_format(localtime(limit), "DATETIME_FORMAT")
    return format_html(
        '<time class="pl-left pl-left-{}" role="timer" datetime="{}" data-left="{}" title="Limit: {}">{}</time>',
        tone,
        limit.astimezone(UTC).isoformat(),
        now.astimezone(UTC).isoformat(timespec="milliseconds"),
        when,
        left_words(limit, now),
    )


def stands_still(words: str) -> SafeString:
    """What is said in place of a countdown."""
    return format_html('<span class="pl-left pl-left-still">{}</span>', words)
