"""What becomes of each column of one file: a field, a picklist's word, a link, the status, or kept as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from crm.core.phones import PhoneKey
from crm.imports.salesforce.kinds import LINKEDIN, Kind, Link, Words
from crm.imports.salesforce.values import Reader, reader_of

# Columns of every object that are read for what they say about the row itself.
TIMES = ("CreatedDate", "LastModifiedDate")
STATE = ("Status", "StageName", "IsConverted", "ConvertedDate")
# What is staged beside the columns of the record.
BESIDE = {
    "n": "integer",
    "external_id": "text",
    "flagged": "boolean",
    "hold_code": "text",
    "hold_message": "text",
    "raw": "jsonb",
    "seen": "jsonb",
    "kept": "jsonb",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}


@dataclass(frozen=True, slots=True)
class Plain:
    """A column that becomes a field: where it is in the file, where its value and its phone's key are staged."""

    name: str
    place: int
    column: str
    target: int
    read: Reader
    key: int


@dataclass(frozen=True, slots=True)
class Picked:
    """A column of a picklist."""

    name: str
    place: int
    words: Words
    target: int


class Layout:
    """The columns of one file, sorted. `columns` are those of the staging table, in order."""

    def __init__(self, kind: Kind, header: list[str]) -> None:
        self.kind = kind
        self.place = {name: place for place, name in enumerate(header)}
        self.fields = {f.attname: f for f in kind.model._meta.concrete_fields}
        named = self._named()
        self.links = self._linked()
        # Asked for with every row.
        self.sources = self._leading()
        self.derived = kind.derived
        derived = list(kind.derived.columns) if kind.derived else []
        # What several columns say together, and this file does not say.
        self.unsaid = {c for c in derived if kind.derived and not self._says(kind.derived.columns[c])}
        self.targets = [*named, *(w.column for name, w in kind.words.items() if name in self.place), *derived]
        self.keys = {f.of: f.attname for f in self.fields.values() if isinstance(f, PhoneKey) and f.of in named}
        self.flow = str(getattr(kind.model, "FLOW", "")) if kind.flow else ""
        self.come_with = [c for columns in kind.come_with.values() for c in columns]
        own = [c for c in self.come_with if c not in {link.column for link in kind.links}]
        state = [self.flow, f"{self.flow}_since", "state_known"] if self.flow else []
        links = [f"x_{link.column}" for link in self.links]
        beside = kind.derived.beside if kind.derived else {}
        self.columns = [*BESIDE, *beside, *state, *links, *self.targets, *self.keys.values(), *own]
        self.at = {column: place for place, column in enumerate(self.columns)}
        self.plain = [
            Plain(name, self.place[name], column, self.at[column], reader_of(self.fields[column]), self._key(column))
            for column, name in named.items()
        ]
        self.picked = [
            Picked(name, self.place[name], words, self.at[words.column])
            for name, words in kind.words.items()
            if name in self.place
        ]
        taken = {*named.values(), *kind.words, *(link.source for link in self.links), *TIMES, "Id", "IsDeleted"}
        taken |= set(STATE) if self.flow else set()
        taken |= set(kind.derived.sources) if kind.derived else set()
        self.keep = [(place, name) for place, name in enumerate(header) if name not in taken]
        self.blank = [self._empty(column) for column in self.columns]

    def _named(self) -> dict[str, str]:
        """The source of each plain field. Of several columns for one field the first is taken, the others kept."""
        named: dict[str, str] = {}
        for name in self.place:
            linkedin = "linkedin_url" in self.fields and LINKEDIN.fullmatch(name)
            column = self.kind.fields.get(name) or ("linkedin_url" if linkedin else "")
            if column:
                named.setdefault(column, name)
        return named

    def _says(self, sets: tuple[frozenset[str], ...]) -> bool:
        return any(names <= self.place.keys() for names in sets)

    def _linked(self) -> list[Link]:
        """The links of this file. Of several columns for one of our links the first is taken, the others kept."""
        found: dict[str, Link] = {}
        for link in self.kind.links:
            if link.source in self.place:
                found.setdefault(link.column, link)
        return list(found.values())

    def _leading(self) -> list[tuple[str, list[Link]]]:
        """The columns that lead elsewhere, each with the links that it may be."""
        names = dict.fromkeys(link.source for link in self.links)
        return [(name, [link for link in self.links if link.source == name]) for name in names]

    def _key(self, column: str) -> int:
        return self.at[self.keys[column]] if column in self.keys else -1

    def _empty(self, column: str) -> Any:
        field = self.fields.get(column)
        return None if field is None or field.null or column in BESIDE else field.get_default()

    @property
    def types(self) -> dict[str, str]:
        """The SQL type of each staged column."""
        types = dict(BESIDE) | dict(self.derived.beside if self.derived else {})
        for column in self.columns[len(types) :]:
            field: models.Field[Any, Any] | None = self.fields.get(column)
            types[column] = str(field.db_type(connection)).split(" CHECK")[0] if field else "text"
        if self.flow:
            types["state_known"] = "boolean"
        return types

    @property
    def present(self) -> list[str]:
        """The names under which this file may say something: what else was seen before still holds."""
        state = [self.flow] if self.flow else []
        said = [column for column in self.targets if column not in self.unsaid]
        return [*said, *(link.column for link in self.links), *self.come_with, *state, "kept"]
