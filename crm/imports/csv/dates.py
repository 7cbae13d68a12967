"""Days and times as people write them: plain rules, without a database and without guessing.

"15 Apr, 2021 00:02:00" and 2016-10-20 say by themselves what they are. 03/04/2021 does not: its order is a property of
the column, `dmy`, `mdy` or `ymd`, recognised over all of its values (`formats`) or asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal

Order = Literal["dmy", "mdy", "ymd"]
# Where every order reads a column alike, it is called by the first.
ORDERS: tuple[Order, ...] = ("ymd", "dmy", "mdy")
# What lies outside is a slip of whoever typed it.
YEARS = range(1900, 2101)
# A year of two digits from here on is of the last century.
PIVOT = 69
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero",
            "february feb februar février fevrier febrero",
            "march mar märz maerz mrz mars marzo",
            "april apr avril abril",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet julio",
            "august aug août aout agosto",
            "september sep sept septembre septiembre",
            "october oct oktober okt octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre",
        ),
        1,
    )
    for name in names.split()
}
ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?\s*(?P<half>[ap]\.?m\.?)?\s*" + ZONE,
    re.IGNORECASE | re.ASCII,
)
NUMBERS = re.compile(r"(\d{1,4})([-/. ])\s?(\d{1,2})\2\s?(\d{1,4})\.?", re.ASCII)
WHOLE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
# The day before or after the month's name; ordinals and the weekday's name are looked past.
DAY_MONTH = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?\.?[-\s]*(?:of\s+)?([^\W\d_]+)\.?,?[-\s]*'?(\d{4}|\d{2})", re.IGNORECASE
)
MONTH_DAY = re.compile(r"([^\W\d_]+)\.?[-\s]*(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.IGNORECASE)
YEAR_MONTH = re.compile(r"(\d{4})[-\s]([^\W\d_]+)\.?[-\s](\d{1,2})", re.IGNORECASE)
WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", re.IGNORECASE)
SPLIT = re.compile(r"[,\s]+(?=\d{1,2}:\d{2})|(?<=\d)T(?=\d{2}:\d{2})")


@dataclass(frozen=True, slots=True)
class Read:
    """What a cell says: a day, and the time of it, if there is one, with its zone, if it names one."""

    day: date
    clock: time | None = None

    def moment(self, zone: tzinfo) -> datetime:
        """As a moment in UTC. A day without a time is its first moment; a time without a zone is of `zone`."""
        found = datetime.combine(self.day, self.clock or time())
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def read_date(cell: str, order: Order) -> Read | None:
    """What the cell says when numbers stand in this order; None when it cannot be a day."""
    parts = SPLIT.split(cell.strip(), maxsplit=1)
    clock = _clock(parts[1]) if len(parts) > 1 else None
    if len(parts) > 1 and clock is None:
        return None
    day = _day(parts[0].strip(" ,"), order)
    return Read(day, clock) if day else None


def _clock(text: str) -> time | None:
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hour, half = int(found["hour"]), (found["half"] or "").lower().replace(".", "")
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    try:
        return time(hour, int(found["minute"]), int(found["second"] or 0), tzinfo=_zone(found["zone"]))
    except ValueError:
        return None


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)


def _day(text: str, order: Order) -> date | None:
    if found := WHOLE.fullmatch(text):
        return _made(found[1], found[2], found[3])
    if found := NUMBERS.fullmatch(text):
        return _in_order(found[1], found[3], found[4], order)
    named = WEEKDAY.sub("", text, count=1)
    if found := DAY_MONTH.fullmatch(named):
        return _made(found[3], found[2], found[1])
    if found := MONTH_DAY.fullmatch(named):
        return _made(found[3], found[1], found[2])
    if found := YEAR_MONTH.fullmatch(named):
        return _made(found[1], found[2], found[3])
    return None


def _in_order(first: str, second: str, third: str, order: Order) -> date | None:
    """A year of four digits stands where it stands, first or last; only the others go by the order."""
    if len(first) > 2:
        return _made(first, second, third) if len(first) == 4 and len(third) <= 2 else None
    if len(third) == 3 or (len(third) == 4 and order == "ymd"):
        return None
    if len(third) == 1 and order != "ymd":
        return None
    year, month, day = {
        "dmy": (third, second, first),
        "mdy": (third, first, second),
        "ymd": (first, second, third),
    }[order]
    return _made(year, month, day) if len(year) in (2, 4) else None


def _made(year: str, month: str, day: str) -> date | None:
    number = int(month) if month.isdecimal() else MONTHS.get(month.casefold(), 0)
    whole = int(year) + (0 if len(year) == 4 else 1900 if int(year) >= PIVOT else 2000)
    try:
        found = date(whole, number, int(day))
    except ValueError:
        return None
    return found if whole in YEARS else None
