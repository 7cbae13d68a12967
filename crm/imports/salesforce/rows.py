"""One line of a file after the other: into the values to store, what is kept, and what to tell."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from crm import handbook
from crm.core import phones
from crm.imports.report import Report
from crm.imports.salesforce.columns import TIMES, Layout, Picked
from crm.imports.salesforce.kinds import Around, Kind, Link
from crm.imports.salesforce.reading import Table
from crm.imports.salesforce.states import Times
from crm.imports.salesforce.values import ID, Bad, is_true, read_id, read_time

OPTED_OUT = ("HasOptedOutOfEmail", "DoNotCall")
Kept = dict[str, str]


class Flags(dict[str, list[str]]):
    """What to tell of one row: one problem for each code, however many columns it is about."""

    def tell(self, code: str, message: str) -> None:
        """Note a sentence under a code."""
        self.setdefault(code, []).append(message)


class RowMapper:
    """Turns the rows of one file into rows to stage, in the order of its layout's columns.

    `seen` is a checksum of each value the file gave: the next import knows by it what changed there, and leaves
    alone what only changed here.
    """

    def __init__(
        self,
        kind: Kind,
        header: list[str],
        file: str,
        report: Report,
        *,
        at: datetime,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`names` are those of records that have only a name here, by their id there (campaigns)."""
        self.kind, self.file, self.report, self.at = kind, file, report, at
        self.names = names or {}
        self._known: dict[tuple[str, str], str | None] = {}
        self.layout = Layout(kind, header)
        self.header = header
        self.book = handbook.current()
        self.region = phones.default_region()
        self._words: dict[tuple[str, str], tuple[str | None, bool]] = {}

    def rows(self, table: Table) -> Iterator[list[Any]]:
        """Every row of the file that can be staged; the others are told of, and counted as rejected."""
        place = self.layout.place
        ids, deleted = place["Id"], place.get("IsDeleted")
        for line, cells in table.rows():
            external_id = read_id(cells[ids])
            if not external_id or len(external_id) > 255:
                table.complain(line, "", "no_id", "The row has no Id.", table.named(cells))
            elif deleted is not None and is_true(cells[deleted]):
                said = "Deleted in Salesforce: not brought in; a record that is here already is left as it is."
                table.complain(line, external_id, "deleted_there", said, table.named(cells))
            else:
                yield self.map(line, external_id, cells)

    def map(self, line: int, external_id: str, cells: Sequence[str]) -> list[Any]:
        """One row to stage."""
        values, at = self.layout.blank.copy(), self.layout.at
        flags, seen = Flags(), dict[str, str]()
        kept = {name: cells[place] for place, name in self.layout.keep if cells[place]}
        self._drop_joined_name(cells, kept)
        self._read_plain(cells, values, kept, flags, seen)
        for picked in self.layout.picked:
            self._read_word(picked, cells[picked.place].strip(), values, kept, flags, seen)
        times = self._read_times(cells, kept, flags)
        self._read_state(cells, times, values, kept, flags, seen)
        self._read_together(cells, times, values, kept, flags, seen)
        self._read_links(cells, values, kept, flags)
        for name in OPTED_OUT:
            if name in kept and is_true(kept[name]):
                flags.tell("opted_out", f"{name} is set there: a do not contact here too.")
        values[at["n"]], values[at["external_id"]], values[at["flagged"]] = line, external_id, bool(flags)
        values[at["created_at"]], values[at["updated_at"]] = times.created.isoformat(), times.modified.isoformat()
        values[at["kept"]] = seen["kept"] = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()
        values[at["seen"]] = checksums(seen)
        self._hold(cells, values)
        for code, said in flags.items():
            self.report.add(self.file, line, external_id, code, " ".join(said))
        return values

    def _drop_joined_name(self, cells: Sequence[str], kept: Kept) -> None:
        """Salesforce joins Name from first and last name; only another name is worth keeping."""
        place = self.layout.place
        if "Name" in kept and "LastName" in place:
            first = cells[place["FirstName"]] if "FirstName" in place else ""
            if kept["Name"] == f"{first} {cells[place['LastName']]}".strip():
                del kept["Name"]

    def _read_plain(
        self, cells: Sequence[str], values: list[Any], kept: Kept, flags: Flags, seen: dict[str, str]
    ) -> None:
        for plain in self.layout.plain:
            cell = cells[plain.place].strip()
            if not cell:
                continue
            if not cell.isascii():
                cell = unicodedata.normalize("NFC", cell)
            if "\r" in cell:
                # Lines end as forms and the API store them: an edit here would differ from the file otherwise.
                cell = cell.replace("\r\n", "\n").replace("\r", "\n")
            try:
                value = plain.read(cell)
            except Bad as bad:
                kept[plain.name] = cell
                if bad.code:
                    flags.tell(bad.code, f"{plain.name} {bad.message}: kept with the record.")
                continue
            values[plain.target] = seen[plain.column] = value
            if plain.key >= 0:
                values[plain.key] = phones.e164(value, self.region)

    def _read_word(
        self, picked: Picked, word: str, values: list[Any], kept: Kept, flags: Flags, seen: dict[str, str]
    ) -> None:
        if not word:
            return
        words = picked.words
        known = self._words.get((picked.name, word))
        if known is None:
            ours = self.book.from_salesforce(words.map, word)
            same = ours is not None and self.book.label(words.labels, ours).casefold() == word.casefold()
            known = (ours, same)
            # A free text column in a picklist's place must not fill the memory.
            if len(self._words) < 10_000:
                self._words[picked.name, word] = known
        ours, same = known
        if not same:
            kept[picked.name] = word
        if ours is None:
            flags.tell("unmapped_value", f"{picked.name} “{word[:80]}” is not in the handbook: kept with the record.")
        else:
            values[picked.target] = seen[words.column] = ours

    def _read_times(self, cells: Sequence[str], kept: Kept, flags: Flags) -> Times:
        found: list[datetime | None] = []
        for name in TIMES:
            cell = cells[self.layout.place[name]].strip() if name in self.layout.place else ""
            try:
                found.append(read_time(cell) if cell else None)
            except Bad as bad:
                kept[name] = cell
                flags.tell(bad.code, f"{name} {bad.message}: kept with the record.")
                found.append(None)
        created, modified = found
        return Times(created or modified or self.at, modified or created or self.at, self.at)

    def _read_state(
        self, cells: Sequence[str], times: Times, values: list[Any], kept: Kept, flags: Flags, seen: dict[str, str]
    ) -> None:
        if not self.kind.flow:
            return
        place, at, flow = self.layout.place, self.layout.at, self.layout.flow
        placed = self.kind.flow(lambda name: cells[place[name]].strip() if name in place else "", times, self.book)
        values[at[flow]], values[at[f"{flow}_since"]] = placed.state, placed.since.isoformat()
        values[at["state_known"]] = placed.known
        if placed.known:
            seen[flow] = placed.state
        for column, value in placed.values.items():
            values[at[column]] = seen[column] = value
        kept.update(placed.kept)
        for code, message in placed.flags:
            flags.tell(code, message)

    def _read_together(
        self, cells: Sequence[str], times: Times, values: list[Any], kept: Kept, flags: Flags, seen: dict[str, str]
    ) -> None:
        """The fields that several columns say together."""
        derived = self.kind.derived
        if derived is None:
            return
        place, at = self.layout.place, self.layout.at
        around = Around(times, self.book, self.at, self.names, self._known)
        read = derived.read(lambda name: cells[place[name]].strip() if name in place else "", around)
        for column, value in read.values.items():
            values[at[column]] = value
            if value and column not in derived.beside and column not in self.layout.unsaid:
                seen[column] = value
        kept.update(read.kept)
        for code, message in read.flags:
            flags.tell(code, message)
        if read.hold:
            values[at["hold_code"]], values[at["hold_message"]] = read.hold

    def _read_links(self, cells: Sequence[str], values: list[Any], kept: Kept, flags: Flags) -> None:
        """Links that come with a status (Converted*) are links only in that status."""
        state = values[self.layout.at[self.layout.flow]] if self.layout.flow else ""
        for source, links in self.layout.sources:
            theirs = read_id(cells[self.layout.place[source]])
            if not theirs:
                continue
            leading = [link for link in links if _may_lead(link, theirs)]
            if not leading:
                kept[source] = theirs
                flags.tell("unresolved_link", f"{source} {theirs} leads to what is not brought in: kept.")
            for link in leading:
                if link.column in self.layout.come_with and link.column not in self.kind.come_with.get(state, ()):
                    kept[source] = theirs
                else:
                    values[self.layout.at[f"x_{link.column}"]] = theirs

    def _hold(self, cells: Sequence[str], values: list[Any]) -> None:
        """Say why a new record could not be stored, and keep the row whole if it might be held."""
        at = self.layout.at
        for need in self.kind.needs:
            if not values[at["hold_code"]] and not any(values[at[column]] for column in need.columns if column in at):
                values[at["hold_code"]], values[at["hold_message"]] = need.code, need.message
                break
        # Whether a URL is a profile's is the database's to say (storing).
        asked = any(
            need.profile and not any(values[at[c]] for c in need.columns if c in at and c != need.profile)
            for need in self.kind.needs
        )
        if (
            asked
            or values[at["hold_code"]]
            or self.kind.may_be_held(values[at[self.layout.flow]] if self.kind.flow else "")
        ):
            values[at["raw"]] = orjson.dumps(dict(zip(self.header, cells, strict=True))).decode()


def _may_lead(link: Link, theirs: str) -> bool:
    """Whether an id may be one of this object: Salesforce's begin with the object's own three characters."""
    return not link.prefixes or not ID.fullmatch(theirs) or theirs.startswith(link.prefixes)


def checksums(seen: Mapping[str, str]) -> str:
    """A checksum of each value, as JSON: enough to see a change, and no second copy of anybody's details."""
    return "{" + ",".join(f'"{name}":{zlib.crc32(value.encode())}' for name, value in seen.items()) + "}"
