"""One row of a file after the other: into values of ours, names of other records, what is kept, and what to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from crm import handbook
from crm.core.text import Email, tidy
from crm.imports.csv.amounts import read_amount
from crm.imports.csv.dates import read_date
from crm.imports.csv.plan import PLACEHOLDER, YEAR, Plan, format_of
from crm.imports.csv.targets import CREATED, ID, KEPT, SINCE, STATE, Target
from crm.imports.csv.words import lexicons, read_yes_no
from crm.imports.salesforce.values import Bad, read_currency

LONGEST_TEXT = 131_072


@dataclass(slots=True)
class Mapped:
    """What a row says. `links` are the cells that name other records, `people` those that name users, by attribute."""

    line: int
    row: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, tuple[Target, str]] = field(default_factory=dict)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    flags: list[tuple[str, str]] = field(default_factory=list)
    id: str = ""
    state: str = ""
    since: datetime | None = None
    created: datetime | None = None


Reader = Callable[[str], Any]
# Columns in percent: files may show them with the sign, as lists do.
PERCENTS = ("confidence",)


class RowReader:
    """Reads the rows of one file by its plan."""

    def __init__(self, plan: Plan, found: Mapping[str, Any]) -> None:
        self.plan, self.what = plan, plan.what
        self.header: list[str] = list(found["header"])
        self.book = handbook.current()
        self.zone = self.book.zone
        self.fields = {f.attname: f for f in self.what.model._meta.concrete_fields}
        self.targets = plan.targets()
        self.lexicons = lexicons(plan, self.book)
        self.formats = {name: format_of(plan, name, target, found) for name, target in self.targets.items()}
        self.readers = {name: self._reader(name, target) for name, target in self.targets.items()}
        self.places = {name: place for place, name in enumerate(self.header)}
        self.keeps = [name for name in self.header if self._is_kept(name)]
        self.has_currency = "currency" in self.fields
        self.currency_given = any(target.column == "currency" for target in self.targets.values())

    def _is_kept(self, name: str) -> bool:
        column = self.plan.columns.get(name)
        # A target that left the handbook since is no reason to lose its column.
        return column is None or column.to == KEPT or (bool(column.to) and name not in self.targets)

    def read(self, line: int, cells: Sequence[str]) -> Mapped:
        """What one row says."""
        row = dict(zip(self.header, cells, strict=True))
        found = Mapped(line, row)
        for name in self.keeps:
            if cell := tidy(row[name]):
                found.kept[name] = cell
        for name, target in self.targets.items():
            if cell := tidy(row[name]):
                self._take(found, name, target, cell)
        if self.plan.pattern and "name" in self.fields and not found.values.get("name"):
            found.values["name"] = self._composed(found)
        return found

    def _take(self, found: Mapped, name: str, target: Target, cell: str) -> None:
        if target.kind == "record":
            found.links[target.column] = (target, cell)
        elif target.kind == "person":
            found.people[target.column] = (name, cell)
        elif target.key == ID:
            found.id = cell[:255]
        else:
            try:
                self._set(found, target, self.readers[name](cell))
            except Bad as bad:
                found.kept[name] = cell
                if bad.code:
                    found.flags.append((bad.code, f"{name} {bad.message}: kept with the record."))

    def _set(self, found: Mapped, target: Target, value: Any) -> None:
        if target.key == STATE:
            found.state = value
        elif target.key == SINCE:
            found.since = value
        elif target.key == CREATED:
            found.created = value
        elif target.kept_as:
            found.kept[target.kept_as] = value
        elif target.kind == "money":
            found.values[target.column] = value.number
            if value.currency and self.has_currency and not self.currency_given:
                found.values["currency"] = value.in_currency(self.book.company.currency)
        else:
            found.values[target.column] = value

    def _composed(self, found: Mapped) -> str:
        """The name by the pattern; the year is that of its close, else of its beginning."""

        def fill(match: Any) -> str:
            if match[1] != YEAR:
                return tidy(found.row.get(match[1], ""))
            day = found.values.get("close_on") or found.values.get("effective_date") or found.since or found.created
            return str(day.year) if day else ""

        return " ".join(PLACEHOLDER.sub(fill, self.plan.pattern).split()).strip(" ,-–")[:255]

    def _reader(self, name: str, target: Target) -> Reader:
        """How the cells of a column are read. Each raises `Bad` for what its field cannot be."""
        style: Any = self.formats[name]
        if target.kept_as:
            return self._own(name, target, style)
        match target.kind:
            case "date":
                return lambda cell: self._checked(target, _day(cell, style))
            case "datetime":
                return lambda cell: _moment(cell, style, self.zone)
            case "number":
                sign = "%" if target.column in PERCENTS else ""
                return lambda cell: self._checked(target, _whole(cell.strip().removesuffix(sign), style))
            case "money":
                return lambda cell: _money(cell, style, self._checked, target)
            case "yes_no":
                return _yes_no
            case "choice" | "state":
                return lambda cell: self._word(name, cell)
            case "link":
                return lambda cell: self._checked(target, cell if "://" in cell else f"https://{cell}")
        if target.column == "currency":
            return lambda cell: read_currency(cell.upper())
        return lambda cell: self._checked(target, cell)

    def _own(self, name: str, target: Target, style: Any) -> Reader:
        """A field of one's own is stored as its page stores it: as text."""
        match target.kind:
            case "date":
                return lambda cell: _day(cell, style).isoformat()
            case "number":
                return lambda cell: format(_number(cell, style).normalize(), "f")
            case "yes_no":
                return lambda cell: "true" if _yes_no(cell) else "false"
            case "choice":
                return lambda cell: self._word(name, cell)
        return lambda cell: cell

    def _word(self, name: str, cell: str) -> str:
        ours = self.lexicons[name].find(cell)
        if ours is None:
            raise Bad("unmapped_value", f"“{cell[:80]}” is none of the words here")
        return ours

    def _checked(self, target: Target, value: Any) -> Any:
        """The value as the model's own field takes it, by the same rules as at every other door."""
        column: Any = self.fields.get(target.column)
        if column is None:
            return value
        if isinstance(value, str) and len(value) > (column.max_length or LONGEST_TEXT):
            raise Bad("too_long", f"is {len(value):,} characters long, {column.max_length or LONGEST_TEXT:,} allowed")
        try:
            return column.clean(value, None)
        except ValidationError as error:
            said = " ".join(error.messages).rstrip(".")
            code = "bad_email" if isinstance(column, Email) else "bad_url" if target.kind == "link" else "bad_value"
            raise Bad(code, f"“{str(value)[:80]}”: {said[:1].lower()}{said[1:]}") from error


