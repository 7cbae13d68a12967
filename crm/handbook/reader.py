"""Reading a handbook file: strictly, and with all that is wrong said at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crm.handbook.document import Handbook
from crm.handbook.problems import HandbookError, Place, Problem, written_place
from crm.handbook.rules import broken
from crm.handbook.structure import structural

TOML_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")


def read(path: Path) -> Handbook:
    """The handbook in a file. Raises `HandbookError` with every problem if it cannot be worked by."""
    return parse(_text(path), path)


def parse(text: str, source: Path) -> Handbook:
    """The handbook in a text; `source` is what its problems name. Raises `HandbookError`."""
    return _checked(_parsed(text, source), text, source)


def read_section(book: Handbook, path: Path, section: str) -> Handbook:
    """As `with_section`, of a file."""
    return with_section(book, _text(path), path, section)


def with_section(book: Handbook, text: str, source: Path, section: str) -> Handbook:
    """The handbook with one section as this text has it, to see what a change would do; or the whole one in the text.

    Raises `HandbookError`, also for a text that has some other section alone.
    """
    raw = _parsed(text, source)
    if set(raw) - {section}:
        return _checked(raw, text, source)
    if section not in raw:
        allowed = f"a handbook, or its section [{section}]"
        raise HandbookError([Problem(str(source), "", "nothing to try", f"allowed: {allowed}")])
    return _checked({**tomllib.loads(book.text), **raw}, text, source)


def _parsed(text: str, source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HandbookError([_syntax_problem(source, error)]) from None


def _checked(raw: dict[str, Any], text: str, source: Path) -> Handbook:
    found: dict[Place, tuple[str, str]] = {}
    handbook = None
    try:
        handbook = Handbook.model_validate(_with_tuples(raw))
    except ValidationError as error:
        found.update({place: (what, allowed) for place, what, allowed in structural(Handbook, error)})
    for place, what, allowed in broken(raw):
        found.setdefault(place, (what, allowed))
    if handbook is None or found:
        problems = [Problem(str(source), written_place(place), *said) for place, said in found.items()]
        raise HandbookError(problems)
    handbook._text = text
    return handbook


def _text(path: Path) -> str:
    try:
        # utf-8-sig: some editors put a byte order mark in front, which TOML does not know.
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        problem = Problem(str(path), "", error.strerror or "an unreadable file", "allowed: a readable TOML file")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(str(path), f"line {line}", "bytes that are not UTF-8", "save the file as UTF-8")
    raise HandbookError([problem])


def _syntax_problem(path: Path, error: tomllib.TOMLDecodeError) -> Problem:
    message = str(error)
    position = TOML_POSITION.search(message)
    where = f"line {position[1]}, column {position[2]}" if position else "the end of the file"
    what = TOML_POSITION.sub("", message).removesuffix(" (at end of document)")
    return Problem(str(path), where, f"something that is not TOML ({what})", "see https://toml.io")


def _with_tuples(value: Any) -> Any:
    """Strict models take no list where they hold a tuple, and TOML has only lists."""
    if isinstance(value, dict):
        return {key: _with_tuples(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_with_tuples(inner) for inner in value)
    return value
