"""Going through a file before anything of it is stored: whether it can be read, how many rows, which words, where to
cut it into parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from crm import handbook
from crm.imports.choices import MOST_WORDS, maps_of
from crm.imports.parts import Part, PartTable, kind_named
from crm.imports.salesforce import users
from crm.imports.salesforce.reading import Unreadable, long_cells
from crm.imports.salesforce.values import read_id
from crm.imports.sources import Source
from crm.sync.store import drop, stage

# A part is worked in a second or two; a slow machine has room to thirty.
ROWS_A_PART = 10_000
# Owners beyond this many are not asked for one by one.
MOST_OWNERS = 200
IDS = "import_ids"
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Look:
    """What was found in one file. `error` says why it cannot be read: (line, code, sentence)."""

    rows: int = 0
    words: dict[str, Counter[str]] = field(default_factory=dict)
    owners: Counter[str] = field(default_factory=Counter)
    people: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    error: tuple[int, str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """What a run keeps of it, beside the parts."""
        found: dict[str, Any] = {"rows": self.rows}
        if self.words:
            found["words"] = {name: dict(counts.most_common(MOST_WORDS)) for name, counts in self.words.items()}
        if self.owners:
            found["owners"] = dict(self.owners.most_common(MOST_OWNERS))
        if self.people:
            found["people"] = self.people
        if self.error:
            found["error"] = list(self.error)
        return found


def look_at(file: str, source: Source, *, rows_a_part: int = ROWS_A_PART) -> Look:
    """Read the whole file once. Inside a transaction: its ids go through a temporary table."""
    look = Look()
    _, kind = kind_named(file)
    try:
        with transaction.atomic(), source.open(file) as opened, long_cells():
            reader = _Looking(file, opened, look)
            reader.table.require(kind.required if kind else users.REQUIRED)
            if kind:
                reader.watch(maps_of(kind), [link.source for link in kind.links if link.object == "user"])
            with connection.cursor() as cursor:
                stage(cursor, IDS, {"line": "integer", "id": "text"}, reader.ids(rows_a_part))
                look.rows = reader.table.read
                look.parts = _parts(cursor, reader)
                drop(cursor, IDS)
    except Unreadable as broken:
        look.error = (broken.line, broken.code, broken.message)
    except OSError as error:
        look.error = (0, "cannot_open", f"The file cannot be opened: {error.strerror or error}.")
    return look


class _Looking:
    """Reads a file row by row, and notes where each part ends."""

    def __init__(self, file: str, opened: Any, look: Look) -> None:
        self.look = look
        self.consumed = len(BOM) if opened.read(len(BOM)) == BOM else 0
        opened.seek(0)
        self.table = PartTable(Part(file), opened, self._advance, lambda *known: None)
        self.head, self.first = self.consumed, self.table.line_read + 1
        self.cuts: list[tuple[int, int, int]] = []
        self.watched: list[tuple[int, str]] = []
        self.owner_places: list[int] = []
        # Who is in the export is no unknown owner.
        self.of_users = kind_named(file) == (True, None)

    def _advance(self, size: int) -> None:
        self.consumed += size

    def watch(self, maps: dict[str, str], owners: list[str]) -> None:
        """Count the words of these columns, and the ids of owners in those."""
        places = {name: place for place, name in enumerate(self.table.header)}
        self.watched = [(places[name], ours) for name, ours in maps.items() if name in places]
        self.owner_places = [places[name] for name in dict.fromkeys(owners) if name in places]

    def ids(self, rows_a_part: int) -> Iterator[tuple[int, str]]:
        """Line and id of each row."""
        table, book = self.table, handbook.current()
        place = table.header.index("Id")
        known: dict[tuple[str, str], bool] = {}
        rows = 0
        for line, cells in table.rows():
            for at, name in self.watched:
                word = cells[at].strip()
                if not word:
                    continue
                if (name, word) not in known and len(known) < 10_000:
                    known[name, word] = book.from_salesforce(name, word) is not None  # type: ignore[arg-type]
                if known.get((name, word)) is False:
                    self.look.words.setdefault(name, Counter())[word[:255]] += 1
            for at in self.owner_places:
                if owner := read_id(cells[at]):
                    self.look.owners[owner] += 1
            rows += 1
            if rows % rows_a_part == 0:
                self.cuts.append((self.consumed, table.line_read, table.read))
            if external_id := read_id(cells[place]):
                if self.of_users:
                    self.look.people.append(external_id[:255])
                yield line, external_id[:255]


def _parts(cursor: Any, reader: _Looking) -> list[Part]:
    """The parts between the cuts, each with the rows in it whose id came before."""
    cursor.execute(
        f"""
        SELECT line, id, first FROM (
            SELECT line, id, first_value(line) OVER same AS first FROM {IDS}
            WINDOW same AS (PARTITION BY id ORDER BY line)) d
        WHERE line <> first ORDER BY line
        """
    )
    twice: list[tuple[int, str, int]] = cursor.fetchall()
    table, parts = reader.table, list[Part]()
    start, line, before = reader.head, reader.first, 0
    ends = [cut for cut in reader.cuts if cut[0] < reader.consumed]
    ends.append((reader.consumed, table.line_read, table.read))
    for end, last, read in ends:
        final = end == reader.consumed
        mine = {n: (external_id, first) for n, external_id, first in twice if line <= n and (final or n <= last)}
        again = tuple(dict.fromkeys(id for _, id, first in twice if line <= first and (final or first <= last)))
        parts.append(Part(table.path.name, read - before, reader.head, start, end, line, mine, again))
        start, line, before = end, last + 1, read
    return parts
