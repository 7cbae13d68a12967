"""The check that refuses a start with a handbook nobody can work by."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error

from crm.handbook import HandbookError, configured_path, read
from crm.handbook.further import further_problems


def check_handbook(**_: Any) -> list[CheckMessage]:
    """One error per problem of the configured file."""
    path = configured_path()
    try:
        problems = tuple(further_problems(read(path), path.name))
    except HandbookError as error:
        problems = error.problems
    return [
        Error(
            f"{problem.file}: {problem.where}: found {problem.found}"
            if problem.where
            else f"{problem.file}: found {problem.found}",
            hint=problem.allowed,
            id="handbook.E001",
        )
        for problem in problems
    ]
