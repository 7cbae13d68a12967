"""In which format a column is written, over all of its values: recognised, or asked when they do not decide it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from crm.imports.csv.amounts import STYLES, read_amount
from crm.imports.csv.dates import ORDERS, read_date

# After so many values of which none can be read, a column is none of this kind.
PATIENCE = 200
EXAMPLES = 3
DATE_LABELS = {
    "dmy": "Day, month, year (31/12/2021)",
    "mdy": "Month, day, year (12/31/2021)",
    "ymd": "Year, month, day (2021-12-31)",
}
NUMBER_LABELS = {"point": "1,234.56: a point before the decimals", "comma": "1.234,56: a comma before the decimals"}


@dataclass(slots=True)
class Tally:
    """How the values of one column can be read in each of several formats.

    `fits` counts the values that each format reads; `only` those that it reads and at least one other does not;
    `differ` are values that several formats read as different things, a few of them.
    """

    formats: tuple[str, ...]
    read: Callable[[str, Any], Any]
    values: int = 0
    fits: dict[str, int] = field(default_factory=dict)
    only: dict[str, int] = field(default_factory=dict)
    contested: dict[str, int] = field(default_factory=dict)
    differ: list[str] = field(default_factory=list)
    gave_up: bool = False

    def add(self, value: str) -> None:
        """Look at one value."""
        if self.gave_up:
            return
        self.values += 1
        found = {name: read for name in self.formats if (read := self.read(value, name)) is not None}
        for name in found:
            self.fits[name] = self.fits.get(name, 0) + 1
            for rival in self.formats:
                if rival not in found:
                    pair = f"{name}>{rival}"
                    self.only[pair] = self.only.get(pair, 0) + 1
        kinds = list(found.items())
        for place, (name, read) in enumerate(kinds):
            for rival, other in kinds[place + 1 :]:
                if read != other:
                    pair = f"{name}|{rival}"
                    self.contested[pair] = self.contested.get(pair, 0) + 1
                    if value not in self.differ and len(self.differ) < EXAMPLES:
                        self.differ.append(value)
        self.gave_up = self.values >= PATIENCE and not self.fits

    def recognised(self) -> Recognised:
        """The one format that the values decide for, or those among which somebody has to choose.

        A format beats another when there are values that only it can read, and none that only the other can. Two that
        read every value alike need no choice.
        """
        able = [name for name in self.formats if self.fits.get(name)]
        if not able:
            return Recognised("", (), 0, self.values, ())
        standing = [name for name in able if not any(self._beats(rival, name) for rival in able if rival != name)]
        # Values that only one can read on either side: the column is mixed, and that is asked as well.
        best = max(self.fits[name] for name in standing) if standing else 0
        alike = [name for name in standing if self.fits[name] == best]
        first = alike[0] if alike else able[0]
        rivals = tuple(name for name in standing if name != first and self._matters(first, name))
        chosen = "" if rivals else first
        return Recognised(
            chosen,
            (first, *rivals) if rivals else (),
            self.fits[first],
            self.values - self.fits[first],
            tuple(self.differ) if rivals else (),
        )

    def _beats(self, one: str, other: str) -> bool:
        return self._only(one, other) > 0 and self._only(other, one) == 0

    def _only(self, one: str, other: str) -> int:
        return self.only.get(f"{one}>{other}", 0)

    def _matters(self, one: str, other: str) -> bool:
        pairs = (f"{one}|{other}", f"{other}|{one}")
        mixed = self._only(one, other) > 0 and self._only(other, one) > 0
        return mixed or any(self.contested.get(pair) for pair in pairs)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The format of a column: `chosen`, or empty with the `asked` ones; and how many values it reads and does not."""

    chosen: str
    asked: tuple[str, ...]
    reads: int
    cannot: int
    examples: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What a run keeps of it."""
        return {
            "chosen": self.chosen,
            "asked": list(self.asked),
            "reads": self.reads,
            "cannot": self.cannot,
            "examples": list(self.examples),
        }


def date_tally() -> Tally:
    """A tally of dates."""
    return Tally(ORDERS, read_date)


def number_tally() -> Tally:
    """A tally of numbers and money."""
    return Tally(STYLES, read_amount)


def recognise_dates(values: Iterable[str]) -> Recognised:
    """The order of the dates of a column."""
    return _over(date_tally(), values)


def recognise_numbers(values: Iterable[str]) -> Recognised:
    """The sign before the decimals in a column."""
    return _over(number_tally(), values)


def _over(tally: Tally, values: Iterable[str]) -> Recognised:
    for value in values:
        if value.strip():
            tally.add(value)
    return tally.recognised()
