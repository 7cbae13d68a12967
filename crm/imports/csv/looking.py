"""Going through a file before anything of it is stored: its rows written down, its columns looked at."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import default_storage

from crm.imports.csv.formats import Tally, date_tally, number_tally
from crm.imports.csv.reading import open_table, rows_of, write_row
from crm.imports.salesforce.reading import Unreadable

FILE, ROWS = "upload.csv", "rows.jsonl"
# One slice of a job: a second or two.
ROWS_A_SLICE = 250
SHOWN_ROWS, SHOWN_CELL = 8, 120
# More different words than this in one column are no list.
MOST_WORDS, LONGEST_WORD = 300, 200
SAMPLES = 3
MOST_TOLD = 200
# Of texts with letters beyond ASCII so many are shown, and of each so much around the first of them.
SHOWN_LETTERS, AROUND_LETTER = 5, 30


@dataclass(slots=True)
class ColumnLook:
    """What one column holds: how many cells are filled, a few of them, its words, and how dates and numbers fit."""

    filled: int = 0
    words: Counter[str] = field(default_factory=Counter)
    many: bool = False
    dates: Tally = field(default_factory=date_tally)
    numbers: Tally = field(default_factory=number_tally)

    def add(self, cell: str) -> None:
        """Look at one cell."""
        value = cell.strip()
        if not value:
            return
        self.filled += 1
        if value in self.words:
            self.words[value] += 1
            return
        if len(self.words) < MOST_WORDS and len(value) <= LONGEST_WORD:
            self.words[value] += 1
        else:
            self.many = True
        # A word that came before says nothing new.
        self.dates.add(value)
        self.numbers.add(value)

    def as_json(self) -> dict[str, Any]:
        """What a run keeps of it."""
        found: dict[str, Any] = {"filled": self.filled, "samples": list(self.words)[:SAMPLES], "many": self.many}
        if not self.many:
            found["words"] = dict(self.words.most_common())
        for name, tally in (("dates", self.dates), ("numbers", self.numbers)):
            if tally.fits:
                found[name] = tally.recognised().as_json()
        return found


def look_through(folder: str, encoding: str, delimiter: str) -> tuple[dict[str, Any], list[dict[str, int]]]:
    """What was found, and where a job's slices begin; the rows are written down beside the file.

    A file that cannot be read gives `error`: line, code, sentence.
    """
    found: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter, "rows": 0}
    slices: list[dict[str, int]] = []
    try:
        with default_storage.open(f"{folder}/{FILE}", "rb") as opened, tempfile.TemporaryFile() as written:
            _look(cast(BinaryIO, opened), found, slices, written)
            written.seek(0)
            default_storage.delete(f"{folder}/{ROWS}")
            default_storage.save(f"{folder}/{ROWS}", File(written))
    except Unreadable as broken:
        slices = []
        found["error"] = [broken.line, broken.code, broken.message]
    if "error" not in found and found["rows"] and found["rows"] == found["broken"]:
        line, _, said = found["told"][0]
        found["error"] = [
            line,
            "no_row_fits",
            f"No row fits the first line, which should name the columns. {said} "
            "Is it the right delimiter? Lines before the columns' names have to go.",
        ]
    if "error" not in found and not found["rows"]:
        found["error"] = [1, "no_rows", "The file has a header and no rows."]
    return found, slices


def _look(opened: BinaryIO, found: dict[str, Any], slices: list[dict[str, int]], written: Any) -> None:
    bad: list[Any] = []
    table = open_table(opened, found["encoding"], found["delimiter"], bad)
    header = table.header
    looks = [ColumnLook() for _ in header]
    preview: list[list[str]] = []
    told: list[list[Any]] = []
    letters: list[list[Any]] = []
    met: set[str] = set()
    place = broken = 0
    for good, wrong in rows_of(table, bad):
        if found["rows"] % ROWS_A_SLICE == 0:
            slices.append({"start": place, "rows": 0})
        found["rows"] += 1
        slices[-1]["rows"] += 1
        place += written.write(write_row(good, wrong))
        if good is None:
            broken += 1
            if wrong and len(told) < MOST_TOLD:
                told.append([wrong[0], wrong[1], wrong[2]])
            continue
        for look, cell in zip(looks, good[1], strict=True):
            look.add(cell)
        if len(preview) < SHOWN_ROWS:
            preview.append([str(good[0]), *(cell[:SHOWN_CELL] for cell in good[1])])
        if len(letters) < SHOWN_LETTERS:
            new = next((cell for cell in good[1] if not cell.isascii() and cell not in met), "")
            if new:
                met.add(new)
                letters.append([good[0], around_letter(new)])
    found |= {
        "header": header,
        "preview": preview,
        "broken": broken,
        "told": told,
        "letters": letters,
        "columns": {name: look.as_json() for name, look in zip(header, looks, strict=True)},
    }


def around_letter(cell: str) -> str:
    """The piece of a text with its first letter beyond ASCII: that shows whether the encoding is the right one."""
    first = next(place for place, letter in enumerate(cell) if not letter.isascii())
    begin, end = max(0, first - AROUND_LETTER), first + AROUND_LETTER
    return f"{'…' if begin else ''}{cell[begin:end]}{'…' if end < len(cell) else ''}"
