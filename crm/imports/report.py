"""What became of an import: counts by file and problems by line, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

# A stored report is read on a page: the rest of a very long list of problems is in what the command printed.
STORED_PROBLEMS = 10_000


@dataclass(slots=True)
class Counts:
    """Rows of one file: each read row is one of created, updated, unchanged or rejected.

    `flagged` counts those among the stored ones that a person should look at.
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    flagged: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to look at. `line` is where the row starts in the file (the header is line 1); 0 is the whole file."""

    file: str
    line: int
    id: str
    code: str
    message: str


@dataclass(slots=True)
class Report:
    """The whole import. `unread` are the problems of input that could not be read at all."""

    files: dict[str, Counts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: list[Problem] = field(default_factory=list)

    @property
    def unreadable(self) -> bool:
        """Whether some input could not be read at all."""
        return bool(self.unread)

    def add(self, file: str, line: int, id: str, code: str, message: str) -> None:
        """Note a problem of a row that was read."""
        self.problems.append(Problem(file, line, id, code, message))

    def cannot_read(self, file: str, line: int, id: str, code: str, message: str) -> None:
        """Note a problem of input that could not be read."""
        self.add(file, line, id, code, message)
        self.unread.append(self.problems[-1])

    def sort(self) -> None:
        """Order the problems as a person goes through the files."""
        places = {name: place for place, name in enumerate(self.files)}
        self.problems.sort(key=lambda problem: (places.get(problem.file, -1), problem.line))

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "files": {name: asdict(counts) for name, counts in self.files.items()},
            "problems": [asdict(problem) for problem in self.problems],
        }

    def as_stored(self) -> dict[str, Any]:
        """The report as an import run keeps it."""
        stored: dict[str, Any] = {
            "files": {name: asdict(counts) for name, counts in self.files.items()},
            "problems": [asdict(problem) for problem in self.problems[:STORED_PROBLEMS]],
        }
        if len(self.problems) > STORED_PROBLEMS:
            stored["problems_left_out"] = len(self.problems) - STORED_PROBLEMS
        return stored

    def as_text(self) -> str:
        """The report for people: a table of counts, then the problems."""
        names = list(Counts.__dataclass_fields__)
        lines = [["File", *(name.capitalize() for name in names)]]
        lines += [[file, *(str(getattr(counts, name)) for name in names)] for file, counts in self.files.items()]
        parts = ["\n".join(_columns(lines))] if self.files else []
        if self.problems:
            parts.append("\n".join(_sentences(self.problems)))
        return "\n\n".join(parts)


def _columns(lines: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *numbers))


def _sentences(problems: Iterable[Problem]) -> Iterable[str]:
    for problem in problems:
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        yield " ".join(filter(None, (f"{place}:" if place else "", problem.message, f"[{problem.code}]")))