def _day(cell: str, order: Any) -> Any:
    read = read_date(cell, order)
    if read is None:
        raise Bad("bad_date", f"“{cell[:80]}” is no day in this column's format")
    return read.day


def _moment(cell: str, order: Any, zone: Any) -> datetime:
    read = read_date(cell, order)
    if read is None:
        raise Bad("bad_date", f"“{cell[:80]}” is no day or time in this column's format")
    return read.moment(zone)


def _number(cell: str, style: Any) -> Decimal:
    read = read_amount(cell, style)
    if read is None:
        raise Bad("bad_number", f"“{cell[:80]}” is no number in this column's format")
    return read.number


def _whole(cell: str, style: Any) -> int:
    number = _number(cell, style)
    if number != number.to_integral_value() or abs(number) > 2_147_483_647:
        raise Bad("bad_number", f"“{cell[:80]}” is no whole number")
    return int(number)


def _money(cell: str, style: Any, checked: Callable[[Target, Any], Any], target: Target) -> Any:
    read = read_amount(cell, style)
    if read is None:
        raise Bad("bad_number", f"“{cell[:80]}” is no amount in this column's format")
    if abs(read.number) >= 10**12 or read.number != round(read.number, 2):
        raise Bad("bad_number", f"“{cell[:80]}” is no amount in whole cents below a trillion")
    checked(target, read.number)
    return read


def _yes_no(cell: str) -> bool:
    found = read_yes_no(cell)
    if found is None:
        raise Bad("bad_value", f"“{cell[:80]}” is neither yes nor no")
    return found
