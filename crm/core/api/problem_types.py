"""What each code of an error means: read from `problems.toml`, shown under `/api/problems/`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("problems.toml")
SHAPE = re.compile(r"[a-z][a-z0-9_]{0,79}")


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A code, or a family of them (`needs_*`): what it means, and the group it is shown in."""

    code: str
    meaning: str
    group: str


@cache
def problem_types() -> dict[str, ProblemType]:
    """Every code with its meaning, in the order of the file."""
    said = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {code: ProblemType(code, meaning, group) for group, codes in said.items() for code, meaning in codes.items()}


def problem_type(code: str) -> ProblemType | None:
    """What a code means, by itself or as one of its family; None for what is no code of ours."""
    if SHAPE.fullmatch(code) is None:
        return None
    found = problem_types().get(code)
    return found or next((one for one in problem_types().values() if _is_of(code, one.code)), None)


def _is_of(code: str, family: str) -> bool:
    begins, star, ends = family.partition("*")
    return bool(star) and len(code) > len(family) - 1 and code.startswith(begins) and code.endswith(ends)
