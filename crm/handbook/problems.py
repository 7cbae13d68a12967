"""What is wrong with a handbook file, said so that the person who wrote it can put it right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

# Where something stands in the file: names of tables and keys, and positions in lists, counted from 0.
Place = tuple[str | int, ...]
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Problem:
    """One thing to put right: where it is (a key path or a line), what was found there, and what may stand there."""

    file: str
    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}: {where}found {self.found}; {self.allowed}"


class HandbookError(Exception):
    """A handbook file that cannot be worked by, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def written_place(place: Place) -> str:
    """The place as people write it: `lead.sources[2].label`, with quotes where TOML wants them."""
    written = ""
    for part in place:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            name = part if BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            written += f".{name}" if written else name
    return written


def written_value(value: object) -> str:
    """A value as it was found, short enough for one line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str | bool | int | float):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else f'{text[:56]}..."'
    return str(value)


def one_of(allowed: Iterable[str], found: object = None) -> str:
    """The allowed words, beginning with the one that was probably meant."""
    words = list(allowed)
    meant = guess(found, words)
    said = f'did you mean "{meant}"? ' if meant else ""
    return f"{said}allowed: {', '.join(words)}"


def guess(found: object, words: Iterable[str]) -> str | None:
    """The word that `found` is probably a misspelling of."""
    return next(iter(get_close_matches(str(found), list(words), n=1, cutoff=0.7)), None)
